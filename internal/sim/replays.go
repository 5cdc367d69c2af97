package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/snapshot"
)

// mailing is a list that is brought to its end by replays.
type mailing struct {
	list *snapshot.Snapshot
	drop client.Drop
	rows []*piece
	// out are contacts that must not be mailed until open is set: then somebody
	// has taken them off the list of those.
	out  map[string]bool
	open atomic.Bool

	mu   sync.Mutex
	name string // of the run
	runs int
}

// Contains implements [snapshot.Suppressor].
func (m *mailing) Contains(_ context.Context, contact string, _ snapshot.AddressKey) (bool, error) {
	return m.out[contact] && !m.open.Load(), nil
}

func (m *mailing) replay(name string) client.Replay {
	return client.Replay{Name: name, Snapshot: m.list, Drop: m.drop, Suppress: []snapshot.Suppression{{List: m}}}
}

// current is the name of the run that people are at, next that of another one
// where that was stopped or is over.
func (m *mailing) current() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.name
}

func (m *mailing) next(after string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.name == after {
		m.runs++
		m.name = fmt.Sprint("catch-up-", m.runs)
	}
}

// newMailing takes a list of so many rows, which the oracle expects.
func (w *world) newMailing(rows int) error {
	if w.mailing = (&mailing{}); rows == 0 {
		return nil
	}
	var text strings.Builder
	text.WriteString("contact_id,name,address_line1,city,state,zip\n")
	for i := range rows {
		fmt.Fprintf(&text, "r%d,Current Resident,%d Row Street,Springfield,IL,62701\n", i, i+1)
	}
	list, err := snapshot.Take(w.ctx, snapshot.CSV(strings.NewReader(text.String()), snapshot.Mapping{}), snapshot.Options{Campaign: campaigns()[0], Store: snapshot.NewMemory()})
	if err != nil {
		return err
	}
	m := &mailing{list: list, name: "catch-up", out: map[string]bool{}, drop: client.Drop{
		Name: "card", Class: postproof.FirstClass, Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: artFront, Back: artBack}},
	}}
	for job, err := range client.Jobs(w.ctx, list, m.drop) {
		if err != nil {
			return err
		}
		p := newPieceOf(w.main, job)
		p.row = true
		if w.dice.next("replay.out", job.Contact) < w.profile.out {
			m.out[job.Contact] = true
			p.wished = true // a run may cancel what waits of it
		}
		m.rows = append(m.rows, p)
		w.oracle.expect(p)
	}
	w.mailing = m
	return nil
}

// replays has one or two people run the replay of the list, and another one who
// pauses and stops them.
func (w *world) replays() {
	m := w.mailing
	if len(m.rows) == 0 {
		return
	}
	starts := w.dice.between("replay.at", "", time.Minute, 80*time.Minute)
	if w.restoring() { // the backup is of a run that goes on
		starts = w.profile.backup - w.dice.between("replay.before", "", time.Minute, 10*time.Minute)
	}
	w.others.Go(func() { w.replayer("ann", starts) })
	alone := 0.5
	if w.restoring() {
		alone = 0.8
	}
	if w.dice.next("replay.two", "") >= alone {
		w.others.Go(func() { w.replayer("bob", starts+w.dice.between("replay.later", "", time.Second, 10*time.Minute)) })
	}
	if w.dice.next("replay.control", "") < 0.6 {
		w.others.Go(func() { w.replayControl(starts) })
	}
	w.others.Go(func() {
		if w.wait(starts + w.dice.between("replay.open", "", 0, 15*time.Minute)) {
			m.open.Store(true)
		}
	})
}

// replayer plans and runs the replay, stops its process now and then, and runs it
// again until it is handed over.
func (w *world) replayer(name string, starts time.Duration) {
	m, d := w.mailing, w.dice
	if !w.wait(starts) {
		return
	}
	var plan *client.ReplayPlan
	for w.chaotic() && w.ctx.Err() == nil {
		if at := w.someProcess(name); at != nil {
			run := m.current()
			if plan == nil || plan.Replay.Name != run || d.next("replay.anew", name) < 0.1 {
				plan = w.plan(at, run)
			}
			// What was planned may be run much later, when more could be sent.
			if d.next("replay.late", name) < 0.3 && !w.wait(d.between("replay.sleep", name, time.Second, 30*time.Minute)) {
				return
			}
			if plan != nil {
				err := w.runReplay(at, name, plan)
				switch code := postproof.CodeOf(err); {
				case err == nil && w.handed(run):
					return
				case err == nil: // in a ledger that a backup has replaced since
				case errors.Is(err, client.ErrReplayStopped):
					m.next(run)
				case errors.Is(err, client.ErrReplayChanged):
					plan = nil
				case errors.Is(err, client.ErrReplayTaken):
				case code == postproof.CodeConflict: // it is over, and there is more to send by now
					m.next(run)
				}
			}
		}
		if !w.wait(d.between("replay.again", name, time.Second, 3*time.Minute)) {
			return
		}
	}
}

// plan plans a replay, and allows what the plan says; nil when it cannot be
// planned now.
func (w *world) plan(at *process, run string) *client.ReplayPlan {
	o := w.oracle
	plan, err := at.client.PlanReplay(w.ctx, w.mailing.replay(run))
	if err != nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.deeds.runs[run]
	if r == nil {
		r = &replayRun{}
		o.deeds.runs[run] = r
	}
	r.most = max(r.most, r.sent+plan.Sends())
	return &plan
}

// runReplay runs a plan for a while.
func (w *world) runReplay(at *process, name string, plan *client.ReplayPlan) error {
	d, o := w.dice, w.oracle
	run := plan.Replay.Name
	opts := client.ReplayOptions{}
	if w.restoring() || d.next("replay.slow", name) < 0.7 {
		fastest, slowest := 20*time.Millisecond, 4*time.Second
		if w.restoring() { // so that there is something left to do afterwards
			fastest, slowest = 3*time.Minute, 12*time.Minute
		}
		opts.Rate = 1 / d.between("replay.rate", name, fastest, slowest).Seconds()
	}
	if d.next("replay.ahead", name) < 0.4 {
		opts.Ahead = 1 + int(d.next("replay.most", name)*4)
	}
	least, most := 5*time.Second, 30*time.Minute
	if w.restoring() {
		least, most = time.Hour, 3*time.Hour
	}
	ctx, cancel := context.WithTimeout(w.ctx, d.between("replay.patience", name, least, most))
	defer cancel()
	restores := at.shelf.restores.Load()
	err := w.acknowledged(at.shelf, func() error {
		_, err := at.client.RunReplay(ctx, *plan, client.Actor{By: name, Why: "the printer was out"}, opts)
		return err
	}, func(d *deeds) {
		o.faults["person.replayed"]++
		d.words[word{client.ActionReplay, client.Target{Kind: client.TargetReplay, Name: run}}] = true
		d.runs[run].handed = &since{time.Now()}
	})
	if at.shelf.restores.Load() != restores {
		w.struck("person.replay_across_restore")
	}
	if err == nil {
		w.replayIsWhole(at.shelf, run)
	}
	if errors.Is(err, client.ErrReplayChanged) {
		w.struck("person.replay_changed")
	}
	return err
}

// handed reports whether a run is known to be handed over.
func (w *world) handed(name string) bool {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	r := w.oracle.deeds.runs[name]
	return r != nil && r.handed != nil
}

// replayIsWhole checks that a run that was handed over has left out no row.
func (w *world) replayIsWhole(s *shelf, name string) {
	o := w.oracle
	restores := s.restores.Load()
	o.mu.Lock()
	run := o.deeds.runs[name]
	o.mu.Unlock()
	if !w.handed(name) { // the ledger was restored meanwhile
		return
	}
	for _, p := range w.mailing.rows {
		if s.get(p.id) != nil || w.mailing.out[p.job.Contact] || s.restores.Load() != restores {
			continue
		}
		o.mu.Lock()
		if o.deeds.runs[name] == run {
			o.violate("replay_left_out", p, "the replay "+name+" is handed over, and this row is not in the ledger")
		}
		o.mu.Unlock()
	}
}

// replayControl pauses the run, and lets it go on, or stops it.
func (w *world) replayControl(starts time.Duration) {
	d, m := w.dice, w.mailing
	if !w.wait(starts) {
		return
	}
	for range 12 {
		if !w.wait(d.between("replay.control_at", "", 10*time.Millisecond, 30*time.Second)) || !w.chaotic() {
			return
		}
		name := m.current()
		stop := d.next("replay.stop", "") < 0.1
		done := w.insistOn("control", 5, func(at *process) error { return w.bar(at, name, stop) })
		if !done || stop {
			continue
		}
		longest := time.Second
		if d.next("replay.lunch", "") < 0.2 {
			longest = 20 * time.Minute
		}
		if !w.wait(d.between("replay.control_for", "", 10*time.Millisecond, longest)) {
			return
		}
		w.insistOn("control", 1000, func(at *process) error { return w.unbar(at, name) })
	}
}

// bar pauses or stops a run.
func (w *world) bar(at *process, name string, stop bool) error {
	o := w.oracle
	return w.acknowledged(at.shelf, func() error {
		if stop {
			return at.client.StopReplay(w.ctx, name, client.Actor{By: "sim", Why: "enough"})
		}
		return at.client.PauseReplay(w.ctx, name, client.Actor{By: "sim", Why: "lunch"})
	}, func(d *deeds) {
		o.faults["person.replay_barred"]++
		if r := d.runs[name]; r != nil {
			r.barred, r.reason = &since{time.Now()}, "paused"
			if stop {
				r.reason = "stopped"
			}
		}
	})
}

// unbar lets a paused run go on.
func (w *world) unbar(at *process, name string) error {
	w.oracle.mu.Lock()
	if r := w.oracle.deeds.runs[name]; r != nil && r.reason == "paused" {
		r.barred = nil
	}
	w.oracle.mu.Unlock()
	return at.client.ResumeReplay(w.ctx, name, client.Actor{By: "sim", Why: "back"})
}

// replayAll replays everything when all is settled: nothing is sent. It reports
// whether it was done.
func (w *world) replayAll(at *process) bool {
	const name = "all"
	r := client.Replay{Name: name, Query: &client.ReplayQuery{}}
	if w.mailing.list != nil {
		r.Snapshot, r.Drop = w.mailing.list, w.mailing.drop
	}
	plan, err := at.client.PlanReplay(w.ctx, r)
	if err != nil {
		return false
	}
	o := w.oracle
	o.mu.Lock()
	o.deeds.runs[name] = &replayRun{}
	if n := plan.Sends(); n > 0 {
		o.violate("replay_again", nil, fmt.Sprintf("all is settled, and a replay would send %d jobs", n))
	}
	o.mu.Unlock()
	_, err = at.client.RunReplay(w.ctx, plan, client.Actor{By: "sim"}, client.ReplayOptions{})
	return err == nil
}
