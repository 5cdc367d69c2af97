package idempotency

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// Do is what a worker does next for a record.
type Do string

// The actions.
const (
	DoNothing   Do = "nothing"   // the job is at rest and no vendor is watched, or the record is of a newer version
	DoWait      Do = "wait"      // until At
	DoSend      Do = "send"      // route and send
	DoResend    Do = "resend"    // same vendor, same key, same bytes
	DoLookUp    Do = "look_up"   // by reference: to settle an outcome, or to find a late arrival
	DoPoll      Do = "poll"      // the status
	DoCancel    Do = "cancel"    // at the vendor, then read back
	DoTooLate   Do = "too_late"  // the cancel window is closed: record it
	DoHold      Do = "hold"      // with Reason
	DoExpire    Do = "expire"    // the lease in sending
	DoFinish    Do = "finish"    // the last status is known
	DoDuplicate Do = "take_risk" // the campaign's policy prefers a duplicate: once
)

// Step is the next thing to do for a record.
type Step struct {
	Do Do
	// At is when a wait ends: then ask [Machine.Next] again.
	At time.Time
	// Submission is the one in question: a copy.
	Submission Submission
	// Reason is why the job is to be held, and Note what there is to say of it.
	Reason HoldReason
	Note   string
}

// Next returns what a worker that holds the record does now. It is pure.
func (m *Machine) Next(r *Record, now time.Time) Step {
	now = r.Now(now)
	if r.Version > RecordVersion || r.Tombstone || !r.State.Known() {
		return Step{Do: DoNothing}
	}
	if r.State == Sending {
		return m.nextSending(r, now)
	}
	if r.State.Workable() && !r.Deadline.IsZero() && !now.Before(r.Deadline) && !r.Status.Stage.Terminal() {
		return Step{Do: DoHold, Reason: HoldDeadline, Note: r.unlisted()}
	}
	if s := r.toWatch(now); s != nil {
		return Step{Do: DoLookUp, Submission: *s}
	}
	switch at, ever := r.WorkAt(); {
	case !ever:
		return Step{Do: DoNothing}
	case now.Before(at):
		return Step{Do: DoWait, At: at}
	}
	switch r.State {
	case Planned:
		if m.stale(r, now) { // putting it off starts the next generation
			return Step{Do: DoWait, At: now.Add(time.Second)}
		}
		return Step{Do: DoSend}
	case Unknown:
		return m.nextUnknown(r, now)
	default:
		return m.nextAccepted(r, now)
	}
}

// unlisted says why an unknown outcome was looked into in vain; empty if not for this.
func (r *Record) unlisted() string {
	for _, s := range r.Live() {
		if s.Unlisted && s.Join == postproof.Unknown {
			return s.Vendor + " could not be looked up by reference when it was sent: that it is not found since proves nothing"
		}
	}
	return ""
}

// toWatch returns a submission whose vendor is to be looked at for a late
// arrival now. What turned up already comes first: the window to cancel it is
// short.
func (r *Record) toWatch(now time.Time) *Submission {
	if r.State == Accepted && r.toStop(now) != nil {
		return nil
	}
	for i := range r.Submissions {
		if s := &r.Submissions[i]; r.watches(s) && !now.Before(s.NextWatch) {
			return s
		}
	}
	return nil
}

// toStop returns a late arrival of an accepted record that is to be canceled now.
// Not an heir while the status of the piece that counts cannot be had: that an
// heir is there says that the other one died, and it may be the only piece.
// Where the job is to be canceled, that does not matter.
func (r *Record) toStop(now time.Time) *Submission {
	for i := range r.Submissions {
		if s := &r.Submissions[i]; r.stops(s) && !now.Before(s.AskAt) {
			return s
		}
	}
	return nil
}

// stops reports whether a submission is a late arrival that is to be canceled.
func (r *Record) stops(s *Submission) bool {
	return s.Late == LateSeen && (!s.Heir || r.Status.Stage.Terminal() || r.Cancel.Stands())
}

// wished reports whether the piece that counts is still to be canceled.
func (r *Record) wished() bool { return r.Cancel.Stands() && r.Cancel.Outcome == "" }

func (m *Machine) nextSending(r *Record, now time.Time) Step {
	s := r.Current()
	if s == nil {
		return Step{Do: DoNothing}
	}
	if now.Before(s.NotAfter) {
		return Step{Do: DoWait, At: s.NotAfter, Submission: *s}
	}
	return Step{Do: DoExpire, Submission: *s}
}

// nextUnknown is section 5 of the rules: resend under the same key, else look
// up, else hold.
func (m *Machine) nextUnknown(r *Record, now time.Time) Step {
	live := r.Live()
	if len(live) == 1 && !r.Cancel.Stands() && m.mayResend(r, live[0], now) {
		return Step{Do: DoResend, Submission: *live[0]}
	}
	var look, gone *Submission
	for _, s := range live {
		c := m.caps(s.Vendor)
		if c == nil {
			gone = s
			continue
		}
		if c.Lookup.ByRef && (look == nil || s.LookUps < look.LookUps) {
			look = s
		}
	}
	switch {
	case look != nil:
		return Step{Do: DoLookUp, Submission: *look}
	case gone != nil: // whoever has the adapter can ask: it is for them first
		return Step{Do: DoHold, Reason: HoldVendorGone, Submission: *gone}
	case r.Policy == PreferDuplicate && len(live) > 0 && !r.Cancel.Stands(): // what is to be canceled is not called dead, nor sent anew
		if r.decidedDead() {
			return Step{Do: DoHold, Reason: HoldCannotAsk, Note: "it was sent anew once already"}
		}
		return Step{Do: DoDuplicate, Submission: *live[len(live)-1]}
	case len(live) > 0 && live[0].NoResend && m.caps(live[0].Vendor).Idempotency.Kind != postproof.IdempotencyNone:
		return Step{Do: DoHold, Reason: HoldCannotBuild}
	default:
		return Step{Do: DoHold, Reason: HoldCannotAsk}
	}
}

// decidedDead reports whether a submission counts as dead by a word alone. The
// policy accepts two pieces, not one for each answer that gets lost.
func (r *Record) decidedDead() bool {
	return slices.ContainsFunc(r.Submissions, func(s Submission) bool { return s.Fate == FateDecided })
}

func (m *Machine) mayResend(r *Record, s *Submission, now time.Time) bool {
	c := m.caps(s.Vendor)
	return c != nil && s.Generation == r.Generation && s.Digest != "" && !s.NoResend && !s.FirstAt.IsZero() &&
		s.Join != postproof.Accepted && (!s.Veto || !c.Lookup.ByRef) && c.Idempotency.Open(s.FirstAt, now)
}

func (m *Machine) nextAccepted(r *Record, now time.Time) Step {
	if late := r.toStop(now); late != nil {
		s := *late
		tooLate := Step{Do: DoTooLate, Submission: s}
		if s.Unasked != "" && !r.Deadline.IsZero() && !now.Before(r.Deadline) {
			return tooLate // nobody who could ask has come
		}
		return m.cancelOr(r, s, later(s.AcceptedAt, s.FirstAt), now, tooLate)
	}
	holder := m.holder(r)
	if r.wished() {
		tooLate := Step{Do: DoTooLate, Submission: holder}
		switch {
		case holder.Unasked != "" && r.Status.Stage.Terminal():
			return tooLate // so it is known without asking
		case !now.Before(holder.AskAt):
			return m.cancelOr(r, holder, r.Receipt.AcceptedAt, now, tooLate)
		}
	}
	switch {
	case (!r.Status.Stage.Terminal() || !r.PollAt.IsZero()) && !now.Before(r.PollAt): // after the end only when asked to
		return Step{Do: DoPoll, Submission: holder}
	case r.Status.Stage.Terminal() && !watched(r):
		return Step{Do: DoFinish, Submission: holder}
	default:
		return Step{Do: DoWait, At: nextLook(r), Submission: holder}
	}
}

// nextLook is the next poll, watch or attempt to cancel of an accepted record.
func nextLook(r *Record) time.Time {
	at := r.besidePolls(time.Time{})
	if at.IsZero() || !r.PollAt.IsZero() && r.PollAt.Before(at) {
		return r.PollAt
	}
	return at
}

// besidePolls is the next watch or attempt to cancel of an accepted record behind a
// time; zero when there is none.
func (r *Record) besidePolls(behind time.Time) (at time.Time) {
	sooner := func(look time.Time) {
		if look.After(behind) && (at.IsZero() || look.Before(at)) {
			at = look
		}
	}
	for i := range r.Submissions {
		s := &r.Submissions[i]
		sooner(s.NextWatch)
		if r.stops(s) || r.wished() && r.counts(s) {
			sooner(s.AskAt)
		}
	}
	return at
}

// cancelOr cancels inside the vendor's window, and does the other thing
// outside. Of a vendor that is not known here nobody knows the window: it is for
// whoever carries it out to say that nobody can be asked.
func (m *Machine) cancelOr(r *Record, s Submission, accepted, now time.Time, otherwise Step) Step {
	c := m.caps(s.Vendor)
	switch {
	case s.VendorID == "":
		return otherwise
	case c == nil:
	case !c.Cancel.Supported, !now.Before(cancelUntil(c, r, &s, accepted)):
		return otherwise
	}
	return Step{Do: DoCancel, Submission: s}
}

func (m *Machine) holder(r *Record) Submission {
	for i := range r.Submissions {
		if s := &r.Submissions[i]; r.counts(s) {
			return *s
		}
	}
	return Submission{}
}

// counts reports whether the receipt is of the submission.
func (r *Record) counts(s *Submission) bool {
	return s.Vendor == r.Receipt.Vendor && s.Ref == r.Receipt.Ref
}

func watched(r *Record) bool {
	for i := range r.Submissions {
		if s := &r.Submissions[i]; s.Late == LateSeen || !s.NextWatch.IsZero() {
			return true
		}
	}
	return false
}
