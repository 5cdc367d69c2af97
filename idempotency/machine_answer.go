package idempotency

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// answer is the outcome of a send.
func (t *transition) answer(ev Answer) error {
	s := t.find(ev.Vendor, ev.Ref)
	if s == nil {
		return t.no(1, "there was no intent to send to "+ev.Vendor+" under this reference")
	}
	if ev.Delivery == postproof.Accepted && ev.Order == nil {
		return t.no(0, "an acceptance without the order")
	}
	if t.heard(s, ev.Intent) { // rule 14: applied twice it means nothing more
		if ev.Delivery == postproof.Accepted && ev.Order.Alive && s.Join != postproof.Accepted {
			return t.sighted(s, *ev.Order) // another answer, and news of paper
		}
		return nil
	}
	s.Sends += ev.Sends
	if ev.Duplicate {
		s.Veto = true
		ev.Delivery = ev.Delivery.Join(postproof.Unknown)
	}
	switch {
	case ev.Delivery == postproof.Accepted:
		if !t.r.inFlight(s) || ev.Intent != s.Intent {
			return t.sighted(s, *ev.Order)
		}
		t.enter(Unknown) // the send is over, also when the order is a dead one
		if err := t.sighted(s, *ev.Order); err != nil || t.r.State != Unknown || len(t.r.Live()) > 0 {
			return err
		}
		return t.afterDeath() // a callback told of the death before
	case !t.r.inFlight(s):
		t.lateAnswer(s, ev)
		return nil
	case ev.Intent == 0:
		return t.no(5, "the answer does not name its intent")
	case ev.Intent != s.Intent:
		t.lateAnswer(s, ev)
		return nil
	}
	// The holder is done: what an earlier one could still have sent ended with
	// its own not-after, before this intent.
	s.LastAt = t.now
	s.Code = ev.Code
	s.Join = s.Join.Join(ev.Delivery) // rule 2: a milder answer never lowers it
	if t.elsewhere(s) {
		return nil
	}
	t.r.State = Unknown // the send is over
	if s.Fate != "" {   // a callback was faster than the answer
		t.enter(Unknown)
		return t.afterDeath()
	}
	switch {
	case len(t.r.Live()) > 0: // this one, or another that is in doubt since
		t.unknown(s, ev.Code, ev.RetryAfter)
		t.refusedInDoubt(s, ev)
		return nil
	case s.Join == postproof.NotSent, waits(ev.Code):
		return t.backToPlanned(s, ev)
	default:
		return t.refuse(s, ev)
	}
}

// heard reports whether the answer to the intent was applied before, and
// remembers that it is applied now. Lists are shared between records: they are
// never changed in place.
func (t *transition) heard(s *Submission, intent uint64) bool {
	if intent == 0 {
		return false // it does not say which send it is about
	}
	if intent > s.Intent { // this history knows of no such intent
		if slices.Contains(s.Strays, intent) {
			return true
		}
		s.Strays = append(slices.Clip(s.Strays), intent)
		return false
	}
	at := slices.Index(s.Unanswered, intent)
	if at < 0 {
		return true
	}
	s.Unanswered = slices.Delete(slices.Clone(s.Unanswered), at, at+1)
	if len(s.Unanswered) == 0 {
		s.Unanswered = nil
	}
	return false
}

// lateAnswer applies the answer of a holder whose lease had run out. It lowers
// nothing; that bytes went out later than was thought makes earlier look-ups
// worthless.
func (t *transition) lateAnswer(s *Submission, ev Answer) {
	e := t.noteSub(EntryLateAnswer, s, "came after the lease")
	e.Delivery, e.Code = ev.Delivery, ev.Code
	if ev.Delivery != postproof.Unknown || t.r.inFlight(s) {
		return // in flight, the present intent bounds the time
	}
	s.Join = s.Join.Join(postproof.Unknown)
	s.LastAt, s.Misses, s.LastMiss = later(s.LastAt, t.now), 0, time.Time{}
	if s.Fate != "" && s.Fate != FateAbsent {
		return
	}
	switch t.r.State {
	case Planned, Refused, Canceled: // nothing newer is under way: doubt again
		s.Fate, s.NextWatch, s.WatchUntil = "", time.Time{}, time.Time{}
		if t.r.Current() == nil && t.r.Generation == s.Generation+1 {
			t.r.Generation = s.Generation // the next one was never used
		}
		if t.r.Cancel.Outcome == CancelDone { // nobody can say so any more
			t.r.Cancel.Outcome = ""
		}
		t.enter(Unknown)
		t.noteSub(EntryDoubtedAgain, s, "bytes went out later than was thought")
	case Held:
		s.Fate, s.NextWatch, s.WatchUntil = "", time.Time{}, time.Time{}
	case Sending, Unknown, Accepted, Done:
		if s.Fate != "" {
			t.watch(s)
		}
		if t.r.State == Accepted {
			t.settle()
		}
	}
}

// elsewhere ends a send whose own outcome is not an acceptance, when an older
// submission turned out to be accepted meanwhile: that one counts now.
func (t *transition) elsewhere(s *Submission) bool {
	for i := range t.r.Submissions {
		if o := &t.r.Submissions[i]; o != s && o.Fate == "" && o.Join == postproof.Accepted {
			t.r.State = Unknown // the send is over
			t.adopt(o)
			return true
		}
	}
	return false
}

// adopt makes a piece that a vendor has the one that counts.
func (t *transition) adopt(s *Submission) {
	s.Late = ""
	s.unwish()
	if s.Differs && !t.stopsAll() {
		t.holdDiffering(s)
		return
	}
	t.accept(s, Sighting{Receipt: postproof.Receipt{VendorID: s.VendorID, AcceptedAt: s.AcceptedAt}})
}

// waits reports whether a refusal is about the moment or the account, not
// about the job: the job waits, and the vendor is not given up for it.
func waits(c postproof.Code) bool {
	switch c {
	case postproof.CodeRateLimited, postproof.CodeUnavailable, postproof.CodeUnauthenticated, postproof.CodePermissionDenied:
		return true
	default:
		return false
	}
}

// refusedInDoubt ends the resends of a submission in doubt that is refused for good: it
// would be refused each time, also where the vendor has it by an earlier send. Only a
// look-up tells. Who cannot be looked up is sent to again, as there is nothing better.
func (t *transition) refusedInDoubt(s *Submission, ev Answer) {
	c := t.m.caps(s.Vendor)
	if ev.Delivery != postproof.Refused || waits(ev.Code) || s.Join != postproof.Unknown || s.NoResend || c == nil || !c.Lookup.ByRef {
		return
	}
	s.NoResend = true
	t.noteSub(EntryRefusedInDoubt, s, "the vendor refuses what it may have: look-up only").Code = ev.Code
}

func (t *transition) backToPlanned(s *Submission, ev Answer) error {
	if t.canceledIfWished() {
		return nil
	}
	tries := t.r.Tries
	t.enter(Planned)
	t.r.Tries = tries
	t.wait(ev.RetryAfter)
	e := t.noteSub(EntryNotTaken, s, ev.VendorCode)
	e.Code, e.Delivery = ev.Code, ev.Delivery
	return nil
}

func (t *transition) refuse(s *Submission, ev Answer) error {
	if t.canceledIfWished() {
		return nil
	}
	t.enter(Refused)
	t.r.Refusal = Refusal{Vendor: s.Vendor, Code: ev.Code, VendorCode: ev.VendorCode}
	t.noteSub(EntryRefused, s, ev.VendorCode).Code = ev.Code
	return nil
}

// unknown enters the state of doubt: nothing but this vendor's own word leads
// out of it.
func (t *transition) unknown(s *Submission, code postproof.Code, after time.Duration) {
	tries := t.r.Tries
	t.enter(Unknown)
	t.r.Tries = tries
	t.wait(after)
	t.noteSub(EntryUnknown, s, "").Code = code
}

// expire ends a lease in sending: rule 4.
func (t *transition) expire() error {
	s := t.r.Current()
	switch {
	case t.r.State != Sending || s == nil:
		return t.no(4, "only a lease in sending expires")
	case t.now.Before(s.NotAfter):
		return t.no(4, "the holder may still be sending")
	}
	s.Join = s.Join.Join(postproof.Unknown)
	if t.elsewhere(s) {
		return nil
	}
	t.enter(Unknown)
	t.noteSub(EntryLeaseExpired, s, "the holder did not report")
	if s.Fate != "" {
		return t.afterDeath()
	}
	return nil
}
