package idempotency_test

import "github.com/postproof/postproof/idempotency"

// other is a piece of another job: all that one job can see of another's. Two
// whole jobs would show no more. A record's transitions read that record only, so
// that the worlds of two jobs are pairs of worlds of one, but for what they share:
// the vendor, which keeps them apart by their references; a cap, which the store
// counts in the commit of the intent, so that whichever comes second is refused
// (the suite of stores shows it, and to the record it is a job that waits); and the
// control piece, on which the worth of an empty look-up depends. That is this.
type other struct {
	vendor uint8
	made   int16
}

// stillFor bounds how long an index stands still, in ticks.
const stillFor = 4

// stepOthers has a vendor accept a piece of another job.
func (x *explorer) stepOthers(w *world, emit func(move, world)) {
	if w.left.others == 0 {
		return
	}
	for v := range x.vendors {
		next := *w
		next.left.others--
		next.others[next.nOthers] = other{uint8(v), w.now}
		next.nOthers++
		emit(move{do: "another job's piece is accepted by " + x.vendors[v]}, next)
	}
}

// control reports whether an index as it was at a tick shows a piece that may
// serve as control for the submission.
func (x *explorer) control(w *world, s *idempotency.Submission, vendor uint8, since int16) bool {
	for _, o := range w.others[:w.nOthers] {
		if o.vendor == vendor && o.made <= since && (x.flaw == flawOldControl || o.after(s, x.patient)) {
			return true
		}
	}
	return false
}

// after reports whether the piece was accepted after the last send, or with
// patience after all that came of it had to be shown.
func (o other) after(s *idempotency.Submission, patient bool) bool {
	last := int16(s.LastAt.Sub(exampleStart()) / tick)
	if patient { // on its way for a settle time, and hidden for another
		return o.made >= last+2*settlesIn(s.Vendor)
	}
	return o.made > last
}

// mayStand reports whether an index can have stood still since a tick, by the
// assumption on which the client's choice of a control piece rests: it does not
// stop between a send and the moment at which its piece is shown. Whoever is
// patient needs no such assumption.
func (x *explorer) mayStand(w *world, s *idempotency.Submission, v, g uint8, since int16) bool {
	if x.patient || x.flaw == flawHalfShown || since <= int16(s.LastAt.Sub(exampleStart())/tick) {
		return true
	}
	for _, p := range w.limbo[:w.nLimbo] {
		if p.vendor == v && p.gen == g {
			return false
		}
	}
	for _, o := range w.orders[:w.nOrder] {
		if o.vendor == v && o.gen == g && o.shown > since {
			return false
		}
	}
	return true
}

// looksInCrowd emits what a look-up shows beside other jobs' pieces: the truth, or
// an index as it was some ticks ago.
func (x *explorer) looksInCrowd(w world, s *idempotency.Submission, v, g uint8, ev idempotency.LookedUp, says func(string, world, idempotency.Event)) {
	ev.Control = x.control(&w, s, v, w.now)
	says("looks the reference up", w, ev)
	if !w.spend() {
		return
	}
	for i := range w.orders[:w.nOrder] {
		w.orders[i].watched = false // a look may fail, and be the last one
	}
	for since := max(0, w.now-stillFor); since < w.now; since++ {
		if !x.mayStand(&w, s, v, g, since) {
			continue
		}
		ev.Orders, ev.Control = w.lookUpAsOf(v, g, since), x.control(&w, s, v, since)
		says("looks the reference up in an index that stands still since tick "+digit(uint8(since)), w, ev)
	}
}

func (w *world) othersKey(b []byte) []byte {
	for _, o := range w.others[:w.nOthers] {
		b = append(b, o.vendor, byte(max(o.made-w.now, -stillFor-1)))
		for i := range w.rec.Submissions {
			b = append(b, flag(o.after(&w.rec.Submissions[i], false))|flag(o.after(&w.rec.Submissions[i], true))<<1)
		}
	}
	return b
}
