package vendors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"time"

	"github.com/postproof/postproof"
)

// Adapter is a print vendor. The optional interfaces [Getter], [Finder],
// [Canceler], [Lister], [EventLister] and [UndeliverableLister] say what else it
// can do.
type Adapter interface {
	// Capabilities returns what the vendor can do. The answer never changes
	// during the life of the adapter, and callers do not modify it.
	Capabilities() *postproof.Capabilities

	// Account returns whose credentials the adapter has, and their mode.
	Account() Account

	// Encode returns the body that Submit will send. It is pure: the same
	// submission gives the same bytes, today and after a restart, for as long
	// as [Body.Encoder] is the same. It talks to nobody but may open artwork.
	//
	// Everything of the job that the paper would show is in the bytes, both
	// addresses with all of their fields and the send date included. What the vendor
	// cannot be told is an error with [postproof.CodeUnsupported], and the next vendor
	// is asked; with [postproof.CodeUnavailable], for artwork that cannot be read just
	// now, the job is put off. The Delivery of either is NotSent.
	Encode(ctx context.Context, s *Submission) (*Body, error)

	// Submit sends the body once through the Doer, as an [postproof.OpSubmit]
	// request (a renewed login may precede or repeat it). It returns the order
	// that the vendor has, also when the answer was a replay of an earlier
	// one; or an error whose Delivery says what may follow. A duplicate that
	// the vendor reports without the order is looked up here or returned as a
	// [DuplicateError].
	//
	// Where an order takes several requests, one alone is OpSubmit: the one that
	// orders paper. Those before it are [postproof.OpPrepare] and order nothing; the
	// first that fails ends the submission, with [NotOrdered] of its error. Their
	// bodies are the parts of one Body, see [JoinBodies].
	Submit(ctx context.Context, do Doer, s *Submission, body *Body) (*Order, error)
}

// Getter is implemented by vendors whose orders can be read by their id.
type Getter interface {
	// Get returns the order with the vendor's id, as it is now. The error for
	// an id the vendor does not know has [postproof.CodeNotFound]; so has that for
	// what has not the form of an id, of which nothing is sent. An answer about
	// another order is an error.
	Get(ctx context.Context, do Doer, id string) (*Order, error)
}

// Finder is implemented by vendors that can be asked for our reference.
type Finder interface {
	// Find returns every order that carries the reference, read to the last
	// page, whichever version of the adapter submitted it: a version that tells the
	// vendor the reference in another place looks in both. An adapter checks the reference of each order by itself: a vendor
	// that ignores its filter must not turn into an answer. What was prepared and
	// never ordered, a draft, is no order. What is no [postproof.Ref.Valid] is an error
	// with [postproof.CodeInvalidArgument], and nothing is sent.
	Find(ctx context.Context, do Doer, ref postproof.Ref) (*Found, error)
}

// Canceler is implemented by vendors that can stop an order before it is
// printed.
type Canceler interface {
	// Cancel asks the vendor to stop the order. Nil means that the vendor said
	// yes; only reading the order back proves it. The error for "too late" has
	// [postproof.CodeConflict] and Delivery Accepted; for an id the vendor does
	// not know, [postproof.CodeNotFound].
	Cancel(ctx context.Context, do Doer, id string) error
}

// Lister is implemented by vendors that list the account's orders.
type Lister interface {
	// List yields the orders created since the time given, in any order; the zero
	// time means all. After an error it yields no more.
	List(ctx context.Context, do Doer, since time.Time) iter.Seq2[*Order, error]
}

// EventLister is implemented by vendors that keep a log of their events: what
// callbacks would have told, or have told.
type EventLister interface {
	// Events yields what happened since the time given (zero: ever), in any order, as
	// [CallbackParser.ParseCallback] would have returned it; an event may come
	// twice. After an error it yields no more. A log shows states as they were: it
	// is to be applied like callbacks, and that it is silent about a piece proves
	// nothing.
	Events(ctx context.Context, do Doer, since time.Time) iter.Seq2[*Notice, error]
}

// UndeliverableLister is implemented by vendors that list the pieces that they
// took and then did not mail, because nobody could deliver them.
type UndeliverableLister interface {
	// ListUndeliverable yields the account's orders that were to be mailed since
	// the time given (zero: ever), or later, and will not be: each is dead, with a status that
	// the vendor's capabilities list as no paper, and has its id; its reference
	// may be missing. The order may be any, and one may come several times. After
	// an error it yields no more. An order that was mailed and came back is none
	// of them.
	ListUndeliverable(ctx context.Context, do Doer, since time.Time) iter.Seq2[*Order, error]
}

// Account is whose credentials an adapter has.
type Account struct {
	// Fingerprint tells accounts apart without telling the credentials, see
	// [Fingerprint].
	Fingerprint string
	Mode        postproof.Mode
	// Unnamed says that the account goes by its API key, as nobody named it: a new key
	// is another account. The client warns of it once where the mode is live.
	Unnamed bool
}

// Fingerprint returns a name for an account that tells nothing of its credentials:
// the first 16 hexadecimal digits of a SHA-256 over the vendor's name and the
// parts. The parts are whatever stays the same for as long as the account does. In
// this order: the vendor's own id of the account; a name that the program gives
// it, by an option of the adapter; and if there is neither, the API key. With the
// key, pieces that were accepted before a rotation are those of another account after
// it, until the client is told (FormerAccounts of its VendorConfig).
func Fingerprint(vendor string, parts ...string) string {
	h := sha256.New()
	h.Write([]byte(vendor))
	for _, p := range parts {
		h.Write([]byte{0})
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Submission is what an adapter is asked to send.
type Submission struct {
	// Job is the job; inline markup is filled in from the blob store.
	Job postproof.Job
	// Ref is our reference of this generation of the job.
	Ref postproof.Ref
	// VendorKey is the idempotency key for this vendor, 32 characters of
	// [0-9a-f].
	VendorKey string
	// Open opens an artwork blob that the job names.
	Open func(ctx context.Context, b postproof.Blob) (io.ReadCloser, error)
}

// Order is a piece as the vendor has it.
type Order struct {
	// Receipt is the acceptance; its Ref is the one read from the vendor,
	// empty when the vendor's answer does not carry it.
	Receipt postproof.Receipt
	// Mode is the mode that the vendor says the order has; empty when it does
	// not say.
	Mode postproof.Mode
	// Status is where the piece is.
	Status postproof.Status
	// Dead means that the vendor will never print it: canceled, or failed
	// with a status that it lists as no paper.
	Dead bool
	// Replayed means that the answer is that of an earlier submission. Said of the first
	// one that we know of, another history sent that, and the piece shows nothing of a
	// list of now. A vendor that marks none is read by its own clock: the answer's Date
	// less when the piece was made.
	Replayed bool
	// Facts are what the vendor says the piece is, in a normal form, to be
	// compared with those of the job; a field that is zero is not compared.
	Facts Facts
	// Raw is the vendor's answer, verbatim; of a list the part that is about this
	// order. It is never empty, and holds personal data.
	Raw []byte
}

// Found is the answer to a look-up by reference.
type Found struct {
	// Orders are those that carry the reference, dead ones included.
	Orders []*Order
	// Complete is true when the vendor's list was read to its last page and
	// the answer was a proper list: only then can an absence be concluded.
	Complete bool
	// VendorTime is the vendor's clock (the Date header), of several answers the
	// earliest; zero when unknown.
	VendorTime time.Time
}

// DuplicateError is a vendor's answer that it already has an order with our
// reference, when the order itself could not be read. It vetoes any
// conclusion that the order is absent. It has no Code and no Delivery: an adapter
// returns it inside a [postproof.Error] with CodeConflict and Unknown, since Err
// alone may be an error of a look-up, of which nothing was sent.
type DuplicateError struct {
	// Ref is the reference that the vendor called a duplicate.
	Ref postproof.Ref
	// Err is why the order could not be read; may be nil.
	Err error
}

// Error says that the reference is taken.
func (e *DuplicateError) Error() string {
	if e.Err == nil {
		return "reference " + string(e.Ref) + " is taken"
	}
	return "reference " + string(e.Ref) + " is taken: " + e.Err.Error()
}

// Unwrap returns why the order could not be read.
func (e *DuplicateError) Unwrap() error { return e.Err }
