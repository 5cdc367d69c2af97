package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// deeds are what people did to the ledgers of a world, as far as they were told
// that it is done: from then on it counts. The oracle's lock guards them.
type deeds struct {
	// paused is what holds, by ledger; ended counts the beginnings and ends of
	// the calls that end a pause, ending those under way.
	paused        map[*shelf]map[client.Target]*since
	ended, ending map[client.Target]int
	// runs are the replays, by name.
	runs map[string]*replayRun
	// erased are the jobs whose erasure was reported: nothing new goes out.
	erased map[*piece]*since
	// decided is when somebody was last told that a held job is decided.
	decided map[*piece]time.Time
	// reports are those of the erasures, entries those of the change log.
	reports []client.ErasureReport
	entries []client.ChangeEntry
	// words are acknowledged actions whose entry has no known number.
	words map[word]bool
	// backup is what held when the backup was taken; nil without one.
	backup *deeds
}

// since is from when on something holds. Its address tells it from what held
// before.
type since struct{ at time.Time }

// word is an action and what it was done to.
type word struct {
	action client.Action
	target client.Target
}

// replayRun is a replay: what its plans allow, what it has sent, and whether it
// may take in more jobs.
type replayRun struct {
	most, sent int64
	barred     *since // paused or stopped
	reason     string
	handed     *since // all of it
}

func newDeeds() deeds {
	return deeds{
		paused: map[*shelf]map[client.Target]*since{}, ended: map[client.Target]int{}, ending: map[client.Target]int{}, runs: map[string]*replayRun{},
		erased: map[*piece]*since{}, words: map[word]bool{}, decided: map[*piece]time.Time{},
	}
}

// clone copies what a backup of the main ledger would have.
func (d *deeds) clone(main *shelf) *deeds {
	c := newDeeds()
	c.paused[main] = maps.Clone(d.paused[main])
	c.erased = maps.Clone(d.erased)
	c.words = maps.Clone(d.words)
	c.entries, c.reports = slices.Clip(d.entries), slices.Clip(d.reports)
	for name, r := range d.runs {
		copied := *r
		c.runs[name] = &copied
	}
	return &c
}

// restored makes the deeds those of the backup. Plans are in people's hands, and
// not in the ledger.
func (d *deeds) restored(main *shelf) {
	old := d.backup.clone(main) // it may be restored again
	for name, r := range d.runs {
		if old.runs[name] == nil {
			old.runs[name] = &replayRun{}
		}
		old.runs[name].most = r.most
	}
	old.paused[main] = renewed(old.paused[main])
	// An end that is under way may come to the backup's ledger instead.
	maps.DeleteFunc(old.paused[main], func(t client.Target, _ *since) bool { return d.ending[t] > 0 })
	d.paused[main], d.runs, d.erased, d.words = old.paused[main], old.runs, renewed(old.erased), old.words
	d.entries, d.reports = old.entries, old.reports
}

// renewed has the same things hold, from now on.
func renewed[K comparable](old map[K]*since) map[K]*since {
	out := map[K]*since{}
	for k := range old {
		out[k] = &since{time.Now()}
	}
	return out
}

// acknowledged does something in a ledger, and reports whether it is done there
// for sure: there was no error, and the ledger was not replaced by its backup
// meanwhile. Then it notes that.
func (w *world) acknowledged(s *shelf, do func() error, note func(d *deeds)) error {
	o := w.oracle
	before := s.restores.Load()
	if err := do(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.restores.Load() == before && s == w.main {
		note(&o.deeds)
	}
	return nil
}

// intent is what holds when a process begins to commit the intent of a send.
type intent struct {
	rec     *idempotency.Record
	about   *piece
	pauses  map[client.Target]*since
	erasure *since
}

// intends returns what a change must not do; nil for one that is no intent.
func (w *world) intends(s *shelf, ch *idempotency.Change) *intent {
	rec := ch.Record
	if rec == nil || rec.State != idempotency.Sending {
		return nil
	}
	sub := rec.Current()
	if sub == nil || sub.Intent != rec.Fence {
		return nil
	}
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	i := &intent{rec: rec, about: o.byID[rec.ID], pauses: map[client.Target]*since{}}
	for t, held := range o.deeds.paused[s] {
		if concerns(t, rec.Campaign, sub.Vendor, rec.Priority) {
			i.pauses[t] = held
		}
	}
	if i.about != nil && s == w.main {
		i.erasure = o.deeds.erased[i.about]
	}
	return i
}

// concerns reports whether a pause keeps a job from a vendor.
func concerns(t client.Target, campaign, vendor string, priority int) bool {
	switch t.Kind {
	case client.TargetCampaign:
		return t.Name == campaign
	case client.TargetVendor:
		return t.Name == vendor
	case client.TargetPriority:
		var least int
		_, _ = fmt.Sscan(t.Name, &least)
		return priority < least
	default:
		return false
	}
}

// intended checks an intent that was committed: what held before the commit began,
// and holds after it has ended, held all the while.
func (w *world) intended(s *shelf, i *intent) {
	if i == nil {
		return
	}
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	for t, held := range i.pauses {
		if o.deeds.paused[s][t] == held {
			o.violate("paused_sent", i.about, fmt.Sprintf("it is to be sent by %s although %s was paused %s ago", i.rec.Current().Vendor, t, time.Since(held.at)))
		}
	}
	if i.erasure != nil && o.deeds.erased[i.about] == i.erasure {
		o.violate("erased_sent", i.about, fmt.Sprintf("it is to be sent although it was erased %s ago", time.Since(i.erasure.at)))
	}
}

// joins returns what keeps a record from becoming part of a replay, and whether
// that is a send; nil when the change has it join none. Old is the record before.
func (w *world) joins(s *shelf, ch *idempotency.Change, old *idempotency.Record) *joining {
	rec := ch.Record
	if rec == nil || rec.Run == "" || s != w.main || (old != nil && (old.Run == rec.Run || old.Fence != ch.Expect)) {
		return nil
	}
	j := &joining{name: rec.Run, id: rec.ID, restores: s.restores.Load()}
	j.sends = old == nil || (rec.State == idempotency.Planned && (old.State == idempotency.Refused || old.State == idempotency.Held))
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	if r := w.oracle.deeds.runs[rec.Run]; r != nil {
		j.barred = r.barred
	}
	return j
}

type joining struct {
	name     string
	id       idempotency.ID
	sends    bool
	barred   *since
	restores int64
}

// tookIn checks that a replay may do what it did.
func (w *world) tookIn(s *shelf, j *joining) {
	if j == nil {
		return
	}
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.restores.Load() != j.restores {
		return
	}
	r := o.deeds.runs[j.name]
	if r == nil {
		o.violate("replay_unplanned", o.byID[j.id], "a replay that nobody planned takes it in: "+j.name)
		return
	}
	if j.barred != nil && r.barred == j.barred {
		o.violate("replay_barred", o.byID[j.id], fmt.Sprintf("the replay %s takes it in although it was %s %s ago", j.name, r.reason, time.Since(j.barred.at)))
	}
	if !j.sends {
		return
	}
	if r.sent++; r.sent > r.most {
		o.violate("replay_over_plan", o.byID[j.id], fmt.Sprintf("the replay %s sends %d jobs, and its plan says %d", j.name, r.sent, r.most))
	}
}

// wired checks bytes of a submission on the wire by what people were told. What
// was under way has a lease to end.
func (o *oracle) wired(p *piece, vendor, ref string) {
	const lease = 10 * time.Minute
	if p == nil || o.frozen[ref] {
		return
	}
	for t, held := range o.deeds.paused[p.shelf] {
		if concerns(t, p.job.Campaign, vendor, p.job.Priority) && time.Since(held.at) > lease {
			o.violate("paused_wired", p, fmt.Sprintf("bytes go to %s although %s was paused %s ago", vendor, t, time.Since(held.at)))
		}
	}
	if e := o.deeds.erased[p]; e != nil && time.Since(e.at) > lease {
		o.violate("erased_wired", p, fmt.Sprintf("bytes go to %s although it was erased %s ago", vendor, time.Since(e.at)))
	}
}

// check is what is looked at when a change was made.
type check struct {
	index   int
	intent  *intent
	joining *joining
}

// checks returns what is to be looked at once the changes are made.
func (v *view) checks(ctx context.Context, m *idempotency.Memory, changes []idempotency.Change) []check {
	var all []check
	for i := range changes {
		c := check{index: i, intent: v.w.intends(v.shelf, &changes[i])}
		if rec := changes[i].Record; rec != nil && rec.Run != "" {
			old, _ := m.Get(ctx, rec.ID) // none is what it is for a new one
			c.joining = v.w.joins(v.shelf, &changes[i], old)
		}
		if c.intent != nil || c.joining != nil {
			all = append(all, c)
		}
	}
	return all
}

// counters names the counters of the replays so far. The caller holds the
// oracle.
func (o *oracle) counters() []string {
	var all []string
	for name := range o.deeds.runs {
		for _, what := range []string{"jobs", "sent", "recovered", "held", "refused", "canceled", "unknown"} {
			all = append(all, "replay/"+name+"/"+what)
		}
	}
	return all
}
