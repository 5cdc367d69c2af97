package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// callers hand the jobs in, some one by one and some as a batch, change their
// minds about a few, and try to use keys again.
func (w *world) callers() {
	var pieces []*piece
	for _, p := range w.oracle.pieces {
		if !p.row {
			pieces = append(pieces, p)
		}
	}
	const batches = 8
	per := (len(pieces) + batches - 1) / batches
	for b := 0; b*per < len(pieces); b++ {
		batch := pieces[b*per : min((b+1)*per, len(pieces))]
		name := fmt.Sprint("batch", b)
		w.others.Go(func() {
			window := 90 * time.Minute
			if w.profile.class == classLong {
				window = 15 * time.Minute
			}
			if !w.wait(w.dice.between("caller.at", name, 0, window)) {
				return
			}
			if w.dice.next("caller.way", name) < 0.6 {
				w.enqueue(name, batch)
				return
			}
			for _, p := range batch {
				w.submit(p)
			}
		})
	}
	for _, p := range pieces {
		if w.dice.next("caller.cancel", string(p.job.Key)) < w.profile.cancels {
			w.others.Go(func() { w.cancelLater(p) })
		}
		if w.dice.next("caller.reuse", string(p.job.Key)) < 0.02 {
			w.others.Go(func() { w.reuseLater(p) })
		}
	}
}

// wait sleeps; false when the world has ended meanwhile.
func (w *world) wait(d time.Duration) bool {
	select {
	case <-w.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// enqueue hands jobs in until they are stored.
func (w *world) enqueue(name string, batch []*piece) {
	for w.chaotic() && w.ctx.Err() == nil {
		if p := w.someProcess(name); p != nil && w.enqueueAt(p, batch) == nil {
			return
		}
		if !w.wait(5 * time.Second) {
			return
		}
	}
}

func (w *world) enqueueAt(p *process, batch []*piece) error {
	out, err := p.client.Enqueue(w.ctx, jobsOf(batch))
	if err == nil && out.Rejected > 0 {
		err = fmt.Errorf("rejected: %w", out.Rejections[0].Err)
	}
	return err
}

func jobsOf(batch []*piece) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		for _, p := range batch {
			if !yield(p.job, nil) {
				return
			}
		}
	}
}

// submit hands one job in and forgets about it: what is not stored is handed in
// again when all is calm.
func (w *world) submit(p *piece) {
	ctx, cancel := context.WithTimeout(w.ctx, w.dice.between("caller.patience", string(p.job.Key), 10*time.Second, 3*time.Minute))
	defer cancel()
	if at := w.someProcess(string(p.job.Key)); at != nil {
		_, _ = at.client.Submit(ctx, p.job)
	}
}

// cancelLater wishes that a job be stopped.
func (w *world) cancelLater(p *piece) {
	key := string(p.job.Key)
	if !w.wait(w.dice.between("caller.cancel_at", key, time.Minute, w.profile.chaos)) {
		return
	}
	for w.chaotic() && w.ctx.Err() == nil {
		if at := w.someProcess(key); at != nil {
			w.oracle.mu.Lock()
			p.wished = true // also when the call fails: it may have been heard
			w.oracle.mu.Unlock()
			_, err := at.client.Cancel(w.ctx, p.job.Key, client.Actor{By: "sim"})
			if err == nil {
				w.oracle.mu.Lock()
				p.heard = time.Now()
				w.oracle.mu.Unlock()
			}
			if err == nil || postproof.CodeOf(err) == postproof.CodeConflict || postproof.CodeOf(err) == postproof.CodeNotFound {
				return
			}
		}
		if !w.wait(10 * time.Second) {
			return
		}
	}
}

// reuseLater uses the key of a job for another piece: that must be an error,
// whatever became of the job.
func (w *world) reuseLater(p *piece) {
	if !w.wait(w.dice.between("caller.reuse_at", string(p.job.Key), 2*time.Hour, w.profile.chaos)) {
		return
	}
	at := w.someProcess("reuse")
	rec := p.shelf.get(p.id)
	if at == nil || rec == nil || w.copying() || w.restoring() {
		return
	}
	other := p.job
	other.To.Line1 += " West"
	if _, err := at.client.Submit(w.ctx, other); err == nil {
		w.oracle.mu.Lock()
		w.oracle.violate("key_reused", p, "its key was used for another piece, and nobody was told")
		w.oracle.mu.Unlock()
	}
}

// tell tells a replica what a vendor did, as its callback would: before the
// answer, late, twice, in the wrong order, or not at all. It is called with the
// oracle's lock.
func (w *world) tell(line vendorsim.PrintLine) {
	d, name := w.dice, line.Vendor+"/"+line.VendorID+"/"+line.Event
	if d.next("callback", name) >= w.profile.callbacks {
		return
	}
	times := 1
	if d.next("callback.twice", name) < 0.3 {
		times = 2
	}
	for range times {
		wait := time.Duration(0)
		if d.next("callback.early", name) < 0.6 {
			wait = d.between("callback.after", name, time.Second, 2*time.Hour)
		}
		w.others.Go(func() {
			if !w.wait(wait) {
				return
			}
			p := w.someProcess(name)
			if p == nil {
				return
			}
			w.struck("callback.told")
			tell := p.client.ObserveDead
			if line.Event == vendorsim.Printed {
				tell = p.client.Observe
			}
			_, _ = tell(w.ctx, postproof.Event{
				Vendor: line.Vendor, VendorID: line.VendorID, Ref: postproof.Ref(line.Ref), Mode: line.Mode,
				Status: postproof.Status{Stage: stage(line), Source: postproof.SourceCallback, Confidence: postproof.Reported},
			})
		})
	}
}

// calm hands everything in again, works off what is left, and waits until the
// oracle agrees with the ledger.
func (w *world) calm() {
	p, ctx := w.calmProcess(w.main, "calm")
	if p == nil {
		return
	}
	w.processes.Go(func() { p.run(ctx) })
	w.joined(0, p)
	end := time.Now().Add(w.profile.limit)
	// There it would be settled for days again.
	replayed := w.profile.class == classGone || (w.restoring() && w.profile.rotation != nil)
	for round := 0; !w.found(); round++ {
		w.resumeAll(p)
		if round%6 == 0 {
			w.handInAgain(p)
			w.peopleAgain(p)
		}
		if round%2 == 1 {
			w.controls(p, round)
		}
		if round%6 == 3 {
			w.giveCredentials(p)
		}
		if w.profile.people && round%5 == 2 && round < 50 {
			w.lookAfterHeld(p)
		}
		switch settled := w.settled(); {
		case settled && (replayed || !w.profile.people):
			w.lastDeeds(p)
			return
		case settled:
			replayed = w.replayAll(p)
		}
		if time.Now().After(end) {
			w.unsettled()
			return
		}
		select {
		case <-w.oracle.found:
		case <-time.After(time.Hour):
		}
	}
}

// calmProcess starts a process that rarely looks for work. The ledger may still
// have to be recovered.
func (w *world) calmProcess(s *shelf, name string) (*process, context.Context) {
	var err error
	for range 100 {
		var p *process
		var ctx context.Context
		if p, ctx, err = w.startProcess(w.ctx, s, name, 5*time.Minute); err == nil {
			return p, ctx
		}
		if !w.wait(5 * time.Second) {
			return nil, nil
		}
	}
	w.fail("no process can be started", err)
	return nil, nil
}

// handInAgain hands every job in again, as a caller does who does not know how
// far it came. It must not send anything twice.
func (w *world) handInAgain(p *process) {
	var mine []*piece
	for _, x := range w.oracle.list() {
		if x.shelf == p.shelf && !x.optional && x.first == nil {
			mine = append(mine, x)
		}
	}
	_ = w.enqueueAt(p, mine)
}

// controls sends pieces of our own where something is in doubt, as an operator
// would: beside them an empty answer proves something.
func (w *world) controls(p *process, round int) {
	doubted := map[string]bool{}
	for _, x := range w.oracle.list() {
		rec := x.shelf.get(w.oracle.idOf(x))
		if rec == nil || rec.State != idempotency.Unknown {
			continue
		}
		for _, s := range rec.Live() {
			doubted[s.Vendor] = true
		}
	}
	for i, v := range w.vendors {
		if !doubted[v.name] || round%1000 > 40 {
			continue
		}
		control := newPiece(p.shelf, "control"+v.name, round*10+i)
		control.optional, control.control, control.restores = true, true, p.shelf.restores.Load()
		w.oracle.expect(control)
		ctx, cancel := context.WithTimeout(w.ctx, 10*time.Minute)
		rec, err := p.client.SendControl(ctx, v.name, control.job, client.Actor{By: "sim"})
		cancel()
		if rec != nil {
			w.oracle.mu.Lock()
			control.id = rec.ID // the key is made by the client
			w.oracle.byID[rec.ID] = control
			w.oracle.mu.Unlock()
		}
		if err != nil && errors.Is(err, context.DeadlineExceeded) {
			w.struck("control.late")
		}
	}
}
