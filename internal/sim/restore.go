package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// again draws whether the backup is restored more than once: then the history
// between two restores is long enough for what is in doubt to go on in it.
func (p *profile) again(d *dice) {
	if p.restores = 1; d.next("restore.again", "") >= 0.4 {
		return
	}
	if p.restores++; d.next("restore.thrice", "") < 0.25 {
		p.restores++
	}
	p.generations = 3        // so that each reference of these is looked up in time
	p.poll = 2 * time.Minute // in so many hours
	p.chaos = time.Duration(9*p.restores-6) * time.Hour
	if d.next("restore.plain", "") < 0.5 { // where no key tells a repeat
		p.vendors = []string{"plain", "lob"}
	}
}

// restore takes a backup, and puts it in the place of the ledger later on, perhaps
// more than once.
func (w *world) restore() {
	d := w.dice
	if !w.wait(w.profile.backup) {
		return
	}
	w.oracle.mu.Lock()
	w.main.mu.Lock()
	backup, err := w.main.copied(true, w.oracle.counters(), nil)
	w.main.mu.Unlock()
	w.oracle.deeds.backup = w.oracle.deeds.clone(w.main)
	counters := w.oracle.counters()
	w.oracle.mu.Unlock()
	if err != nil {
		w.fail("the backup", err)
		return
	}
	w.mu.Lock()
	w.backupAt = time.Now()
	w.mu.Unlock()
	for n := range w.profile.restores {
		wait := d.between("restore.after", "", 5*time.Minute, 100*time.Minute)
		if n > 0 {
			wait = d.between("restore.next", "", 4*time.Hour, 9*time.Hour)
			w.others.Go(func() { w.lookAfterDoubt(n) })
		}
		if !w.wait(wait) || !w.chaotic() {
			return
		}
		// A careful operator stops the replicas before; another one does not.
		if d.next("restore.stop", "") < 0.5 {
			w.mu.Lock()
			all := w.all
			w.mu.Unlock()
			for _, p := range all {
				p.kill()
			}
		}
		if err := w.restoreFrom(backup, counters); err != nil {
			w.fail("the restore", err)
			return
		}
	}
}

// restoreFrom puts a copy of the backup in the place of the ledger. Each has a
// history of its own.
func (w *world) restoreFrom(backup *idempotency.Memory, counters []string) error {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.main.mu.Lock()
	defer w.main.mu.Unlock()
	from := shelf{memory: backup, broken: w.main.broken}
	memory, err := from.copied(true, counters, nil)
	if err != nil {
		return err
	}
	w.main.memory = memory
	w.main.broken++
	if w.main.restores.Add(1) > 1 {
		w.oracle.faults["ledger.restored_again"]++
	}
	w.oracle.faults["ledger.restored"]++
	w.oracle.deeds.restored(w.main)
	return nil
}

// recovery has a process recover the ledger whose history was broken.
func (w *world) recovery(ctx context.Context, p *process) {
	select {
	case w.recovering <- struct{}{}:
		defer func() { <-w.recovering }()
	case <-ctx.Done():
		return
	}
	o := client.RecoverOptions{Copy: p.shelf == w.copy}
	if w.dice.next("restore.known", "") < 0.5 {
		w.mu.Lock()
		o.BackupAt = w.backupAt
		w.mu.Unlock()
	}
	if _, err := p.client.Recover(ctx, client.Actor{By: "sim"}, o); err == nil {
		w.struck("ledger.recovered")
	}
}

// lookAfterDoubt has somebody look after a ledger that was restored, until it is
// restored once more: what the callers had handed in is handed in again, and each
// vendor that is in doubt gets a control piece.
func (w *world) lookAfterDoubt(n int) {
	for round := 0; w.main.restores.Load() == int64(n); round++ {
		if !w.wait(w.dice.between("restore.look", "", 10*time.Minute, 40*time.Minute)) || !w.chaotic() {
			return
		}
		if at := w.someProcess(fmt.Sprint("doubt", n)); at != nil {
			w.handInAgain(at)
			w.controls(at, 1000*n+round)
		}
	}
}
