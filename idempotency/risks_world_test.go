package idempotency_test

import (
	"math/bits"
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// A person, or a campaign's policy for one, may have a job sent anew although its
// vendor may have it. What may then be printed twice is printed twice on purpose:
// no more than that, only where it was allowed, and the history says so.

// riskOf is the bit of a submission that somebody took the risk of.
func riskOf(vendor, gen uint8) uint64 { return 1 << (vendor*16 + gen) }

func (w *world) risks(vendor, gen uint8) bool { return w.risked&riskOf(vendor, gen) != 0 }

// aliveTwice reports whether one submission that somebody took the risk of is two
// pieces: the risk was of one.
func (w *world) aliveTwice() bool {
	for i, o := range w.orders[:w.nOrder] {
		for _, p := range w.orders[:i] {
			if o.fate == uint8(alive) && p.fate == uint8(alive) && o.vendor == p.vendor && o.gen == p.gen && w.risks(o.vendor, o.gen) {
				return true
			}
		}
	}
	return false
}

// policyDecides is what is applied where the policy takes the risk.
func policyDecides() []idempotency.Event {
	return []idempotency.Event{
		idempotency.PutOnHold{Reason: idempotency.HoldCannotAsk},
		idempotency.Decide{Verdict: idempotency.VerdictPlanned, By: "policy", Why: "prefer_duplicate"},
	}
}

// decided notes which submissions a change takes the risk of, and holds it
// against what is allowed. A decision that is taken back is none.
func (x *explorer) decided(w *world, ch idempotency.Change, events []idempotency.Event) {
	for _, ev := range events {
		switch ev := ev.(type) {
		case idempotency.Decide:
			if ev.Verdict == idempotency.VerdictAccepted || (w.alive() == 0 && w.nLimbo == 0 && !w.mayWrite()) {
				continue
			}
			for _, s := range w.rec.Live() {
				w.risked |= riskOf(x.index(s.Vendor), genOf(s.Ref))
			}
			if !slices.ContainsFunc(ch.Entries, func(e idempotency.Entry) bool { return e.Kind == "decided" && e.By == ev.By && e.Note == ev.Why }) {
				w.broken = "unsaid: who took the risk of two is not in the history: " + describe(w)
			}
			if ev.By == "policy" {
				x.allowed(w)
			}
		case idempotency.Reopen:
			for _, s := range ch.Record.Live() {
				w.risked &^= riskOf(x.index(s.Vendor), genOf(s.Ref))
			}
		}
	}
}

// allowed holds the policy's decision against what somebody agreed to: a second
// piece, not a third, where nobody can be asked, and of a job that is wanted.
func (x *explorer) allowed(w *world) {
	switch {
	case w.rec.Policy != idempotency.PreferDuplicate:
		w.broken = "uncalled: nobody agreed to the risk of two: " + describe(w)
	case bits.OnesCount64(w.risked&^w.over()) > 1:
		w.broken = "a third piece: the risk that was agreed to is of two: " + describe(w)
	case w.rec.Cancel.Stands():
		w.broken = "unwanted: the risk of two is taken for a job that is to be canceled: " + describe(w)
	}
	for _, s := range w.rec.Live() {
		c := x.caps[x.index(s.Vendor)]
		if c.Lookup.ByRef || (c.Idempotency.Open(s.FirstAt, w.rec.Now(w.time())) && !s.NoResend) {
			w.broken = "needless: the risk of two is taken while " + s.Vendor + " can be asked: " + describe(w)
		}
	}
}

// over has the bits of the submissions whose piece is dead.
func (w *world) over() (dead uint64) {
	for _, o := range w.orders[:w.nOrder] {
		if o.fate != uint8(alive) {
			dead |= riskOf(o.vendor, o.gen)
		}
	}
	return dead
}

// risksTwo lets a person have a held job sent anew, or called off, although a
// vendor may have it.
func (x *explorer) risksTwo(w *world, emit func(move, world)) {
	if w.left.risks == 0 || w.rec.State != idempotency.Held || len(w.rec.Live()) == 0 {
		return
	}
	for _, v := range []idempotency.Verdict{idempotency.VerdictPlanned, idempotency.VerdictCanceled} {
		next := *w
		next.left.risks--
		if x.apply(&next, idempotency.Decide{Verdict: v, By: "ann", Why: "rather twice than never"}) == nil {
			emit(move{do: "somebody decides, come what may: " + string(v)}, next)
		}
	}
}
