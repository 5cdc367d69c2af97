package idempotency

import (
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
		return t.no(13, "the job is to be cancelled")
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
	s.NotAfter, s.LastAt = notAfter, notAfter
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
	case s.Account != ev.Account:
		return t.no(3, "the credentials are of another account than those of the first send")
	case s.Join == postproof.NotSent:
		// Nothing was ever sent: what would be sent may still change.
		s.VendorKey, s.Encoder, s.Digest, s.FirstAt = ev.VendorKey, ev.Encoder, ev.Digest, t.now
		s.Join = 0 // on its way again: not dead
		return nil
	case s.VendorKey != ev.VendorKey:
		return t.no(3, "another vendor key than that of the first send")
	case s.NoResend || s.Digest != ev.Digest || s.Encoder != ev.Encoder:
		return t.no(3, "other bytes than those of the first send")
	}
	if s.Join == postproof.Refused {
		s.Join = 0 // on its way again: not dead
		return nil
	}
	c := t.m.caps(s.Vendor)
	if c == nil || s.FirstAt.IsZero() || !c.Idempotency.Open(s.FirstAt, t.now) {
		return t.no(3, "the vendor's key window is closed, or it honours no key")
	}
	return nil
}

// notAfter is the last moment for a byte: min(lease, key window − margin,
// deadline, the caller's bound).
func (t *transition) notAfter(s *Submission, own time.Time) time.Time {
	at := t.r.Lease.Until
	earlier := func(bound time.Time) {
		if !bound.IsZero() && bound.Before(at) {
			at = bound
		}
	}
	earlier(own)
	earlier(t.r.Deadline)
	if c := t.m.caps(s.Vendor); c != nil && c.Idempotency.Kind != postproof.IdempotencyNone {
		earlier(c.Idempotency.Until(s.FirstAt))
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
	s.Sends += ev.Sends
	if ev.Duplicate {
		s.Veto = true
		ev.Delivery = ev.Delivery.Join(postproof.Unknown)
	}
	if t.r.State != Sending || t.r.Current() != s {
		// The holder answered after its lease had run out. Only good news can
		// still change anything.
		if ev.Delivery != postproof.Accepted {
			t.noteSub("late_answer", s, "came after the lease; dropped").Delivery = ev.Delivery
			return nil
		}
		return t.sighted(s, *ev.Order)
	}
	s.LastAt = t.now
	if ev.Delivery == postproof.Accepted {
		return t.sighted(s, *ev.Order)
	}
	s.Code = ev.Code
	s.Join = s.Join.Join(ev.Delivery) // rule 2: a milder answer never lowers it
	switch s.Join {
	case postproof.NotSent:
		return t.backToPlanned(s, ev)
	case postproof.Refused:
		if waits(ev.Code) {
			return t.backToPlanned(s, ev)
		}
		return t.refuse(s, ev)
	default:
		t.unknown(s, ev.Code, ev.RetryAfter)
		return nil
	}
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
	if t.cancelledIfWished() {
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
	if t.cancelledIfWished() {
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
	s.LastAt = s.NotAfter
	t.enter(Unknown)
	t.noteSub("lease_expired", s, "the holder did not report")
	return nil
}

func (t *transition) replan() error {
	switch {
	case t.r.State != Refused:
		return t.no(0, "only a refused job is planned for another vendor")
	case t.r.Cancel.Stands():
		return t.no(13, "the job is to be cancelled")
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
	if t.cancelledIfWished() {
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
	if !t.r.State.Workable() || t.r.State == Sending {
		return t.no(0, "there is nothing to put off")
	}
	t.r.Due = later(ev.Until, t.now)
	t.r.Lease = Lease{}
	if t.r.State == Planned && ev.Until.After(t.now.Add(24*time.Hour)) {
		t.deadline() // a send date far ahead takes the deadline along
	}
	if ev.Note != "" {
		t.note("postponed", ev.Note)
	}
	return nil
}

func (t *transition) cannotBuild() error {
	s := t.r.Current()
	if t.r.State != Unknown || s == nil {
		return t.no(0, "nothing was sent whose outcome is unknown")
	}
	s.NoResend = true
	t.noteSub("cannot_rebuild", s, "the bytes that were sent cannot be built again: look-up only")
	return nil
}
