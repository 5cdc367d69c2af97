package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
)

// RecordVersion is the newest form of a record that this version writes and
// understands. A record of a newer version is never claimed or changed.
const RecordVersion = 1

// ID names a record: the SHA-256 of its key in hexadecimal. It outlives the
// key, which may be personal data.
type ID string

// IDOf returns the record's id for a key.
func IDOf(key postproof.Key) ID {
	digest := digestOf(key)
	return ID(digest[:])
}

func digestOf(key postproof.Key) (digest [2 * sha256.Size]byte) {
	var room [256]byte // for the usual key
	sum := sha256.Sum256(append(room[:0], key...))
	hex.Encode(digest[:], sum[:])
	return digest
}

// Record is a job's row in the ledger. A record is immutable: the machine
// returns a new one, stores hand out shared ones. Never modify one in place.
type Record struct {
	// Version is the form of the record, see [RecordVersion].
	Version int `json:"v"`
	ID      ID  `json:"id"`
	// Key and Job are gone from a tombstone, and from an erased record whose
	// piece is only followed ([Record.Erased]).
	Key postproof.Key `json:"key,omitempty"`
	// Job is the job as JSON, its artwork in the blob store.
	Job         json.RawMessage `json:"job,omitempty"`
	Fingerprint Fingerprint     `json:"fp"`
	Mode        postproof.Mode  `json:"mode"`
	Campaign    string          `json:"campaign,omitempty"`
	Contact     string          `json:"contact,omitempty"`
	Priority    int             `json:"prio,omitempty"`
	Policy      Policy          `json:"policy,omitempty"`
	// Canary is the size of the campaign's canary that the job was handed in with; 0 for
	// none. Workers that know of no canary go by it.
	Canary int `json:"canary,omitempty"`
	// SendDate is the job's ([postproof.Job]); zero for none, and in a record of
	// before there was this field. What a vendor was given is in the submission.
	SendDate time.Time `json:"send_date,omitzero"`

	State State `json:"state"`
	// Fence grows by one with every change; each change names the one it read.
	Fence uint64 `json:"fence"`
	// Generation counts from 1.
	Generation int `json:"gen"`
	// Due is when there is next something to do; not before.
	Due   time.Time `json:"due,omitzero"`
	Lease Lease     `json:"lease,omitzero"`
	// Awaits names what the wait until Due is for, if it may end before: a pause.
	Awaits string `json:"awaits,omitempty"`
	// Tries counts what was tried in this state, for the backoff.
	Tries int `json:"tries,omitempty"`
	// PlannedAt is when the job last became ready to be sent for a new reason:
	// created, a new generation, a person's word, its send date. The time that
	// it may wait counts from it, however often it is tried.
	PlannedAt time.Time `json:"planned,omitzero"`
	// Deadline is when a state that is not final ends in held. That of an accepted
	// piece counts from its send date, if that is to come; see [Record.LiesUntil].
	Deadline time.Time `json:"deadline,omitzero"`

	// PollAt is when the status of an accepted piece is asked for next; zero
	// after its last one.
	PollAt time.Time `json:"poll,omitzero"`

	// Submissions are all intents, oldest first; the last one is current when
	// its generation is the record's.
	Submissions []Submission `json:"subs,omitempty"`
	// Receipt is the acceptance that counts.
	Receipt postproof.Receipt `json:"receipt,omitzero"`
	Status  postproof.Status  `json:"status,omitzero"`
	Cancel  CancelWish        `json:"cancel,omitzero"`
	Hold    Hold              `json:"hold,omitzero"`
	// Refusal is why the job was refused, when State is Refused.
	Refusal Refusal `json:"refusal,omitzero"`

	// Prior is what the job was before a person's word, while that can be taken
	// back; nil when there is nothing to take back.
	Prior *Prior `json:"prior,omitempty"`
	// Artwork names what the job had and has no more: before it was amended, and in
	// a tombstone all of it. Nothing is sent of it; an erasure finds it by these.
	Artwork []postproof.Blob `json:"art,omitempty"`
	// ContactSum is what is left of the contact as long as there is such artwork of
	// an erased or pruned job, see [Record.HadContact].
	ContactSum string `json:"contact_sum,omitempty"`
	// EraseAt is when it was asked that the person be forgotten ([Erase]); zero
	// if it was not. The record is buried when it comes to rest.
	EraseAt time.Time `json:"erase,omitzero"`

	// Recovery is the number of the last recovery whose doubts the job has
	// ([Suspect]); 0 for none.
	Recovery int `json:"recovery,omitempty"`

	// Run names the latest replay that the job is part of.
	Run string `json:"run,omitempty"`

	// Trace is the W3C traceparent of the call that brought the job.
	Trace     string    `json:"trace,omitempty"`
	CreatedAt time.Time `json:"created"`
	UpdatedAt time.Time `json:"updated"`
	// Bare is true of a record that was read without its job ([Query.Bare]). It is
	// no part of the ledger, and keeps the record from being committed.
	Bare bool `json:"-"`
	// Tombstone is true after pruning or erasure: the record only remembers
	// that the key was used, and how it ended.
	Tombstone bool `json:"tombstone,omitempty"`
}

// String returns a form without personal data.
func (r *Record) String() string {
	state := string(r.State)
	if why := r.why(); why != "" {
		state += ": " + why + ","
	}
	return fmt.Sprintf("record(%.16s %s gen %d fence %d)", r.ID, state, r.Generation, r.Fence)
}

// why is the reason of a state that a person should know of; empty in the others.
func (r *Record) why() string {
	switch {
	case r.State == Held:
		return string(r.Hold.Reason)
	case r.State == Refused && r.Refusal.Code != 0:
		return r.Refusal.Code.String()
	}
	return ""
}

// GoString keeps %#v from printing personal data.
func (r *Record) GoString() string { return r.String() }

// LogValue implements [slog.LogValuer] without personal data.
func (r *Record) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(r.ID[:min(16, len(r.ID))])), slog.String("state", string(r.State)),
		slog.Int("generation", r.Generation), slog.Uint64("fence", r.Fence))
}

// Lease is a worker's hold on a record.
type Lease struct {
	Owner string    `json:"owner,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Hold says why and since when a job is held.
type Hold struct {
	Reason HoldReason `json:"reason,omitempty"`
	At     time.Time  `json:"at,omitzero"`
	// From is the state before.
	From State `json:"from,omitempty"`
	// Note is for people; no personal data.
	Note string `json:"note,omitempty"`
}

// Refusal is a vendor's, or the router's, definite no.
type Refusal struct {
	Vendor     string         `json:"vendor,omitempty"`
	Code       postproof.Code `json:"code,omitempty"`
	VendorCode string         `json:"vendor_code,omitempty"`
	Note       string         `json:"note,omitempty"`
}

// CancelWish is a person's wish that the piece be stopped.
type CancelWish struct {
	At time.Time `json:"at,omitzero"`
	By string    `json:"by,omitempty"`
	// Outcome is empty while the wish stands, else how it ended.
	Outcome CancelOutcome `json:"outcome,omitempty"`
	// Tries counts requests to the vendor.
	Tries int `json:"tries,omitempty"`
}

// Stands reports whether the wish forbids new sends.
func (c CancelWish) Stands() bool { return !c.At.IsZero() }

// CancelOutcome is how a wish to cancel ended.
type CancelOutcome string

// The outcomes.
const (
	// CancelDone: nothing was ever sent, or the cancellation was read back.
	CancelDone CancelOutcome = "canceled"
	// CancelTooLate: the vendor refused, or the window had closed, also because until
	// then nobody could ask ([Submission.Unasked]).
	CancelTooLate CancelOutcome = "too_late"
	// CancelLeft: what a vendor has is left alone. Only nothing more is sent: the
	// job was erased.
	CancelLeft CancelOutcome = "left"
)

// Fate says how a submission was proven dead.
type Fate string

// The fates. The zero value means: not proven dead by itself (its join of
// sends may still say so).
const (
	// FateAbsent: the absence at the vendor was proven.
	FateAbsent Fate = "absent"
	// FateCanceled: the vendor's cancellation was read back.
	FateCanceled Fate = "canceled"
	// FateFailed: the vendor said, after accepting, that there is no paper.
	FateFailed Fate = "failed"
	// FateDecided: a person decided that it is dead.
	FateDecided Fate = "decided"
)

// Submission is one intent: a generation of a job at one vendor, with the join
// over all its sends.
type Submission struct {
	Generation int           `json:"gen"`
	Ref        postproof.Ref `json:"ref"`
	Vendor     string        `json:"vendor"`
	Account    string        `json:"account,omitempty"`
	// VendorKey is the idempotency key that its sends carried; empty for none.
	VendorKey string `json:"vkey,omitempty"`
	// Also is set when credentials of another name than Account made a send, too:
	// that name. Where the piece turns up then says nothing about Account.
	Also string `json:"also,omitempty"`
	// Encoder and Digest prove that a rebuilt body is the one that was sent.
	Encoder string `json:"enc,omitempty"`
	Digest  string `json:"digest,omitempty"`
	// FirstAt is the first intent; the vendor's key window counts from it.
	// Zero means that it is not known, and the window closed.
	FirstAt time.Time `json:"first,omitzero"`
	// LastAt is the last moment at which a byte could have left us.
	LastAt time.Time `json:"last,omitzero"`
	// NotAfter bounds the sends of the present intent.
	NotAfter time.Time `json:"not_after,omitzero"`
	// Intent is the fence of the record that carried the latest intent. An
	// [Answer] names it, so that the answer of a holder that was given up is
	// never taken for that of the present one.
	Intent uint64 `json:"intent,omitempty"`
	// Unanswered are the intents whose answer has not come; Strays are intents
	// of a history that was lost whose answer came all the same. An answer that
	// is applied a second time, from the spool or after a crash, is known by
	// them and changes nothing.
	Unanswered []uint64 `json:"open,omitempty"`
	Strays     []uint64 `json:"strays,omitempty"`
	// Sends counts real sends, hidden ones included.
	Sends int `json:"sends,omitempty"`
	// Join is the join over all sends; 0 while the first is on its way.
	Join postproof.Delivery `json:"join,omitempty"`
	Fate Fate               `json:"fate,omitempty"`
	// AcceptedAt is the vendor's time of acceptance, once the piece was seen.
	AcceptedAt time.Time `json:"accepted,omitzero"`
	// VendorID is the vendor's id, once known.
	VendorID string `json:"vid,omitempty"`
	// Twin is the vendor's id of another piece under the same reference that
	// is alive, too: an incident.
	Twin string `json:"twin,omitempty"`
	// Differs is set when the piece that the vendor has is not the one that we
	// submitted.
	Differs bool `json:"differs,omitempty"`
	// Amended is set when the job was amended since: what was submitted is not what it
	// is now ([Amend]).
	Amended bool `json:"amended,omitempty"`
	// Code is what the latest answer that was no acceptance complained of.
	Code postproof.Code `json:"code,omitempty"`
	// Veto is set when the vendor called our reference a duplicate: absence
	// can never be concluded.
	Veto bool `json:"veto,omitempty"`
	// NoResend is set when the body that was sent cannot be built again, or was refused
	// for good when it was sent again.
	NoResend bool `json:"no_resend,omitempty"`
	// Unguarded is set when the vendor honored neither keys nor references when it was
	// first sent, and Unlisted when it could not be looked up by reference then. What it
	// has learned since it may not know of this one: no repeat is safe by it, and that
	// it is not found proves nothing.
	Unguarded bool `json:"unguarded,omitempty"`
	Unlisted  bool `json:"unlisted,omitempty"`
	// Misses counts look-ups that qualified as proof of absence; LastMiss is
	// the latest.
	Misses   int       `json:"misses,omitempty"`
	LastMiss time.Time `json:"last_miss,omitzero"`
	// LookUps counts all look-ups, for the backoff.
	LookUps int `json:"lookups,omitempty"`
	// WatchUntil is how long the vendor is watched for a late arrival; NextWatch
	// is the next look.
	WatchUntil time.Time `json:"watch,omitzero"`
	NextWatch  time.Time `json:"next_watch,omitzero"`
	// Late is how far a late arrival has been dealt with.
	Late Late `json:"late,omitempty"`
	// Unasked is why its vendor could not be asked to cancel it, the last time that it
	// was to be, and AskAt is when that is tried again. Nobody has said no: whoever can
	// ask may still be in time.
	Unasked string    `json:"unasked,omitempty"`
	AskAt   time.Time `json:"ask_at,omitzero"`
	// Cents is the price that its intent counted with in spend caps, -1 for none; 0 when
	// it is not known.
	Cents int64 `json:"cents,omitempty"`
	// SendDate is the one that the vendor was given, zero for none: the job's own may be
	// another one by now ([Amend]), or forgotten ([Erase]).
	SendDate time.Time `json:"send_date,omitzero"`
	// Heir is set for what a lost history can have sent only after the piece
	// that counts had died ([Suspect]), until its vendor shows that one alive:
	// then nobody looks for the heir any more.
	Heir bool `json:"heir,omitempty"`
}

// Dead reports whether the vendor is proven not to have this submission: the
// join of its sends is NotSent or Refused, or it has a fate.
func (s *Submission) Dead() bool {
	return s.Fate != "" || s.Join == postproof.NotSent || s.Join == postproof.Refused
}

// Current returns the submission of the present generation, the last made;
// nil when there is none.
func (r *Record) Current() *Submission {
	if n := len(r.Submissions); n > 0 && r.Submissions[n-1].Generation == r.Generation {
		return &r.Submissions[n-1]
	}
	return nil
}

// Live returns the submissions that are not proven dead. What is being sent
// right now is alive, whatever its earlier sends came to.
func (r *Record) Live() []*Submission {
	var live []*Submission
	for i := range r.Submissions {
		if s := &r.Submissions[i]; !s.Dead() || r.inFlight(s) {
			live = append(live, s)
		}
	}
	return live
}

// inFlight reports whether bytes of the submission may be on their way under
// the present intent.
func (r *Record) inFlight(s *Submission) bool { return r.State == Sending && r.Current() == s }

// watches reports whether the vendor of the submission is to be looked at for a
// late arrival, whatever else is done with the record. Not while bytes are on
// their way, and not where the look-ups of an unknown outcome do it anyway.
func (r *Record) watches(s *Submission) bool {
	return !s.NextWatch.IsZero() && r.State != Sending && (r.State != Unknown || s.Dead())
}

// Watched returns when a vendor is next looked at for a late arrival; false
// when none is watched. A watch goes on in every state, also in those that are
// final: where absence was taken as proven, nothing else would find the piece
// but a callback.
func (r *Record) Watched() (at time.Time, ok bool) {
	for i := range r.Submissions {
		if s := &r.Submissions[i]; r.watches(s) && (!ok || s.NextWatch.Before(at)) {
			at, ok = s.NextWatch, true
		}
	}
	return at, ok
}

// WorkAt returns when there is next something to do for the record, whoever
// holds it: when it is due, or a vendor is to be looked at for a late arrival.
// False when never.
func (r *Record) WorkAt() (time.Time, bool) {
	if r.Version > RecordVersion || r.Tombstone {
		return time.Time{}, false
	}
	at, watched := r.Watched()
	if !r.State.Workable() {
		return at, watched && r.State.Known()
	}
	if watched && at.Before(r.Due) {
		return at, true
	}
	return r.Due, true
}

// VisibleAt returns when a worker may claim the record: when there is something
// to do and nobody holds it. False when never.
func (r *Record) VisibleAt() (time.Time, bool) {
	at, ever := r.WorkAt()
	if ever && r.Lease.Until.After(at) {
		return r.Lease.Until, true
	}
	return at, ever
}

// Strip returns a record as a query for bare ones yields it.
func (r *Record) Strip() *Record {
	bare := *r
	bare.Job, bare.Bare = nil, true
	return &bare
}
