package idempotency_test

import (
	"fmt"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// step emits every world that can follow.
func (x *explorer) step(w *world, emit func(move, world)) {
	if w.broken != "" {
		return
	}
	if x.workers {
		x.stepWorkers(w, emit)
	} else {
		x.stepWorker(w, emit)
		x.stepStrangers(w, emit)
	}
	x.stepNetwork(w, emit)
	x.stepVendors(w, emit)
	if !w.recovering || x.flaw == flawNoStandstill {
		x.stepPeople(w, emit)
	}
	if x.workers {
		x.stepHistory(w, emit)
	}
	next := *w
	if due, never := x.busy(w); never || (due && !next.spend()) {
		return // somebody is always there to do what is due, but for a fault
	}
	x.pass(&next)
	if !next.rec.State.Final() || next.nLimbo > 0 || next.nLate > 0 || next.working() {
		emit(move{do: "time passes"}, next)
	}
}

// stepWorker claims the record and does what the machine says, with every
// outcome that it can have.
func (x *explorer) stepWorker(w *world, emit func(move, world)) {
	if w.rec.State == idempotency.Refused {
		if next := *w; x.replan(&next) {
			emit(move{do: "planned for another vendor"}, next)
			return
		}
	}
	held := *w
	if !held.claim() {
		return
	}
	x.stepWorkerOn(held, emit)
}

// stepWorkerOn does what the machine says about a record that was claimed.
func (x *explorer) stepWorkerOn(held world, emit func(move, world)) {
	a := x.m.Next(held.rec, held.time())
	v, g := x.index(a.Submission.Vendor), genOf(a.Submission.Ref)
	switch a.Do {
	case idempotency.DoSend:
		v, ok := x.route(&held)
		if !ok {
			x.must(&held, idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: "none takes it"})
			emit(move{do: "no vendor takes the job"}, held)
			return
		}
		x.sends(held, v, uint8(held.rec.Generation), emit)
	case idempotency.DoResend:
		if !x.mayRepeat(&held, &a.Submission) {
			x.must(&held, idempotency.CannotBuild{Why: "it came with other credentials"})
			emit(move{"not sent again with other credentials", v, g}, held)
			return
		}
		x.sends(held, v, g, emit)
	case idempotency.DoLookUp:
		x.lookUps(held, &a.Submission, v, g, emit)
	case idempotency.DoCancel:
		next := held
		x.cancelNow(&next, v, g, a.Submission.VendorID)
		emit(move{"the piece is canceled", v, g}, next)
		if held.spend() {
			next = held
			x.must(&next, idempotency.CancelAnswer{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref})
			emit(move{"the request to cancel gets no answer", v, g}, next)
		}
	default:
		x.plain(&held, a)
		emit(move{string(a.Do), v, g}, held)
	}
}

// spend uses up a fault, if one is left.
func (w *world) spend() bool {
	if w.left.faults == 0 {
		return false
	}
	w.left.faults--
	return true
}

// sends emits every outcome of a send.
func (x *explorer) sends(w world, v, g uint8, emit func(move, world)) {
	intent, ok := x.intend(&w, v, g)
	if !ok {
		emit(move{"an intent", v, g}, w)
		return
	}
	kind := x.caps[v].Idempotency.Kind
	settle := func(do string, w world, a reply) {
		a.vendor, a.gen, a.intent = v, g, intent
		x.must(&w, x.answer(&w, a))
		emit(move{do, v, g}, w)
	}
	freeze := func(do string, w world, a reply) {
		a.vendor, a.gen, a.intent = v, g, intent
		if int(w.nLate) < len(w.late) {
			w.late[w.nLate] = a
			w.nLate++
			emit(move{do, v, g}, w)
		}
	}
	next := w
	d, at, dup := next.arrive(kind, v, g, 0)
	took := reply{delivery: d, order: at, duplicate: dup}
	settle("sent and answered", next, took)
	if !w.spend() {
		return
	}
	none := reply{order: -1}
	lost, notSent := none, none
	lost.delivery, notSent.delivery = postproof.Unknown, postproof.NotSent
	settle("the connection is refused", w, notSent)
	settle("sent and lost on the way", w, lost)
	freeze("the holder freezes before it sends", w, notSent)
	x.refusals(w, v, g, intent, emit)

	next = w
	_, _, _ = next.arrive(kind, v, g, 0)
	settle("sent, and the answer is lost", next, lost)
	freeze("sent, and the holder freezes", next, took)

	next = w
	_, _, _ = next.arrive(kind, v, g, settleFor)
	settle("sent, the answer is lost, and look-ups lag", next, lost)

	next = w
	if int(next.nLimbo) < len(next.limbo) {
		until := next.now + leaseFor + settleFor
		if !x.strict {
			until = next.now + 100
		}
		next.limbo[next.nLimbo] = packet{vendor: v, gen: g, cred: w.cred, until: until}
		next.nLimbo++
		settle("sent, and stuck on the way", next, lost)
		freeze("sent, stuck on the way, and the holder freezes", next, lost)
	}
}

func (x *explorer) refusals(w world, v, g uint8, intent uint64, emit func(move, world)) {
	for _, no := range []struct {
		do   string
		code postproof.Code
	}{{"the vendor is busy", postproof.CodeRateLimited}, {"the vendor refuses", postproof.CodeInvalidArgument}} {
		next := w
		x.must(&next, idempotency.Answer{
			Vendor: x.vendors[v], Ref: exampleRef(int(g)), Intent: intent, Delivery: postproof.Refused, Sends: 1, Code: no.code,
		})
		emit(move{no.do, v, g}, next)
	}
}

// lookUps emits what a look-up can show: the truth, with or without a control
// piece, or an index that has not moved for a while.
func (x *explorer) lookUps(w world, s *idempotency.Submission, v, g uint8, emit func(move, world)) {
	ev := idempotency.LookedUp{Vendor: s.Vendor, Ref: s.Ref, Complete: true, Control: true, Orders: w.lookUp(v, g)}
	next := w
	x.must(&next, ev)
	emit(move{"looked up", v, g}, next)
	if w.spend() {
		for i := range w.orders[:w.nOrder] {
			w.orders[i].watched = false // a look may fail, and be the last one
		}
		next = w
		ev.Control, ev.Orders = false, nil
		x.must(&next, ev)
		emit(move{"looked up in an index that stands still", v, g}, next)
		next = w
		x.must(&next, idempotency.LookedUp{Vendor: s.Vendor, Ref: s.Ref, Failed: true})
		emit(move{"the look-up fails", v, g}, next)
	}
}

// stepNetwork lets what is under way arrive.
func (x *explorer) stepNetwork(w *world, emit func(move, world)) {
	for i, p := range w.limbo[:w.nLimbo] {
		for _, lag := range []int16{0, settleFor} {
			next := *w
			next.nLimbo--
			next.limbo[i] = next.limbo[next.nLimbo]
			next.cred = p.cred
			if _, i, _ := next.arrive(x.caps[p.vendor].Idempotency.Kind, p.vendor, p.gen, lag); i >= 0 {
				o := &next.orders[i]
				for _, s := range next.rec.Submissions {
					if s.Vendor == x.vendors[o.vendor] && s.Ref == exampleRef(int(o.gen)) && s.NextWatch.After(exampleStart().Add(time.Duration(o.shown)*tick)) {
						o.watched = true
					}
				}
			}
			next.cred = 0
			emit(move{"bytes arrive late", p.vendor, p.gen}, next)
		}
	}
	for i, a := range w.late[:w.nLate] {
		next := *w
		next.nLate--
		next.late[i] = next.late[next.nLate]
		x.unspool(&next, a)
		emit(move{"an answer that lay about is applied: " + a.delivery.String(), a.vendor, a.gen}, next)
	}
}

// unspool applies an answer that lay about: in the spool, or with a holder that
// froze. It names no intent of another history.
func (x *explorer) unspool(w *world, a reply) {
	intent := a.intent
	if a.epoch != w.epoch {
		intent = 0
	}
	x.hears(w, a, intent)
}

// hears applies an answer. Where a history was lost or the job was buried, it
// may have no place in the ledger, and is kept as evidence.
func (x *explorer) hears(w *world, a reply, intent uint64) {
	a.intent = intent
	err := x.apply(w, x.answerThen(w, a))
	switch rule := ruleOf(err); {
	case err == nil, rule == 10, w.epoch > 0 && (rule == 1 || rule == 5):
	default:
		w.broken = "refused: a late answer: " + err.Error()
	}
}

// answerThen is an answer as the vendor gave it: when the piece was new.
func (x *explorer) answerThen(w *world, a reply) idempotency.Answer {
	ans := x.answer(w, a)
	if ans.Order != nil && !a.dead {
		ans.Order.Alive, ans.Order.Status.Stage = true, postproof.StageAccepted
	}
	return ans
}

// stepVendors lets orders fail, and callbacks come, in time or out of date.
func (x *explorer) stepVendors(w *world, emit func(move, world)) {
	if w.left.calls > 0 {
		next := *w
		next.left.calls--
		if x.apply(&next, idempotency.Refresh{}) == nil {
			emit(move{do: "somebody asks where it is"}, next)
		}
	}
	x.stepOthers(w, emit)
	for i := range int8(w.nOrder) {
		o := w.orders[i]
		mv := func(do string) move { return move{do, o.vendor, o.gen} }
		if w.left.faults > 0 && o.fate == uint8(alive) && w.now < o.made+printsAfter {
			next := *w
			next.left.faults--
			next.orders[i].fate = uint8(failed)
			emit(mv("the vendor gives the piece up"), next)
		}
		if w.left.calls == 0 {
			continue
		}
		next := *w
		next.left.calls--
		x.tell(&next, i)
		emit(mv("a callback"), next)
		if o.fate != uint8(alive) {
			next = *w
			next.left.calls--
			is := next.orders[i].fate
			next.orders[i].fate = uint8(alive)
			x.tell(&next, i)
			next.orders[i].fate = is
			if w.now < o.made+printsAfter {
				emit(mv("an old callback, from before the piece died"), next)
			}
		}
	}
}

// stepPeople emits what people do: wish, amend, release, decide truthfully, think
// better of it, restore a backup.
func (x *explorer) stepPeople(w *world, emit func(move, world)) {
	if w.left.wishes > 0 {
		next := *w
		next.left.wishes--
		if x.apply(&next, idempotency.WishCancel{By: "ann"}) == nil {
			next.wished = true
			emit(move{do: "somebody wants it canceled"}, next)
		}
	}
	if w.left.erasures > 0 {
		for _, ev := range []idempotency.Erase{{}, {Now: true}, {Stop: true}} {
			next := *w
			next.left.erasures--
			if x.apply(&next, ev) == nil {
				next.wished = next.wished || next.rec.Cancel.Stands()
				emit(move{do: fmt.Sprintf("the person is erased: %+v", ev)}, next)
			}
		}
	}
	if w.left.amends > 0 {
		next := *w
		next.left.amends--
		if x.apply(&next, idempotency.Amend{Job: []byte(`{"v":2}`), Fingerprint: "v1:2", By: "ann"}) == nil {
			emit(move{do: "the job is amended"}, next)
		}
	}
	if w.left.replays > 0 {
		next := *w
		next.left.replays--
		if x.apply(&next, idempotency.Replay{Run: fmt.Sprint("run", w.left.replays), By: "ann"}) == nil {
			emit(move{do: "somebody replays the campaign"}, next)
		}
	}
	x.risksTwo(w, emit)
	if w.left.people > 0 && w.rec.State == idempotency.Held {
		next := *w
		next.left.people--
		if x.apply(&next, idempotency.Release{By: "ann"}) == nil {
			emit(move{do: "the job is released"}, next)
		}
		verdicts := []idempotency.Verdict{idempotency.VerdictPlanned, idempotency.VerdictCanceled}
		if w.alive() > 0 {
			verdicts = []idempotency.Verdict{idempotency.VerdictAccepted}
		} else if w.nLimbo > 0 || w.mayWrite() {
			verdicts = nil
		}
		for _, v := range verdicts {
			next := *w
			next.left.people--
			decide := idempotency.Decide{Verdict: v, By: "ann", Why: "asked the vendor"}
			for i, o := range w.orders[:w.nOrder] {
				if o.fate == uint8(alive) {
					decide.VendorID = vendorID(int8(i))
				}
			}
			if x.apply(&next, decide) == nil {
				emit(move{do: "somebody decides: " + string(v)}, next)
			}
		}
	}
	if w.left.people > 0 && w.rec.Prior != nil {
		next := *w
		next.left.people--
		x.must(&next, idempotency.Reopen{By: "ann", Decision: decisionOf(w.rec)})
		emit(move{do: "somebody takes a decision back"}, next)
	}
	if w.left.restores > 0 && !x.workers {
		next := *w
		next.left.restores--
		x.restore(&next)
		emit(move{do: "the ledger is restored from its first backup, and recovered"}, next)
	}
}

// restore puts the record back to what it was when it was made. Everything
// since then is forgotten, but not undone.
func (x *explorer) restore(w *world) {
	w.rec, w.wished = newRecord(), false
	for i := range w.orders[:w.nOrder] {
		w.orders[i].watched = false
	}
	var doubted []int
	for g := 1; g <= x.m.Reachable(w.rec, w.time().Sub(exampleStart()), x.vendors...); g++ {
		doubted = append(doubted, g)
	}
	x.must(w, x.suspicion(doubted...))
}

func (x *explorer) suspicion(generations ...int) idempotency.Suspect {
	var ev idempotency.Suspect
	for _, v := range x.vendors {
		refs := map[int]postproof.Ref{}
		for _, g := range generations {
			refs[g] = exampleRef(g)
		}
		ev.Vendors = append(ev.Vendors, idempotency.SuspectVendor{Vendor: v, Account: "acct", Refs: refs})
	}
	return ev
}
