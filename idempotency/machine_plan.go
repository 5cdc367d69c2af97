package idempotency

import (
	"cmp"
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// What happens to a job that waits to be sent: where it goes next, and when.

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
	t.note(EntryReplanned, "for another vendor")
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
	t.note(EntryNoRoute, ev.Note).Code = ev.Code
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
	if at := t.r.besidePolls(t.now); t.r.State == Accepted && !at.IsZero() && at.Before(ev.Until) {
		ev.Until = at // only a poll is put off: a piece can be canceled or watched for meanwhile
	}
	t.r.Due = later(ev.Until, t.now)
	t.r.Lease, t.r.Awaits = Lease{}, ev.Awaits
	untried := t.r.Tries == 0 && t.r.Current() == nil
	if t.r.State == Planned && (untried || !ev.Until.After(t.r.SendDate)) && ev.Until.After(t.now.Add(24*time.Hour)) {
		// A send date far ahead takes the deadline along; a job that was tried
		// cannot be put off for ever, but until its date.
		t.r.PlannedAt = later(t.r.PlannedAt, ev.Until)
		t.deadline()
	}
	if ev.Note != "" {
		t.note(EntryPostponed, ev.Note)
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
			t.noteSub(EntryCannotRebuild, s, note+": look-up only")
		case t.r.State == Planned && s.Join == postproof.Refused:
			if n := t.r.spent(); n > 0 && n+1 >= t.m.WithDefaults().MaxGenerations {
				// Workers of two versions would begin one generation after the other,
				// more than a recovery looks for ([Machine.Reachable]).
				return t.no(7, "too many generations were begun by itself: whoever made the request makes it again, or its key's window closes")
			}
			s.NoResend = true // and so the generation is spent
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
	t.note(EntryNextGeneration, why)
}
