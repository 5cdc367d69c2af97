package idempotency_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// settles plays a world to its end with vendors that answer, and checks that
// there is one, that it is told as it is, and that nothing turns in circles.
func (x *explorer) settles(w world) string {
	var passed [][16]byte
	if w.broken == "" && x.workers {
		x.finishWorkers(&w)
	}
	mustCancel := x.waitsInVain(&w)
	for range 400 {
		if why := x.check(&w); why != "" {
			return why
		}
		d := x.digest(&w)
		if x.settled[d] && !mustCancel {
			break
		}
		passed = append(passed, d)
		if w.rec.State.Final() || w.rec.State == idempotency.Held {
			if _, watched := w.rec.Watched(); !watched && !x.replan(&w) {
				if why := x.counts(x.dropped(&w)); why != "" {
					return why
				}
				if news := x.tellAll(&w); news {
					continue
				}
				x.ends[strings.TrimSuffix(string(w.rec.State)+": "+string(w.rec.Hold.Reason), ": ")]++
				if why := x.counts(x.verdict(&w)); why != "" {
					return why
				}
				break
			}
		}
		busy := 0
		for w.claim() {
			if busy++; busy > 8+2*len(w.rec.Submissions) {
				return x.counts("no end: the worker turns in circles: " + describe(&w))
			}
			x.fair(&w)
			if w.broken != "" {
				return x.counts(w.broken)
			}
		}
		w.pass()
	}
	if mustCancel && w.alive() > 0 {
		return x.counts("given up: whoever could ask was not waited for: " + describe(&w))
	}
	if len(passed) == 400 {
		return x.counts("no end: it is neither final nor held: " + describe(&w))
	}
	for _, d := range passed {
		x.settled[d] = true
	}
	return ""
}

// tellAll lets every order that the ledger may not know of send a callback; it
// reports whether that changed the state.
func (x *explorer) tellAll(w *world) bool {
	before := w.rec.State
	for i := range int8(w.nOrder) {
		o := w.orders[i]
		if (x.caps[o.vendor].Lookup.ByRef && x.strict) || o.watched || x.silent {
			continue
		}
		x.tell(w, i)
	}
	return w.rec.State != before
}

func (x *explorer) tell(w *world, i int8) {
	o := w.orders[i]
	err := x.apply(w, idempotency.Observe{
		Vendor: x.vendors[o.vendor], Ref: exampleRef(int(o.gen)), VendorID: vendorID(i), Sighting: w.sighting(i, postproof.SourceCallback),
	})
	if rule := ruleOf(err); err != nil && rule != 12 && rule != 10 { // the ledger has lost, or buried, what the callback speaks of
		w.broken = "a callback is refused: " + err.Error()
	}
}

// ruleOf returns the number of the rule that an error names, -1 for none.
func ruleOf(err error) int {
	if rule, ok := errors.AsType[*idempotency.RuleError](err); ok {
		return rule.Rule
	}
	return -1
}

// dropped reports an acceptance that a living process was given, and that the
// ledger asks a person about.
func (x *explorer) dropped(w *world) string {
	for i := range int8(w.nOrder) {
		if o := w.orders[i]; w.given&(1<<i) != 0 && o.fate == uint8(alive) && !w.risks(o.vendor, o.gen) && w.rec.State == idempotency.Held && w.rec.Hold.Reason == idempotency.HoldCannotAsk {
			return fmt.Sprintf("forgotten: the vendor's answer about order id-%d: %s", i, describe(w))
		}
	}
	return ""
}

// verdict compares the end of a job with what was printed.
func (x *explorer) verdict(w *world) string {
	r := w.rec
	if (r.State == idempotency.Accepted || r.State == idempotency.Done) && w.differs(r.Receipt.VendorID) {
		return "another piece counts: " + describe(w)
	}
	if r.State == idempotency.Held && r.Hold.Reason == "" {
		return "no reason: held without one: " + describe(w)
	}
	for i := range int8(w.nOrder) {
		o := w.orders[i]
		if o.fate != uint8(alive) || r.State == idempotency.Held {
			continue
		}
		known := w.told&(1<<i) != 0
		for _, s := range r.Submissions {
			if s.Ref == exampleRef(int(o.gen)) && s.Vendor == x.vendors[o.vendor] {
				counts := r.Receipt.Ref == s.Ref && r.Receipt.Vendor == s.Vendor && r.Receipt.VendorID == vendorID(i)
				known = known || counts || s.Late == idempotency.LatePrinted
			}
		}
		if !known {
			return fmt.Sprintf("forgotten: order id-%d: %s", i, describe(w))
		}
	}
	if r.State == idempotency.Done && (r.Receipt.IsZero() || w.alive() == 0) {
		return "lost: done without a piece: " + describe(w)
	}
	if r.State == idempotency.Refused && !r.Cancel.Stands() && r.Refusal == (idempotency.Refusal{}) {
		return "no reason: refused without one: " + describe(w)
	}
	return ""
}

// fair does the machine's next action at vendors that answer at once.
func (x *explorer) fair(w *world) {
	a := x.m.Next(w.rec, w.time())
	v, g := x.index(a.Submission.Vendor), genOf(a.Submission.Ref)
	if x.silent && x.unanswered(w, a) {
		return
	}
	switch a.Do {
	case idempotency.DoSend:
		v, ok := x.route(w)
		if !ok {
			x.must(w, idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: "none takes it"})
			return
		}
		x.sendNow(w, v, uint8(w.rec.Generation))
	case idempotency.DoResend:
		if !x.mayRepeat(w, &a.Submission) {
			x.must(w, idempotency.CannotBuild{Why: "it came with other credentials"})
			return
		}
		x.sendNow(w, v, g)
	case idempotency.DoCancel:
		x.cancelNow(w, v, g, a.Submission.VendorID)
	case idempotency.DoLookUp:
		x.must(w, idempotency.LookedUp{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, Complete: true, Control: true, Orders: w.lookUp(v, g)})
	default:
		x.plain(w, a)
	}
}

// unanswered does the machine's next action where no vendor answers; it reports
// whether one was asked.
func (x *explorer) unanswered(w *world, a idempotency.Step) bool {
	v, g := x.index(a.Submission.Vendor), genOf(a.Submission.Ref)
	switch a.Do {
	case idempotency.DoSend, idempotency.DoResend:
		if a.Do == idempotency.DoSend {
			var ok bool
			if v, ok = x.route(w); !ok {
				return false
			}
			g = uint8(w.rec.Generation)
		}
		if intent, ok := x.intend(w, v, g); ok {
			x.must(w, x.answer(w, reply{vendor: v, gen: g, delivery: postproof.NotSent, order: -1, intent: intent}))
		}
	case idempotency.DoLookUp:
		x.must(w, idempotency.LookedUp{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, Failed: true})
	case idempotency.DoCancel:
		x.must(w, idempotency.CancelAnswer{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref})
	case idempotency.DoPoll:
		x.must(w, idempotency.Observe{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, VendorID: a.Submission.VendorID, Failed: true})
	default:
		return false
	}
	return true
}

// plain does an action in which nothing is left to chance.
func (x *explorer) plain(w *world, a idempotency.Step) {
	switch a.Do {
	case idempotency.DoWait:
		if !a.At.After(w.time()) {
			w.broken = "a wait that ends before it begins: " + describe(w)
			return
		}
		if w.rec.State != idempotency.Sending {
			x.must(w, idempotency.Postpone{Until: a.At})
		}
	case idempotency.DoPoll:
		x.poll(w, &a.Submission)
	case idempotency.DoTooLate:
		x.must(w, idempotency.CancelAnswer{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, TooLate: true})
	case idempotency.DoHold:
		x.must(w, idempotency.PutOnHold{Reason: a.Reason, Note: a.Note})
	case idempotency.DoExpire:
		x.must(w, idempotency.Expire{})
	case idempotency.DoFinish:
		x.must(w, idempotency.Finish{})
	case idempotency.DoDuplicate:
		x.must(w, policyDecides()...)
	default:
		w.broken = fmt.Sprintf("a record that was claimed has nothing to do (%s): %s", a.Do, describe(w))
	}
}

func (x *explorer) poll(w *world, s *idempotency.Submission) {
	if ev, ok := x.statusOf(w, s); ok {
		x.must(w, ev)
	}
}

// statusOf asks a vendor for the status of a piece.
func (x *explorer) statusOf(w *world, s *idempotency.Submission) (idempotency.Observe, bool) {
	for i := range int8(w.nOrder) {
		if o := &w.orders[i]; vendorID(i) == s.VendorID && x.vendors[o.vendor] == s.Vendor {
			return idempotency.Observe{Vendor: s.Vendor, Ref: s.Ref, VendorID: s.VendorID, Sighting: w.sighting(i, postproof.SourcePoll)}, true
		}
	}
	w.broken = "lost: a poll for a piece that does not exist: " + describe(w)
	return idempotency.Observe{}, false
}

func genOf(ref postproof.Ref) uint8 {
	if ref == "" {
		return 0
	}
	return uint8(strings.IndexByte(digits, ref[len(ref)-1]))
}

// routes returns the vendors that have not refused this generation.
func (x *explorer) routes(r *idempotency.Record) []uint8 {
	var all []uint8
	for v, name := range x.vendors {
		refused := false
		for i := range r.Submissions {
			s := &r.Submissions[i]
			if s.Vendor == name && s.Generation == r.Generation && s.Join == postproof.Refused && s.Code == postproof.CodeInvalidArgument {
				refused = true
			}
		}
		if !refused {
			all = append(all, uint8(v))
		}
	}
	return all
}

// route returns the first of them.
func (x *explorer) route(w *world) (uint8, bool) {
	all := x.routes(w.rec)
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}
