package main

import (
	"errors"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// clerk looks after what is held, now and then.
func (w *world) clerk() {
	for w.wait(w.dice.between("clerk.wait", "", 10*time.Minute, 50*time.Minute)) && w.chaotic() {
		if at := w.someProcess("clerk"); at != nil {
			w.lookAfterHeld(at)
		}
	}
}

// lookAfterHeld has somebody release or decide some of what is held. Whoever
// decides has asked the vendor on the phone, and says what is true.
func (w *world) lookAfterHeld(at *process) {
	var held []*idempotency.Record
	for rec, err := range at.client.Held(w.ctx, "") {
		if err != nil {
			return
		}
		held = append(held, rec)
	}
	for _, rec := range held {
		w.oracle.mu.Lock()
		p := w.oracle.byID[rec.ID]
		w.oracle.mu.Unlock()
		if p == nil || p.shelf != at.shelf || rec.Erased() || w.copying() || w.restoring() {
			continue
		}
		var do func() error
		action := client.ActionDecide
		switch w.dice.pick("clerk", string(p.job.Key), 0.25, 0.35) {
		case 0:
			action = client.ActionRelease
			do = func() error {
				_, err := at.client.Release(w.ctx, p.job.Key, client.Actor{By: "sim"})
				return err
			}
		case 1:
			decision, ok := w.decision(p, rec)
			if !ok {
				continue
			}
			do = func() error {
				_, err := at.client.Decide(w.ctx, p.job.Key, decision, client.Actor{By: "sim", Why: "asked by telephone"})
				return err
			}
		default:
			continue
		}
		target := client.Target{Kind: client.TargetJob, Name: string(rec.ID)}
		err := w.acknowledged(at.shelf, do, func(d *deeds) {
			w.oracle.faults["person."+string(action)+"d"]++
			d.words[word{action, target}] = true
			d.decided[p] = time.Now()
		})
		if err == nil && w.dice.next("clerk.undo", string(p.job.Key)) < 0.4 {
			w.others.Go(func() { w.undoLater(p, target) })
		}
	}
}

// decision is what is true of a held job; false while nobody can know.
func (w *world) decision(p *piece, rec *idempotency.Record) (client.Decision, bool) {
	var v client.Decision
	live := rec.Live()
	w.mu.Lock()
	latest := w.latest
	w.mu.Unlock()
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	// What is under way comes within the hour.
	if quiet := time.Now().Add(-time.Hour); len(live) != 1 || quiet.Before(latest) || quiet.Before(w.oracle.wires[p]) || rec.Hold.Reason != idempotency.HoldCannotAsk {
		return v, false
	}
	switch len(p.alive) {
	case 0:
		v.Verdict = idempotency.VerdictPlanned
		if w.dice.next("clerk.give_up", string(p.job.Key)) < 0.3 {
			v.Verdict, p.wished = idempotency.VerdictCanceled, true
		}
		return v, true
	case 1:
		for _, line := range p.alive {
			v.Verdict, v.VendorID = idempotency.VerdictAccepted, line.VendorID
			return v, line.Vendor == live[0].Vendor && line.Ref == string(live[0].Ref)
		}
	}
	return v, false
}

// undoLater takes the latest word about a job back, as long as nothing has come
// of it.
func (w *world) undoLater(p *piece, target client.Target) {
	name := string(p.job.Key)
	if !w.wait(w.dice.between("clerk.undo_after", name, time.Second, 3*time.Hour)) {
		return
	}
	for range 20 {
		at := w.someProcess(name)
		if at == nil {
			if !w.wait(time.Minute) {
				return
			}
			continue
		}
		var last uint64
		for e, err := range at.client.Changes(w.ctx, client.ChangeQuery{Target: target}) {
			if err != nil {
				break
			}
			last = e.N
		}
		if last == 0 {
			continue
		}
		var e client.ChangeEntry
		w.oracle.mu.Lock()
		decided, sent := w.oracle.deeds.decided[p], w.oracle.wires[p]
		w.oracle.mu.Unlock()
		err := w.acknowledged(at.shelf, func() (err error) {
			e, err = at.client.Undo(w.ctx, last, client.Actor{By: "sim", Why: "it was another job"})
			return err
		}, func(d *deeds) {
			w.oracle.faults["person.undone"]++
			d.entered(e)
			if sent.After(decided) && d.decided[p].Equal(decided) {
				w.oracle.violate("undone_late", p, "a word about it was taken back although bytes went out since")
			}
		})
		code := postproof.CodeOf(err)
		if err == nil || errors.Is(err, client.ErrNotUndoable) || code == postproof.CodeConflict || code == postproof.CodeNotFound {
			return
		}
		if !w.wait(time.Minute) {
			return
		}
	}
}
