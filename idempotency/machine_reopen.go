package idempotency

import (
	"reflect"
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// Prior is what a held job was before a person released or decided it. A record
// has it for as long as that can be taken back by [Reopen]: until anything comes
// of it, be it a send, a vendor's word that is news, or another person's.
type Prior struct {
	// Fence is the record's after the release or decision: it says which one.
	Fence uint64 `json:"fence"`
	// The rest is as it was.
	Generation  int               `json:"gen"`
	Submissions []Submission      `json:"subs,omitempty"`
	Receipt     postproof.Receipt `json:"receipt,omitzero"`
	Status      postproof.Status  `json:"status,omitzero"`
	Cancel      CancelWish        `json:"cancel,omitzero"`
	Hold        Hold              `json:"hold,omitzero"`
	Refusal     Refusal           `json:"refusal,omitzero"`
	PlannedAt   time.Time         `json:"planned,omitzero"`
	PollAt      time.Time         `json:"poll,omitzero"`
}

// remember keeps what a held job is before a person's word changes it.
func (t *transition) remember() {
	r := t.r
	t.r.Prior = &Prior{
		Fence: t.fence, Generation: r.Generation, Submissions: slices.Clone(r.Submissions), Receipt: r.Receipt, Status: r.Status,
		Cancel: r.Cancel, Hold: r.Hold, Refusal: r.Refusal, PlannedAt: r.PlannedAt, PollAt: r.PollAt,
	}
}

// reopen takes a release or a decision back: the job is held again as it was, its
// submissions as alive as they were.
func (t *transition) reopen(ev Reopen) error {
	p := t.r.Prior
	switch {
	case ev.By == "":
		return t.no(9, "who takes a decision back has a name")
	case p == nil:
		return t.no(0, "no decision stands that nothing has come of")
	case p.Fence != ev.Decision:
		return t.no(5, "another decision has been made since")
	}
	t.enter(Held)
	r := t.r
	r.Generation, r.Submissions, r.Receipt, r.Status, r.Cancel = p.Generation, slices.Clone(p.Submissions), p.Receipt, p.Status, p.Cancel
	r.Hold, r.Refusal, r.PlannedAt, r.PollAt = p.Hold, p.Refusal, p.PlannedAt, p.PollAt
	r.Prior = nil
	t.note(EntryReopened, string(r.Hold.Reason)).By = ev.By
	return nil
}

// movedOn reports whether anything has come of what led to a record: all that is
// known of paper and of people's wishes counts. That time passes, and that a
// vendor was asked in vain, does not.
func movedOn(before, after *Record) bool {
	if before.State != after.State || before.Generation != after.Generation || before.Fingerprint != after.Fingerprint ||
		!before.Cancel.At.Equal(after.Cancel.At) || before.Cancel.Outcome != after.Cancel.Outcome || before.Cancel.Tries != after.Cancel.Tries ||
		before.Status.Stage != after.Status.Stage || before.Receipt.Vendor != after.Receipt.Vendor ||
		before.Receipt.Ref != after.Receipt.Ref || before.Receipt.VendorID != after.Receipt.VendorID {
		return true
	}
	return !slices.EqualFunc(before.Submissions, after.Submissions, func(a, b Submission) bool {
		return reflect.DeepEqual(a.known(), b.known())
	})
}

// known is the submission without what only says how often it was asked about.
func (s *Submission) known() Submission {
	k := *s
	k.Misses, k.LastMiss, k.LookUps, k.WatchUntil, k.NextWatch = 0, time.Time{}, 0, time.Time{}, time.Time{}
	k.unwish()
	return k
}

// wake ends a wait for what has come: a pause has ended.
func (t *transition) wake() error {
	if t.r.Awaits == "" {
		return t.no(0, "it waits for nothing that could have come")
	}
	t.r.Due, t.r.Awaits = t.now, ""
	return nil
}
