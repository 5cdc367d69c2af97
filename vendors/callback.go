package vendors

import (
	"net/http"
	"time"

	"github.com/postproof/postproof"
)

// Verifier checks who sent a callback. It holds the active secrets, is
// immutable, and safe for concurrent use. The verifiers of package
// vendors/signature are such.
type Verifier interface {
	// Verify returns nil when one of the secrets signed the callback, and the
	// time in it, where the vendor signs one, fits the time of receipt. It
	// neither changes nor keeps header and body. The body is raw, as it came.
	// The error wraps ErrMalformed, ErrSignature, ErrStale or ErrFuture of
	// package vendors/signature, so that the owner is told which it was.
	//
	// A callback that was stored is verified again with the time at which it
	// was received.
	Verify(header http.Header, body []byte, receivedAt time.Time) error
}

// CallbackVerifier is implemented by vendors whose callbacks can be verified.
type CallbackVerifier interface {
	// NewVerifier returns a verifier with the secrets given: during a rotation
	// several are active. An error names the secret by its place and says what
	// is wrong with it (empty, too short); it never holds one.
	NewVerifier(secrets ...string) (Verifier, error)
}

// CallbackParser is implemented by vendors that send callbacks.
type CallbackParser interface {
	// ParseCallback returns the events of a callback, in the order in which
	// they stand. It is called for bytes that nobody has verified, too, and
	// must not panic or believe them. What a notice holds is its own: the caller
	// may use the body's memory again.
	//
	// A notice about something that is no piece of mail has an Event with
	// neither VendorID nor Ref: it is kept, and nothing else is done. A body
	// that is no callback of this vendor is an error with
	// [postproof.CodeInvalidArgument].
	ParseCallback(header http.Header, body []byte) ([]*Notice, error)
}

// Notice is one event of a callback.
type Notice struct {
	// Event names the piece and says where it is. Its Raw is the event's own
	// bytes, Account and ReceivedAt are the receiver's to fill in.
	Event postproof.Event
	// Order is the piece as the event shows it, which may be older than what we
	// know; nil when the event shows no more than an id.
	Order *Order
}
