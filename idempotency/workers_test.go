package idempotency_test

import (
	"fmt"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// phase is where a worker stands. Between any two of them it may crash or
// stall, other workers may work, and callbacks and people's wishes may come.
type phase uint8

const (
	idle     phase = iota
	claimed        // it has read the record under its lease
	intended       // its intent is durable; it looks at the clock once more
	checked        // there was time left: the bytes go out next
	answered       // it knows what the vendor said, and writes it down next
)

func (p phase) String() string {
	return [...]string{"idle", "with the record it has read", "after the intent", "after the check of the time", "with the answer"}[p]
}

// worker is one of those that share the ledger. It is a value, as the world is.
type worker struct {
	at      phase
	stalled bool
	skew    int16 // how far its clock is ahead
	// epoch is the history that it believes to be the present one.
	epoch uint8
	// rec is the record as it read it last: not always as it is.
	rec *idempotency.Record
	// What it sends, and until when it may.
	vendor, gen uint8
	intent      uint64
	notAfter    int16
	// reply and says are its answer: of a send, or of anything else.
	reply reply
	says  idempotency.Event
}

// lastByte is when a worker that looks at its clock stops to send.
func (wk *worker) lastByte() int16 { return wk.notAfter - wk.skew }

func owner(i int) string { return "worker " + digit(uint8(i+1)) }

// stepWorkers emits each next step of each worker, and its crash and its stall
// before that step.
func (x *explorer) stepWorkers(w *world, emitted func(move, world)) {
	emit := func(mv move, next world) {
		next.skew = 0
		emitted(mv, next)
	}
	for i := range w.workers {
		wk := &w.workers[i]
		if wk.at == idle {
			if i > 0 && w.workers[0].at == idle {
				continue // they are alike
			}
			if w.recovering && x.flaw != flawNoEpoch {
				continue // nothing but news of paper changes a ledger that is to be recovered
			}
			if next := *w; next.claimFor(i) {
				emit(move{do: owner(i) + " claims the job"}, next)
			}
			x.claimsSkewed(w, i, emit)
			continue
		}
		if next := *w; next.spend() {
			next.workers[i] = worker{}
			emit(move{fmt.Sprintf("%s dies %s", owner(i), wk.at), wk.vendor, wk.gen}, next)
			if !wk.stalled {
				next = *w
				next.left.faults--
				next.workers[i].stalled = true
				emit(move{fmt.Sprintf("%s stalls %s", owner(i), wk.at), wk.vendor, wk.gen}, next)
			}
		}
		woken := *w
		woken.workers[i].stalled = false
		woken.skew = wk.skew
		tell := func(do string, next world) {
			emit(move{owner(i) + ": " + do, next.workers[i].vendor, next.workers[i].gen}, next)
		}
		switch wk.at {
		case claimed:
			x.begins(woken, i, emit)
		case intended:
			me := &woken.workers[i]
			if x.flaw == flawNoSecondLook || w.now < me.lastByte() {
				me.at = checked
				tell("there is time left to send", woken)
				break
			}
			me.at, me.reply = answered, reply{vendor: me.vendor, gen: me.gen, epoch: me.epoch, intent: me.intent, delivery: postproof.NotSent, order: -1}
			tell("no time is left: nothing is sent", woken)
		case checked:
			x.writes(woken, i, tell)
		case answered:
			x.reports(woken, i, tell)
		case idle:
		}
	}
}

// claimFor leases the record to a worker.
func (w *world) claimFor(i int) bool {
	if !w.claim() {
		return false
	}
	w.rec.Lease.Owner = owner(i)
	w.workers[i] = worker{at: claimed, rec: w.rec, epoch: w.epoch}
	return true
}

// begins does what the machine says about the record as the worker read it.
func (x *explorer) begins(w world, i int, emit func(move, world)) {
	wk := &w.workers[i]
	a := x.m.Next(wk.rec, w.time())
	v, g := x.index(a.Submission.Vendor), genOf(a.Submission.Ref)
	tell := func(do string, next world) { emit(move{owner(i) + ": " + do, v, g}, next) }
	says := func(do string, next world, ev idempotency.Event) {
		me := &next.workers[i]
		me.at, me.says, me.vendor, me.gen = answered, ev, v, g
		tell(do, next)
	}
	switch a.Do {
	case idempotency.DoSend:
		routes := x.routes(wk.rec)
		for _, v := range routes {
			next := w
			x.intends(&next, i, v, uint8(wk.rec.Generation))
			emit(move{owner(i) + ": an intent is written down", v, uint8(wk.rec.Generation)}, next)
		}
		if len(routes) == 0 {
			x.commits(&w, i, idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: "none takes it"})
			tell("no vendor takes the job", w)
		}
	case idempotency.DoResend:
		x.intends(&w, i, v, g)
		tell("an intent to send again is written down", w)
	case idempotency.DoLookUp:
		ev := idempotency.LookedUp{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, Complete: true, Control: true, Orders: w.lookUp(v, g), At: w.time()}
		if w.crowd {
			x.looksInCrowd(w, &a.Submission, v, g, ev, says)
			break
		}
		says("looks the reference up", w, ev)
		if w.spend() {
			for i := range w.orders[:w.nOrder] {
				w.orders[i].watched = false // a look may fail, and be the last one
			}
			ev.Control, ev.Orders = false, nil
			says("looks the reference up in an index that stands still", w, ev)
			says("the look-up fails", w, idempotency.LookedUp{Vendor: ev.Vendor, Ref: ev.Ref, Failed: true, At: w.time()})
		}
	case idempotency.DoCancel:
		next := w
		ev := x.cancelAt(&next, v, g, a.Submission.VendorID)
		says("asks the vendor to cancel, and reads it back", next, ev)
		if next.spend() {
			none := idempotency.CancelAnswer{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref}
			says("cancels, and hears nothing", next, none)
			w.left.faults--
			says("the request to cancel is lost", w, none)
		}
	case idempotency.DoPoll:
		if ev, ok := x.statusOf(&w, &a.Submission); ok {
			says("asks for the status", w, ev)
		}
	default:
		x.acts(&w, i, a)
		tell(string(a.Do), w)
	}
}

// acts does an action in which nothing is left to chance.
func (x *explorer) acts(w *world, i int, a idempotency.Step) {
	switch a.Do {
	case idempotency.DoWait:
		if w.workers[i].rec.State == idempotency.Sending {
			w.workers[i] = worker{}
			return
		}
		x.commits(w, i, idempotency.Postpone{Until: a.At})
	case idempotency.DoTooLate:
		x.commits(w, i, idempotency.CancelAnswer{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, TooLate: true})
	case idempotency.DoHold:
		x.commits(w, i, idempotency.PutOnHold{Reason: a.Reason, Note: a.Note})
	case idempotency.DoDuplicate:
		x.commits(w, i, policyDecides()...)
	case idempotency.DoExpire:
		x.commits(w, i, idempotency.Expire{})
	case idempotency.DoFinish:
		x.commits(w, i, idempotency.Finish{})
	default:
		w.broken = fmt.Sprintf("no end: a record that was claimed has nothing to do (%s): %s", a.Do, describe(w))
	}
}

// stale reports whether the store refuses a change of the record that the
// worker read: rule 5. A fence means something only in the history in which it
// was read, and an intent needs one that was recovered: rule 12.
func (x *explorer) stale(w *world, wk *worker, intent bool) bool {
	lost := wk.epoch != w.epoch
	switch x.flaw { //nolint:exhaustive // the others are about something else
	case flawNoFence:
		return false
	case flawLostFence:
		lost = lost && intent
	case flawNoEpoch:
		intent = false
	}
	return wk.rec.Fence != w.rec.Fence || lost || (intent && w.recovering)
}

// commits writes what the worker decided. Where the record has moved on, the
// decision is dropped, and the worker reads again if it still holds the lease.
func (x *explorer) commits(w *world, i int, events ...idempotency.Event) {
	wk := &w.workers[i]
	if x.stale(w, wk, false) {
		x.readsAgain(w, i)
		return
	}
	present := w.rec
	w.rec = wk.rec
	if err := x.apply(w, events...); err != nil { // the decision has no place any more: the lease will end
		w.rec = present
	}
	w.workers[i] = worker{}
}

func (x *explorer) readsAgain(w *world, i int) {
	wk := w.workers[i]
	held := w.rec.Lease.Owner == owner(i) && w.rec.Lease.Until.Equal(wk.rec.Lease.Until)
	w.workers[i] = worker{}
	if held && !w.recovering {
		w.workers[i] = worker{at: claimed, rec: w.rec, epoch: w.epoch, skew: wk.skew}
	}
}

// intends writes an intent down: what follows must not happen without.
func (x *explorer) intends(w *world, i int, v, g uint8) {
	wk := &w.workers[i]
	if x.flaw == flawNoIntent { // the ledger hears of it when it is over
		*wk = worker{at: checked, rec: wk.rec, epoch: wk.epoch, skew: wk.skew, vendor: v, gen: g, notAfter: w.now + wk.skew + leaseFor}
		return
	}
	if x.stale(w, wk, true) {
		x.readsAgain(w, i)
		return
	}
	present := w.rec
	w.rec = wk.rec
	err := x.apply(w, x.intent(w, owner(i), v, g))
	if err != nil { // the lease or the window ran out since the decision
		w.rec = present
		*wk = worker{}
		return
	}
	s := w.rec.Current()
	*wk = worker{
		at: intended, rec: w.rec, epoch: wk.epoch, skew: wk.skew, vendor: v, gen: g, intent: s.Intent,
		notAfter: int16(s.NotAfter.Sub(exampleStart()) / tick),
	}
}

// writes emits every outcome of the bytes that the worker sends.
func (x *explorer) writes(w world, i int, tell func(string, world)) {
	me := w.workers[i]
	kind := x.caps[me.vendor].Idempotency.Kind
	answer := func(do string, next world, a reply) {
		wk := &next.workers[i]
		a.vendor, a.gen, a.intent, a.epoch = me.vendor, me.gen, me.intent, me.epoch
		a.dead = a.order >= 0 && next.orders[a.order].fate != uint8(alive)
		wk.at, wk.reply = answered, a
		tell(do, next)
	}
	dies := func(do string, next world) {
		next.workers[i] = worker{}
		tell(do+", and the process dies", next)
	}
	next := w
	d, at, dup := next.arrive(kind, me.vendor, me.gen, 0)
	answer("sent and answered", next, reply{delivery: d, order: at, duplicate: dup})
	if w.left.garbled > 0 {
		next = w
		next.left.garbled--
		if d, at, _ = next.arrive(kind, me.vendor, me.gen, 0); next.nOrder > w.nOrder {
			next.orders[at].differs = true
			answer("the vendor makes another piece of it", next, reply{delivery: d, order: at})
		}
	}
	if !w.spend() {
		return
	}
	none := reply{order: -1}
	lost, notSent := none, none
	lost.delivery, notSent.delivery = postproof.Unknown, postproof.NotSent
	answer("the connection is refused", w, notSent)
	answer("sent and lost on the way", w, lost)
	for do, code := range map[string]postproof.Code{"the vendor is busy": postproof.CodeRateLimited, "the vendor refuses": postproof.CodeInvalidArgument} {
		a := none
		a.delivery, a.code = postproof.Refused, code
		answer(do, w, a)
	}
	next = w
	_, _, _ = next.arrive(kind, me.vendor, me.gen, 0)
	answer("sent, and the answer is lost", next, lost)
	dies("sent", next)
	next = w
	_, _, _ = next.arrive(kind, me.vendor, me.gen, x.lag)
	answer("sent, the answer is lost, and look-ups lag", next, lost)
	dies("sent, look-ups lag", next)
	if next = w; int(next.nLimbo) < len(next.limbo) {
		until := me.lastByte() + settleFor
		if !x.strict {
			until = next.now + 100
		}
		if until > next.now {
			next.limbo[next.nLimbo] = packet{vendor: me.vendor, gen: me.gen, until: until}
			next.nLimbo++
			answer("sent, and stuck on the way", next, lost)
			dies("sent, and stuck on the way", next)
		}
	}
	if kind == postproof.IdempotencyKey || x.flaw == flawHiddenResend { // rule 8: prevented elsewhere
		next = w
		_, _, _ = next.arrive(kind, me.vendor, me.gen, 0)
		d, at, dup = next.arrive(kind, me.vendor, me.gen, 0)
		answer("the transport sends the bytes again by itself", next, reply{delivery: d, order: at, duplicate: dup, sends: 2})
	}
}
