package idempotency

import (
	"cmp"
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// intend is the gate before the first byte: rules 1, 2, 3, 5, 6, 7 and 13.
func (t *transition) intend(ev Intend) error {
	r := t.r
	switch {
	case r.State != Planned && r.State != Unknown:
		return t.no(0, "only a planned job is sent, and only an unknown one sent again")
	case r.Cancel.Stands():
		return t.no(13, "the job is to be canceled")
	case ev.EpochChanged:
		return t.no(12, "the ledger's history was broken: recover first")
	case ev.Mode != r.Mode:
		return t.no(1, "the credentials are of mode "+string(ev.Mode)+", the ledger of mode "+string(r.Mode))
	case ev.Vendor == "" || ev.Ref == "" || ev.Digest == "" || ev.Encoder == "":
		return t.no(1, "the intent does not say what is sent to whom")
	case r.Lease.Owner != ev.Owner || !t.now.Before(r.Lease.Until):
		return t.no(6, "the lease is another's, or has run out")
	}
	for i := range r.Submissions {
		s := &r.Submissions[i]
		if s.Generation != r.Generation && s.Ref == ev.Ref {
			return t.no(7, "the reference is that of an earlier generation")
		}
		if !s.Dead() && (s.Vendor != ev.Vendor || s.Generation != r.Generation) {
			return t.no(2, s.Vendor+" is not proven not to have the piece")
		}
	}
	s := t.find(ev.Vendor, ev.Ref)
	if s == nil {
		if r.State != Planned {
			return t.no(2, "an unknown outcome is settled at its own vendor")
		}
		r.Submissions = append(r.Submissions, Submission{
			Generation: r.Generation, Ref: ev.Ref, Vendor: ev.Vendor, Account: ev.Account,
			VendorKey: ev.VendorKey, Encoder: ev.Encoder, Digest: ev.Digest, FirstAt: t.now,
		})
		s = &r.Submissions[len(r.Submissions)-1]
	} else if err := t.resend(s, ev); err != nil {
		return err
	}
	notAfter := t.notAfter(s, ev.NotAfter)
	if !t.now.Before(notAfter) {
		return t.no(3, "no time is left to send in")
	}
	if ev.Credentials != "" && ev.Credentials != s.Account {
		s.Also = ev.Credentials
	}
	s.NotAfter, s.LastAt, s.Intent = notAfter, later(s.LastAt, notAfter), t.fence
	s.Unanswered = append(slices.Clip(s.Unanswered), t.fence)
	s = t.last(s)
	if r.State == Planned { // a resend does not start the deadline anew
		r.State = Sending
		t.deadline()
	}
	r.State, r.Due = Sending, t.now // not enter: the lease goes on
	t.noteSub("intent", s, "")
	return nil
}

// resend checks that a submission may be sent again: rule 3.
func (t *transition) resend(s *Submission, ev Intend) error {
	switch {
	case s.Fate != "":
		return t.no(7, "the submission is dead; a new one needs a new generation")
	case s.Join == postproof.NotSent, s.Join == postproof.Refused && s.Account != ev.Account:
		// Nothing was ever sent to this account: what would be sent may still
		// change.
		if s.Join == postproof.Refused {
			s.Also = s.Account // the other one has seen bytes of it
		}
		s.Account, s.VendorKey, s.Encoder, s.Digest, s.FirstAt = ev.Account, ev.VendorKey, ev.Encoder, ev.Digest, t.now
		return nil
	case s.Account != ev.Account:
		return t.no(3, "the first send was under account "+s.Account+", the credentials are of account "+ev.Account)
	case s.VendorKey != ev.VendorKey:
		return t.no(3, "another vendor key than that of the first send")
	case s.NoResend || s.Digest != ev.Digest || s.Encoder != ev.Encoder:
		return t.no(3, "other bytes than those of the first send")
	}
	if s.Join == postproof.Refused {
		return nil
	}
	c := t.m.caps(s.Vendor)
	if c == nil || s.FirstAt.IsZero() || !c.Idempotency.Open(s.FirstAt, t.now) {
		return t.no(3, "the vendor's key window is closed, or it honors no key")
	}
	return nil
}

// last moves a submission to the end of the list, where the current one is.
func (t *transition) last(s *Submission) *Submission {
	if s == &t.r.Submissions[len(t.r.Submissions)-1] {
		return s
	}
	moved := *s
	at := slices.IndexFunc(t.r.Submissions, func(o Submission) bool { return o.Vendor == s.Vendor && o.Ref == s.Ref })
	t.r.Submissions = append(slices.Delete(t.r.Submissions, at, at+1), moved)
	return &t.r.Submissions[len(t.r.Submissions)-1]
}

// notAfter is the last moment for a byte: min(lease, key window − margin,
// deadline, half the settle time, the caller's bound).
//
// The settle time bounds what nobody else knows of: whoever recovers a ledger that
// lost the intent counts from the recovery on, and must not come to believe that
// nothing was sent while the holder still may. The other half is for clocks and
// stalls.
func (t *transition) notAfter(s *Submission, own time.Time) time.Time {
	at := t.r.Lease.Until
	earlier := func(bound time.Time) {
		if !bound.IsZero() && bound.Before(at) {
			at = bound
		}
	}
	earlier(own)
	earlier(t.r.Deadline)
	c := t.m.caps(s.Vendor)
	if c != nil && c.Idempotency.Kind != postproof.IdempotencyNone {
		earlier(c.Idempotency.Until(s.FirstAt))
	}
	if c != nil && c.Lookup.ByRef {
		earlier(t.now.Add(c.Lookup.SettleTime() / 2))
	}
	return at
}

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
	e := t.noteSub("late_answer", s, "came after the lease")
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
		t.enter(Unknown)
		t.noteSub("doubted_again", s, "bytes went out later than was thought")
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
	if s.Differs { // rule 7: unequal means held
		t.hold(HoldContentDiffers, s.Vendor+" has another piece under our reference")
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

func (t *transition) backToPlanned(s *Submission, ev Answer) error {
	if t.canceledIfWished() {
		return nil
	}
	tries := t.r.Tries
	t.enter(Planned)
	t.r.Tries = tries
	t.wait(ev.RetryAfter)
	e := t.noteSub("not_taken", s, ev.VendorCode)
	e.Code, e.Delivery = ev.Code, ev.Delivery
	return nil
}

func (t *transition) refuse(s *Submission, ev Answer) error {
	if t.canceledIfWished() {
		return nil
	}
	t.enter(Refused)
	t.r.Refusal = Refusal{Vendor: s.Vendor, Code: ev.Code, VendorCode: ev.VendorCode}
	t.noteSub("refused", s, ev.VendorCode).Code = ev.Code
	return nil
}

// unknown enters the state of doubt: nothing but this vendor's own word leads
// out of it.
func (t *transition) unknown(s *Submission, code postproof.Code, after time.Duration) {
	tries := t.r.Tries
	t.enter(Unknown)
	t.r.Tries = tries
	t.wait(after)
	t.noteSub("unknown", s, "").Code = code
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
	t.noteSub("lease_expired", s, "the holder did not report")
	if s.Fate != "" {
		return t.afterDeath()
	}
	return nil
}

func (t *transition) replan() error {
	switch {
	case t.r.State != Refused:
		return t.no(0, "only a refused job is planned for another vendor")
	case t.r.Cancel.Stands():
		return t.no(13, "the job is to be canceled")
	case len(t.r.Live()) > 0:
		return t.no(2, "a vendor is not proven not to have the piece")
	}
	t.enter(Planned)
	t.note("replanned", "for another vendor")
	return nil
}

func (t *transition) noRoute(ev NoRoute) error {
	if t.r.State != Planned {
		return t.no(0, "only a planned job looks for a vendor")
	}
	if t.canceledIfWished() {
		return nil
	}
	t.enter(Refused)
	if t.r.Refusal == (Refusal{}) {
		t.r.Refusal = Refusal{Code: ev.Code, Note: ev.Note}
	}
	t.note("no_route", ev.Note).Code = ev.Code
	return nil
}

func (t *transition) postpone(ev Postpone) error {
	switch {
	case t.r.State == Sending, !t.r.State.Workable() && t.r.Lease == (Lease{}):
		return t.no(0, "there is nothing to put off")
	case !t.r.State.Workable(): // it was watched: only the lease is given back
		return nil
	case t.now.Before(t.r.Due): // what is waited for already is waited for to its end
		ev.Until = later(ev.Until, t.r.Due)
	}
	t.r.Due = later(ev.Until, t.now)
	t.r.Lease, t.r.Awaits = Lease{}, ev.Awaits
	if t.r.State == Planned && t.r.Tries == 0 && t.r.Current() == nil && ev.Until.After(t.now.Add(24*time.Hour)) {
		// A send date far ahead takes the deadline along; a job that was tried
		// cannot be put off for ever.
		t.r.PlannedAt = later(t.r.PlannedAt, ev.Until)
		t.deadline()
	}
	if ev.Note != "" {
		t.note("postponed", ev.Note)
	}
	return nil
}

func (t *transition) cannotBuild(ev CannotBuild) error {
	note := cmp.Or(ev.Why, "the bytes that were sent cannot be built again")
	done := false
	for i := range t.r.Submissions {
		s := &t.r.Submissions[i]
		switch {
		case s.Generation != t.r.Generation || s.Fate != "":
		case t.r.State == Unknown && s.Join == postproof.Unknown && !s.NoResend:
			s.NoResend, done = true, true
			t.noteSub("cannot_rebuild", s, note+": look-up only")
		case t.r.State == Planned && s.Join == postproof.Refused:
			t.skipGeneration(note)
			return nil
		}
	}
	if !done {
		return t.no(0, "no bytes were sent that would be sent again")
	}
	t.r.Due, t.r.Lease = t.now, Lease{}
	return nil
}

// renew gives a planned job a new generation, and so a new key, when it was
// refused by a vendor and would be sent there again after the window of the
// key: what a vendor does with an old key is anybody's guess.
func (t *transition) renew() {
	if t.r.State == Planned && t.m.stale(t.r, later(t.now, t.r.Due)) {
		t.skipGeneration("the key window of a refused send has closed")
	}
}

// stale reports whether the key of a refused send of the present generation is
// used up at the time given.
func (m *Machine) stale(r *Record, at time.Time) bool {
	return slices.ContainsFunc(r.Submissions, func(s Submission) bool {
		c := m.caps(s.Vendor)
		return s.Generation == r.Generation && s.Join == postproof.Refused && c != nil &&
			c.Idempotency.Kind != postproof.IdempotencyNone && !c.Idempotency.Open(s.FirstAt, at)
	})
}

// skipGeneration goes on to the next generation of a planned job that nobody
// has, with the waits and deadlines of the present one.
func (t *transition) skipGeneration(why string) {
	t.r.Generation++
	t.note("next_generation", why)
}
