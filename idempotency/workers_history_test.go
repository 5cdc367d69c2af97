package idempotency_test

import (
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// reports emits how what a worker knows gets into the ledger.
func (x *explorer) reports(w world, i int, tell func(string, world)) {
	wk := w.workers[i]
	next := w
	x.report(&next, i)
	next.workers[i].vendor, next.workers[i].gen = wk.vendor, wk.gen
	if next.workers[i].at == idle {
		next.workers[i] = worker{}
	}
	if wk.says != nil {
		tell("what the vendor said is written down", next)
		return
	}
	tell("the answer is written down: "+wk.reply.delivery.String(), next)
	if !w.spend() || int(w.nLate) == len(w.late) {
		return
	}
	spool := func(w *world) {
		if x.flaw != flawNoSpool {
			w.late[w.nLate] = wk.reply
			w.nLate++
		}
	}
	next = w
	next.workers[i] = worker{}
	next.gives(wk.reply)
	spool(&next)
	tell("the ledger cannot be written: the answer is spooled", next)
	x.report(&w, i)
	w.workers[i] = worker{}
	spool(&w)
	tell("the answer is written down, which is not acknowledged: it is spooled, too", w)
}

// gives notes that a process which lives has an acceptance.
func (w *world) gives(a reply) {
	if a.delivery == postproof.Accepted && a.order >= 0 && a.epoch == w.epoch && !a.dead {
		w.given |= 1 << a.order
	}
}

func (x *explorer) report(w *world, i int) {
	wk := w.workers[i]
	if wk.says != nil {
		x.commits(w, i, wk.says)
		return
	}
	w.workers[i] = worker{}
	w.gives(wk.reply)
	if x.flaw == flawNoIntent {
		w.workers[i] = wk
		w.workers[i].rec = w.rec
		ev := x.intent(w, w.rec.Lease.Owner, wk.vendor, wk.gen)
		if x.apply(w, ev) != nil {
			w.workers[i] = worker{}
			return
		}
		wk.reply.intent = w.rec.Current().Intent
		w.workers[i] = worker{}
	} else if !x.stale(w, &wk, false) {
		w.rec = wk.rec // what is read again would be the same
	}
	if x.flaw == flawLostFence {
		wk.reply.epoch = w.epoch
	}
	x.unspool(w, wk.reply)
	if w.broken == "" {
		x.replan(w)
	}
}

// finishWorkers ends the steps that were begun, without any further fault but
// that of a worker that never comes back. What a living one knows is written
// down, and so is what lies in the spool.
func (x *explorer) finishWorkers(w *world) {
	for i := range w.workers {
		if wk := &w.workers[i]; wk.at == answered && !wk.stalled {
			x.report(w, i)
		}
		w.workers[i] = worker{}
	}
	for w.nLate > 0 && w.broken == "" {
		w.nLate--
		x.unspool(w, w.late[w.nLate])
	}
	if w.recovering && w.broken == "" {
		x.recover(w)
	}
}

// working reports whether a worker is in the middle of something.
func (w *world) working() bool {
	return w.workers[0].at != idle || w.workers[1].at != idle
}

// slowly reports whether a worker's clock is behind.
func (w *world) slowly() bool { return w.workers[0].skew < 0 || w.workers[1].skew < 0 }

// mayWrite reports whether a worker may yet send bytes.
func (w *world) mayWrite() bool {
	for i := range w.workers {
		if at := w.workers[i].at; at == checked || (at == intended && w.now < w.workers[i].lastByte()) {
			return true
		}
	}
	return false
}

// busy reports whether there is somebody who does something before time
// passes: then it passes only after a fault, or not at all while a worker is at
// it that did not stall.
func (x *explorer) busy(w *world) (due, never bool) {
	free := !x.workers
	for i := range w.workers {
		wk := &w.workers[i]
		never = never || (wk.at != idle && !wk.stalled)
		free = free || wk.at == idle
	}
	claims := *w
	return w.recovering || (free && claims.claim()), never
}

// pass lets a tick go by. That a worker stalls between its last look at the
// clock and its first byte for longer than the settle time is the freeze that
// no client can prevent: it is outside the strict model.
func (x *explorer) pass(w *world) {
	w.pass()
	for i := range w.workers {
		if wk := &w.workers[i]; x.strict && wk.at == checked && w.now >= wk.lastByte()+settleFor {
			*wk = worker{}
		}
	}
}

// possible counts the pieces that exist or may yet come of bytes that are under
// way, or about to be.
func (x *explorer) possible(w *world) int {
	n := w.unwanted()
	var counted [len(w.limbo) + len(w.workers)]packet
	all := counted[:0]
	add := func(p packet) {
		if w.risks(p.vendor, p.gen) {
			return
		}
		kind := x.caps[p.vendor].Idempotency.Kind
		for i := range w.orders[:w.nOrder] {
			o := &w.orders[i]
			same := o.vendor == p.vendor && o.gen == p.gen
			if same && (kind == postproof.IdempotencyRef || (kind == postproof.IdempotencyKey && o.cred == p.cred && o.made+keyWindow >= p.until)) {
				return // it would be known as a repeat
			}
		}
		for _, q := range all {
			if kind != postproof.IdempotencyNone && p.vendor == q.vendor && p.gen == q.gen && (p.cred == q.cred || kind == postproof.IdempotencyRef) {
				return
			}
		}
		all = append(all, p)
		n++
	}
	for _, p := range w.limbo[:w.nLimbo] {
		add(p)
	}
	for i := range w.workers {
		if wk := &w.workers[i]; wk.at == checked {
			add(packet{vendor: wk.vendor, gen: wk.gen, until: wk.lastByte() + settleFor})
		}
	}
	return n
}

// stepHistory emits what happens to the ledger as a whole.
func (x *explorer) stepHistory(w *world, emit func(move, world)) {
	if w.recovering {
		next := *w
		x.recover(&next)
		emit(move{do: "the ledger is recovered"}, next)
	}
	if w.left.restores > 0 && w.backup == nil {
		next := *w
		next.backup, next.backupAt = w.rec, w.now
		emit(move{do: "a backup is made"}, next)
	}
	if w.left.restores > 0 && w.backup != nil && w.backup != w.rec && w.now <= w.backupAt+lostAtMost {
		next := *w
		next.left.restores--
		next.left.faults = 0 // what fails after a restore is the other exploration's
		next.rec, next.backup = w.backup, nil
		next.epoch++
		next.recovering, next.wished, next.given, next.told = true, w.backup.Cancel.Stands(), 0, 0
		for i := range next.orders[:next.nOrder] {
			next.orders[i].watched = false
		}
		emit(move{do: "the backup is restored"}, next)
	}
	if w.left.prunes > 0 && !w.working() && w.nLate == 0 && w.rec.Prunable(w.time().Add(tick)) {
		next := *w
		next.left.prunes--
		next.rec = w.rec.Bury()
		if x.flaw == flawNoTombstone {
			next.rec = newRecord()
		}
		emit(move{do: "the job is pruned, and handed in again"}, next)
	}
}

// recover doubts what the lost history may have done: rule 12.
func (x *explorer) recover(w *world) {
	w.recovering = false
	if x.flaw == flawNoDoubt || (w.rec.State.Final() && w.rec.State != idempotency.Refused) {
		return
	}
	var doubted []int
	lost := w.time().Sub(exampleStart().Add(time.Duration(w.backupAt) * tick))
	for g := w.rec.Generation; g <= x.m.Reachable(w.rec, lost, x.vendors...)+1; g++ {
		doubted = append(doubted, g)
	}
	x.must(w, x.suspicion(doubted...))
}
