package main

import (
	"fmt"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// scenes are the faults of a whole ledger, one for each class that has one.
func (w *world) scenes() {
	switch w.profile.class {
	case classRestore:
		w.others.Go(w.restore)
	case classCopy:
		w.others.Go(w.fork)
	case classUpgrade:
		w.others.Go(w.roll)
	default: // nothing happens to the ledger as a whole
	}
	if w.profile.prune {
		w.others.Go(w.prune)
	}
}

func (w *world) restoring() bool { return w.profile.class == classRestore }
func (w *world) copying() bool   { return w.profile.class == classCopy }

// fork copies the ledger and works on in both places.
func (w *world) fork() {
	if !w.wait(w.dice.between("copy.at", "", 10*time.Minute, 100*time.Minute)) {
		return
	}
	w.oracle.mu.Lock()
	w.main.mu.Lock()
	memory, err := w.main.copied(true, w.oracle.counters(), nil)
	w.main.mu.Unlock()
	w.oracle.mu.Unlock()
	if err != nil {
		w.fail("the copy", err)
		return
	}
	w.struck("ledger.copied")
	w.mu.Lock()
	w.copy = &shelf{memory: memory, broken: 1}
	w.mu.Unlock()
	own := make([]*piece, 0, 5)
	for i := range 5 {
		p := newPiece(w.copy, "copy", i)
		w.oracle.expect(p)
		own = append(own, p)
	}
	for life := 1; w.ctx.Err() == nil; life++ {
		p, ctx := w.calmProcess(w.copy, fmt.Sprintf("copy.%d", life))
		if p == nil {
			return
		}
		w.processes.Go(func() { p.run(ctx) })
		for stored := false; ; {
			if !stored {
				stored = w.enqueueAt(p, own) == nil
			}
			w.resumeAll(p) // what was paused in the original is paused here, too
			select {
			case <-w.ctx.Done():
				return
			case <-p.died:
			case <-time.After(time.Minute):
				continue
			}
			break
		}
	}
}

// roll has one replica run a newer version, which also puts some records into a
// state that the others do not know, and takes it back.
func (w *world) roll() {
	if !w.wait(w.dice.between("upgrade.at", "", 5*time.Minute, 60*time.Minute)) {
		return
	}
	w.mu.Lock()
	w.upgrade = time.Now()
	w.mu.Unlock()
	w.struck("upgrade.begun")
	if !w.wait(w.dice.between("upgrade.write", "", 5*time.Minute, 40*time.Minute)) {
		return
	}
	before, after := map[idempotency.ID]*idempotency.Record{}, map[idempotency.ID]*idempotency.Record{}
	for _, p := range w.oracle.list() {
		rec := p.shelf.get(p.id)
		if rec == nil || w.dice.next("upgrade.record", string(rec.ID)) > 0.15 {
			continue
		}
		if newer := w.main.plant(rec); newer != nil {
			w.struck("upgrade.unknown_state")
			w.noteID(string(rec.ID), "a newer version puts it into a state of its own")
			before[rec.ID], after[rec.ID] = rec, newer
		}
	}
	if !w.wait(w.dice.between("upgrade.last", "", 10*time.Minute, 50*time.Minute)) {
		return
	}
	w.oracle.mu.Lock()
	counters := w.oracle.counters()
	w.oracle.mu.Unlock()
	w.main.mu.Lock()
	defer w.main.mu.Unlock()
	touched := false
	memory, err := w.main.copied(false, counters, func(rec *idempotency.Record) *idempotency.Record {
		if after[rec.ID] == nil {
			return rec
		}
		touched = touched || rec != after[rec.ID]
		back := *before[rec.ID]
		back.Fence = rec.Fence + 1
		return &back
	})
	if err != nil {
		w.fail("the downgrade", err)
		return
	}
	w.main.memory = memory
	if touched {
		w.oracle.mu.Lock()
		w.oracle.violate("newer_touched", nil, "a record of a newer version was changed by an older one")
		w.oracle.mu.Unlock()
	}
}

// prune buries what is final, now and then.
func (w *world) prune() {
	for w.wait(30 * time.Minute) {
		w.main.mu.RLock()
		n, err := w.main.memory.Prune(w.ctx, time.Now().Add(-20*time.Minute), 0)
		w.main.mu.RUnlock()
		if err == nil && n > 0 {
			w.struck("ledger.pruned")
		}
	}
}

// fail says that the simulation itself is broken.
func (w *world) fail(what string, err error) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.violate("simulation", nil, what+": "+err.Error())
}
