package idempotency

import (
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
	counted := s != nil && !s.Dead()
	if s == nil {
		if r.State != Planned {
			return t.no(2, "an unknown outcome is settled at its own vendor")
		}
		r.Submissions = append(r.Submissions, Submission{
			Generation: r.Generation, Ref: ev.Ref, Vendor: ev.Vendor, Account: ev.Account,
			VendorKey: ev.VendorKey, Encoder: ev.Encoder, Digest: ev.Digest, FirstAt: t.now, SendDate: ev.SendDate,
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
	if !counted { // else it counts already, with what it counted with
		s.Cents = ev.Cents
		t.able(s)
	}
	s.NotAfter, s.LastAt, s.Intent = notAfter, later(s.LastAt, notAfter), t.fence
	s.Unanswered = append(slices.Clip(s.Unanswered), t.fence)
	s = t.last(s)
	if r.State == Planned { // a resend does not start the deadline anew
		r.State = Sending
		t.deadline()
	}
	r.State, r.Due = Sending, t.now // not enter: the lease goes on
	t.noteSub(EntryIntent, s, "")
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
		s.Account, s.VendorKey, s.Encoder, s.Digest, s.FirstAt, s.SendDate = ev.Account, ev.VendorKey, ev.Encoder, ev.Digest, t.now, ev.SendDate
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

// able keeps what the vendor could do when a submission was first sent: a newer adapter,
// or a setting of it, may have taught it more, which need not hold for this one.
func (t *transition) able(s *Submission) {
	c := t.m.caps(s.Vendor)
	s.Unguarded = c != nil && c.Idempotency.Kind == postproof.IdempotencyNone
	s.Unlisted = c != nil && !c.Lookup.ByRef
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
