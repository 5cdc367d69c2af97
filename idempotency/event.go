package idempotency

import (
	"time"

	"github.com/postproof/postproof"
)

// Event is something that happened to a job, as the machine understands it.
// The types below are all of them: the machine refuses any other.
type Event interface {
	// Name returns the name used in the table of the package documentation and
	// in the history.
	Name() string
}

// Sighting is a piece as a vendor showed it under our reference.
type Sighting struct {
	Receipt postproof.Receipt
	Status  postproof.Status
	// Alive is false when the vendor will never print it.
	Alive bool
	// Equal is false when it is another piece than the one we submitted, or
	// belongs to the other mode.
	Equal bool
}

// Intend is the durable intent to send, made before the first byte: a first
// send, a send to another vendor, or a resend of an unknown submission.
type Intend struct {
	// Owner is the holder of the lease.
	Owner   string
	Vendor  string
	Account string
	// Credentials is the name of the account whose credentials make the send, where
	// that is not Account: one that is believed to be the same ([Submission.Also]).
	Credentials string
	Mode        postproof.Mode
	Ref         postproof.Ref
	// VendorKey, Encoder and Digest are what will be sent.
	VendorKey, Encoder, Digest string
	// NotAfter is the caller's own bound; the machine only shortens it.
	NotAfter time.Time
	// Cents is what the send counts with in spend caps, see [Submission.Cents].
	Cents int64
	// SendDate is the one that the vendor is given; zero for none.
	SendDate time.Time
	// EpochChanged is what the ledger's identity says.
	EpochChanged bool
}

// Answer is the outcome of a send.
type Answer struct {
	Vendor string
	Ref    postproof.Ref
	// Intent is the [Submission.Intent] of the intent that was carried out.
	// Required in sending, except for Accepted: the answer of a holder that was
	// given up must not end the send of the present one. An intent is answered
	// once; its answer applied again changes nothing.
	Intent uint64
	// Delivery is the join over what this send did.
	Delivery postproof.Delivery
	// Sends counts the times bytes went out.
	Sends int
	// Order is the piece that the vendor says it has; required for Accepted.
	Order *Sighting
	// Duplicate is true when the vendor called our reference a duplicate, or answered
	// with the order of an earlier submission.
	Duplicate  bool
	Code       postproof.Code
	VendorCode string
	RetryAfter time.Duration
}

// Expire ends a lease that ran out while bytes may have been on their way.
type Expire struct{}

// LookedUp is the answer to a look-up by reference.
type LookedUp struct {
	Vendor string
	Ref    postproof.Ref
	// Complete: a proper list, read to its last page under the submission's
	// account and mode.
	Complete bool
	// Control: a piece that this vendor accepted after our last send was found
	// in the same way.
	Control bool
	// Failed: the look-up itself failed; nothing was learned.
	Failed     bool
	RetryAfter time.Duration
	// Unasked is set beside Failed when the vendor was not asked, because nobody here
	// can: why. RetryAfter is then when somebody else may have come, 0 where none is
	// known of. The text is for people, and holds no secret.
	Unasked string
	Orders  []Sighting
	// At is when the look-up was begun; zero means now. An answer that lay
	// about proves nothing about the time after it was asked for. Where the
	// vendor's clock shows an earlier time, it is that: the settle time is the
	// vendor's.
	At time.Time
}

// Observe is what a poll, a callback or a list said about one piece.
type Observe struct {
	Vendor string
	// Ref or VendorID names the piece; at least one is set.
	Ref      postproof.Ref
	VendorID string
	Sighting Sighting
	// Missing: the vendor does not know the id; the status stays as it is.
	Missing bool
	// Failed: the poll itself failed; nothing was learned.
	Failed     bool
	RetryAfter time.Duration
	// Hint: nobody knows who said it. It is a reason to ask the vendor soon, and
	// nothing of the Sighting is believed. It is [Refresh] but for whom it comes
	// from: it opens nothing that has ended, and has no meaning for a piece that
	// nobody waits for.
	Hint bool
}

// WishCancel is a person's wish that the piece be stopped.
type WishCancel struct {
	By string
	// Why is recorded, if it is given; no personal data.
	Why string
}

// CancelAnswer is the outcome of an attempt to cancel at the vendor.
type CancelAnswer struct {
	Vendor string
	Ref    postproof.Ref
	// TooLate: the vendor refused, or the window has closed.
	TooLate bool
	// ReadBack is the piece as read after the request; nil when it could not
	// be read: the outcome is unknown, and asked for again.
	ReadBack   *Sighting
	RetryAfter time.Duration
	// Unasked is set when the vendor was not asked, because nobody here can: why. The
	// wish stands, and is tried again while there may be time, by whoever can.
	Unasked string
}

// Replan sends a refused job to another vendor.
type Replan struct{}

// NoRoute ends the search for a vendor: none can print the job.
type NoRoute struct {
	Code postproof.Code
	Note string
}

// Postpone gives the lease back and waits. It never makes a wait shorter. Of an
// accepted job only polls are put off: it waits no longer than to the next look of a
// watch or attempt to cancel. A job at rest that was claimed to be watched only gives
// the lease back.
type Postpone struct {
	Until time.Time
	// Note says why, for people.
	Note string
	// Awaits names what the job waits for, if that may come before: see [Wake].
	Awaits string
}

// Wake ends a wait for something that has come ([Record.Awaits]): the job is due
// now.
type Wake struct{}

// CannotBuild says that the request that was sent cannot be made again, so that
// a resend is out of the question: an unknown submission is looked up only, a
// planned job whose send was refused goes on under the next generation.
type CannotBuild struct {
	// Why is for the history; empty means that the bytes cannot be built.
	Why string
}

// PutOnHold holds the job for a person.
type PutOnHold struct {
	Reason HoldReason
	Note   string
}

// Release gives a held job back to the machine.
type Release struct {
	By string
	// Why is recorded, if it is given; no personal data.
	Why string
}

// Reopen takes a release or a decision back: the job is held again as it was
// before. Only while nothing has come of it, see [Prior].
type Reopen struct {
	By string
	// Decision is the fence of the record after the release or decision.
	Decision uint64
}

// Verdict is what a person decides about a held job.
type Verdict string

// The verdicts.
const (
	// VerdictAccepted: the piece is with the vendor.
	VerdictAccepted Verdict = "accepted"
	// VerdictPlanned: it is not; send it anew. The person answers for it.
	VerdictPlanned Verdict = "planned"
	// VerdictCanceled: it is not, and shall not be sent.
	VerdictCanceled Verdict = "canceled"
)

// Decide settles a held job by a person's word.
type Decide struct {
	Verdict Verdict
	By      string
	// Why is recorded; no personal data.
	Why string
	// VendorID is the vendor's id of the piece, with VerdictAccepted.
	VendorID string
}

// Amend changes the paper of a job that no vendor has. What was submitted before and
// turns up after all is not the job any more: it is held for [HoldContentDiffers], or
// canceled beside the one that counts.
type Amend struct {
	Job         []byte
	Fingerprint Fingerprint
	// SendDate is the job's; zero for none.
	SendDate time.Time
	By       string
	// Why is recorded, if it is given; no personal data.
	Why string
}

// Erase asks that the person be forgotten: rule 10. A job that nobody has is
// canceled; one at rest becomes a tombstone at once, every other one when it
// comes to rest. Where a vendor has the piece, or may have it, the job keeps what
// another generation would need, unless it says Now or Stop, or the job is to be
// canceled anyway: then only what it takes to find the piece is kept
// ([Record.Erased]), and nothing is ever sent again.
type Erase struct {
	Now bool
	// Stop has the vendor cancel the piece, if there is still time.
	Stop bool
}

// Suspect doubts a job after the ledger's history was broken: whatever a lost
// history may have sent is unknown until every vendor was asked.
type Suspect struct {
	Vendors []SuspectVendor
	// Recovery numbers the recovery that doubts the job ([Record.Recovery]); 0 for
	// none.
	Recovery int
	// Until is when the lost history can have sent last: the recovery, where the
	// doubt comes later than it. Zero, or a time to come, means now.
	Until time.Time
}

// SuspectVendor is a vendor that a lost history may have used, with our
// references of the generations in question.
type SuspectVendor struct {
	Vendor, Account string
	Refs            map[int]postproof.Ref
}

// Finish ends an accepted job whose last status is known.
type Finish struct{}

// Refresh is somebody's wish to know where a piece is: its vendor is asked at
// once. See [Machine.Expects] for when it is asked otherwise.
type Refresh struct{}

// Replay brings a job forward that is part of a run of many: what is planned is
// due now, what was refused is planned anew in the next generation, a held job
// that nobody has is released, and one that a vendor may have is settled.
// Anything else, what a person must look at included, is a [RuleError], as is the
// same run again.
type Replay struct {
	// Run names the run, By is who started it. Both are required.
	Run, By string
}

// Name implements [Event].
func (Intend) Name() string { return "intend" }

// Name implements [Event].
func (Answer) Name() string { return "answer" }

// Name implements [Event].
func (Expire) Name() string { return "expire" }

// Name implements [Event].
func (LookedUp) Name() string { return "looked_up" }

// Name implements [Event].
func (Observe) Name() string { return "observe" }

// Name implements [Event].
func (WishCancel) Name() string { return "wish_cancel" }

// Name implements [Event].
func (CancelAnswer) Name() string { return "cancel_answer" }

// Name implements [Event].
func (Replan) Name() string { return "replan" }

// Name implements [Event].
func (NoRoute) Name() string { return "no_route" }

// Name implements [Event].
func (Postpone) Name() string { return "postpone" }

// Name implements [Event].
func (Wake) Name() string { return "wake" }

// Name implements [Event].
func (CannotBuild) Name() string { return "cannot_build" }

// Name implements [Event].
func (PutOnHold) Name() string { return "hold" }

// Name implements [Event].
func (Release) Name() string { return "release" }

// Name implements [Event].
func (Decide) Name() string { return "decide" }

// Name implements [Event].
func (Reopen) Name() string { return "reopen" }

// Name implements [Event].
func (Amend) Name() string { return "amend" }

// Name implements [Event].
func (Suspect) Name() string { return "suspect" }

// Name implements [Event].
func (Finish) Name() string { return "finish" }

// Name implements [Event].
func (Refresh) Name() string { return "refresh" }

// Name implements [Event].
func (Replay) Name() string { return "replay" }

// Name implements [Event].
func (Erase) Name() string { return "erase" }
