package postproof

import (
	"errors"
	"fmt"
	"time"
)

// Capabilities is what a vendor can do, as data: the ledger, the router and
// the reconciler read it, so that a new vendor needs no new branch there. A
// value is immutable once it is handed out.
type Capabilities struct {
	// Vendor is the vendor's name, as in errors, metrics and receipts:
	// lower-case letters and digits.
	Vendor      string
	Idempotency Idempotency
	Lookup      Lookup
	Cancel      CancelWindow
	// NoPaper are the raw statuses by which the vendor says, after it accepted
	// a piece, that it will never print it.
	NoPaper []string
	// Callbacks describes how the vendor tells of its events by itself.
	Callbacks Callbacks
	// Poll is how often a piece's status is worth asking for; 0 means that
	// callbacks tell.
	Poll time.Duration
	// Pieces are the products. Anything not listed cannot be printed.
	Pieces []PieceSupport
	// Countries are the ISO codes that can be mailed to.
	Countries []string
	// ModeFromKey is true when test and live credentials can be told apart.
	ModeFromKey bool
	Limits      Limits
	// Rate is the request rate that the vendor states; zero when it states
	// none.
	Rate Rate
}

// IdempotencyKind says how a vendor recognizes a repeated submission.
type IdempotencyKind string

// The kinds of idempotency.
const (
	// IdempotencyNone: a repeated submission is a second piece.
	IdempotencyNone IdempotencyKind = ""
	// IdempotencyKey: the same key within the window returns the first piece.
	IdempotencyKey IdempotencyKind = "key"
	// IdempotencyRef: our reference is unique; a repeat is refused as a
	// duplicate and has to be looked up.
	IdempotencyRef IdempotencyKind = "unique_reference"
)

// ReplayForm says what a repeated submission looks like on the wire.
type ReplayForm string

// The forms of a replay.
const (
	ReplaySameBody       ReplayForm = "same_body"       // 2xx with the first answer's object
	ReplayConflict       ReplayForm = "conflict"        // 409, an error: look the piece up
	ReplayConflictObject ReplayForm = "conflict_object" // 409 with the success body
)

// Idempotency describes a vendor's protection against repeats.
type Idempotency struct {
	Kind IdempotencyKind
	// MinLen and MaxLen bound the length of the key or reference.
	MinLen, MaxLen int
	// Window is how long a key protects, from the first send; 0 means that
	// the vendor states no end.
	Window time.Duration
	// Margin is taken off the window for clock skew and unknown start.
	Margin time.Duration
	Replay ReplayForm
	// BodyCompared is true when the vendor states that it refuses another body
	// under a used key. It is false where the first piece is returned all the same,
	// and where another body is another piece, key or not: a resend is of the same
	// bytes in any case.
	BodyCompared bool
}

// Open reports whether a resend at the time now still falls into the window
// of a key first sent at first. An unstated window stays open.
func (i Idempotency) Open(first, now time.Time) bool {
	switch {
	case i.Kind == IdempotencyNone:
		return false
	case i.Window == 0 || first.IsZero():
		return true
	default:
		return now.Before(i.Until(first))
	}
}

// Until returns when the window of a key first sent at first closes; zero
// when it never does.
func (i Idempotency) Until(first time.Time) time.Time {
	if i.Window == 0 {
		return time.Time{}
	}
	return first.Add(i.Window - i.Margin)
}

// Lookup describes how a piece is found by our reference.
type Lookup struct {
	// ByRef is true when the vendor can be asked for a reference.
	ByRef bool
	// Settle is how long after the last moment at which a byte could have
	// arrived an empty answer starts to mean something. Where a vendor
	// documents no lag it is at least [MinSettle]. It needs room for the
	// difference between the clocks of replicas, as the margin of a key does.
	// Nothing is sent later than half of it after its intent, so that it also
	// covers an intent that a restored ledger has lost.
	Settle time.Duration
}

// MinSettle is the settle time of a vendor that documents none.
const MinSettle = 30 * time.Minute

// SettleTime returns Settle, at least [MinSettle] when it is not set.
func (l Lookup) SettleTime() time.Duration {
	if l.Settle <= 0 {
		return MinSettle
	}
	return l.Settle
}

// CancelWindow describes until when a piece can be stopped.
type CancelWindow struct {
	// Supported is true when the vendor can cancel at all.
	Supported bool
	// For is the window after acceptance; 0 when a daily cut-off rules.
	For time.Duration
	// Cutoff is the time of day at which the day's batch goes to press, in
	// CutoffZone; used when For is 0.
	Cutoff time.Duration
	// CutoffZone is an IANA name, or "EST" for the hour of New York's winter all
	// year round, also when it is empty. A machine without a time zone database
	// does not know the others: see [CancelWindow.Location].
	CutoffZone string
	// Margin is taken off the end of the window.
	Margin time.Duration
	// Scheduled is true when a piece that has a send date lies at the vendor until
	// then, and can be canceled for as long.
	Scheduled bool
}

// Location returns the time zone that Cutoff is in; nil when For or nothing
// rules. It returns an error with [CodeInvalidArgument] when this machine does
// not know the zone: the program then needs import _ "time/tzdata", or the
// machine a time zone database. client.New checks it for every adapter.
func (c CancelWindow) Location() (*time.Location, error) {
	switch {
	case !c.Supported || c.For > 0:
		return nil, nil //nolint:nilnil // there is no zone, and nothing is wrong
	case c.CutoffZone == "", c.CutoffZone == "EST":
		return time.FixedZone("EST", -5*60*60), nil
	case c.CutoffZone == "Local":
		return nil, NewError(CodeInvalidArgument, NotSent, errors.New("the cancel cut-off is in the zone Local, which is another one on each machine: name the vendor's"))
	}
	zone, err := time.LoadLocation(c.CutoffZone)
	if err != nil {
		return nil, NewError(CodeInvalidArgument, NotSent, fmt.Errorf(
			"the cancel cut-off is in the time zone %q, which this machine does not know: add import _ \"time/tzdata\" to the program, or install the machine's time zone database: %w", c.CutoffZone, err))
	}
	return zone, nil
}

// UntilSent returns the last moment at which a cancellation should be sent for a piece
// with the send date given: the last cut-off before it, where there is one; zero when
// the vendor cannot cancel, keeps no piece until its date, or has none.
func (c CancelWindow) UntilSent(date time.Time) time.Time {
	switch {
	case !c.Supported || !c.Scheduled || date.IsZero():
		return time.Time{}
	case c.For > 0:
		return date.Add(-c.Margin)
	}
	until := c.Until(date.AddDate(0, 0, -2))
	for range 2 { // one that is later, and no later than the date
		if next := c.Until(until.Add(c.Margin)); !next.Add(c.Margin).After(date) {
			until = next
		}
	}
	return until
}

// Until returns the last moment at which a cancellation should be sent for a
// piece accepted at the time given; zero when the vendor cannot cancel, and
// when [CancelWindow.Location] fails: a window whose end nobody can tell is
// closed.
func (c CancelWindow) Until(accepted time.Time) time.Time {
	switch {
	case !c.Supported:
		return time.Time{}
	case c.For > 0:
		return accepted.Add(c.For - c.Margin)
	}
	zone, err := c.Location()
	if err != nil {
		return time.Time{}
	}
	// The cut-off is a time on the clock on the wall: on the day of a change to
	// summer time it is not that long after midnight.
	local := accepted.In(zone)
	cutoff := func(day int) time.Time {
		return time.Date(local.Year(), local.Month(), day, 0, 0, 0, int(c.Cutoff), zone)
	}
	cut := cutoff(local.Day())
	if !local.Before(cut) {
		cut = cutoff(local.Day() + 1)
	}
	return cut.Add(-c.Margin)
}

// CallbackAuth says how the sender of a callback proves who it is.
type CallbackAuth string

// The ways to prove it.
const (
	// CallbackNone: the vendor sends no callbacks. It has to be polled.
	CallbackNone CallbackAuth = ""
	// CallbackSigned: a secret signs every callback.
	CallbackSigned CallbackAuth = "signed"
	// CallbackUnsigned: nothing is signed. What a callback says is a hint to
	// ask the vendor, never the truth.
	CallbackUnsigned CallbackAuth = "unsigned"
)

// Callbacks describes a vendor's callbacks, as data.
type Callbacks struct {
	Auth CallbackAuth
	// EventIDs is true when every event has an id that the signature covers.
	EventIDs bool
	// CarryRef is true when events about a piece show our reference; some kinds
	// of event may lack it all the same.
	CarryRef bool
	// Batch is the most events in one callback; 0 means one.
	Batch int
	// MaxBytes is the longest callback that is to be expected, where it may be longer
	// than 1 MiB: with the whole piece in it, its markup included. 0 where none is.
	MaxBytes int64
	// AnswerStatus and AnswerBody are the only answer that the vendor takes for
	// "received"; a status of 0 means that any 2xx will do.
	AnswerStatus int
	AnswerBody   string
	// AnswerWithin is how long the vendor waits for the answer; 0 when it does
	// not say.
	AnswerWithin time.Duration
	// RetryFor is how long the vendor goes on to repeat a callback that was not
	// received; 0 when it does not say.
	RetryFor time.Duration
	// Patience is how long after a stage the next event about the piece is
	// expected, at the latest: after that the piece is polled. A stage that is
	// not a key has none to wait for.
	Patience map[Stage]time.Duration
}

// PieceSupport is one product line of a vendor.
type PieceSupport struct {
	Kind PieceKind
	// Sizes, Classes and Content are what the vendor prints of this kind.
	Sizes   []Size
	Classes []MailClass
	Content []ContentKind
	// ClassSizes restricts a class to some of the sizes, by size name; a class
	// that is not a key goes with all.
	ClassSizes map[MailClass][]string
	// URLOnly is true when PDF and image files are taken by URL only: a blob
	// cannot be uploaded.
	URLOnly bool
}

// Limits are the longest values that a vendor takes; 0 means none stated.
// Texts are counted in characters. [Capabilities.Supports] holds a job to all of
// them but SendAhead, which takes a clock and is the client's.
type Limits struct {
	Name, Company  int
	Line1, Line2   int
	Lines          int // both lines together
	City           int
	HTML           int           // markup of one side
	FileBytes      int64         // one artwork file
	MetadataPairs  int           // of the job's own, beside what the adapter adds
	MetadataKey    int           // one name
	MetadataValue  int           // one value
	SendAhead      time.Duration // how far ahead a send date may lie
	VariablesBytes int           // all template variables as JSON
}

// Rate is a number of requests in a time, per operation and credentials.
type Rate struct {
	Requests int
	Per      time.Duration
}
