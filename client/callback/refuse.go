package callback

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/signature"
)

// reason is why a request was refused, as it stands in the metrics.
type reason string

const (
	reasonRoute     reason = "route"     // no endpoint has the name
	reasonMethod    reason = "method"    // not POST
	reasonEncoding  reason = "encoding"  // compressed
	reasonTooLarge  reason = "too_large" // more than the limit
	reasonSlow      reason = "slow"      // the body did not come in time
	reasonCut       reason = "cut"       // the body ended early
	reasonAddress   reason = "address"   // not an address of the vendor
	reasonToken     reason = "token"     // of an unsigned vendor's URL
	reasonSignature reason = "signature" // none of the active secrets signed it
	reasonStale     reason = "stale"     // signed by one of them, too long ago
	reasonFuture    reason = "future"    // signed by one of them, in the future
	reasonMalformed reason = "malformed" // no signature, or none that can be read
	reasonBusy      reason = "busy"      // too many bodies under way
	reasonStore     reason = "store"     // the inbox cannot write
	reasonStoreSlow reason = "store_slow"
)

// refusal is a request that was not taken. Its texts hold nothing of it.
type refusal struct {
	reason reason
	status int
	// retryAfter is in seconds.
	retryAfter int
	// body: the body was not read to its end.
	body bool
}

func refuse(why reason) *refusal {
	f := &refusal{reason: why, status: http.StatusBadRequest}
	switch why {
	case reasonRoute:
		f.status = http.StatusNotFound
	case reasonMethod:
		f.status = http.StatusMethodNotAllowed
	case reasonEncoding:
		f.status = http.StatusUnsupportedMediaType
	case reasonTooLarge:
		f.status = http.StatusRequestEntityTooLarge
	case reasonSlow:
		f.status = http.StatusRequestTimeout
	case reasonAddress:
		f.status = http.StatusForbidden
	case reasonToken, reasonSignature, reasonStale, reasonFuture:
		f.status = http.StatusUnauthorized
	case reasonBusy:
		f.status, f.retryAfter = http.StatusServiceUnavailable, 1
	case reasonStore, reasonStoreSlow:
		f.status, f.retryAfter = http.StatusServiceUnavailable, 10
	case reasonCut, reasonMalformed:
	}
	return f
}

// unverified says what a verifier's error comes to: a callback whose signature
// is missing or cannot be read is malformed; one that an active secret signed, at
// another time, is stale or from the future; any other is not the vendor's. The
// first is [signature.ErrMalformed], or the code of a verifier that has errors of
// its own.
func unverified(err error) reason {
	switch {
	case errors.Is(err, signature.ErrStale):
		return reasonStale
	case errors.Is(err, signature.ErrFuture):
		return reasonFuture
	case errors.Is(err, signature.ErrMalformed), postproof.CodeOf(err) == postproof.CodeInvalidArgument:
		return reasonMalformed
	default:
		return reasonSignature
	}
}

// weight orders the reasons of the accounts that share a route: the one that
// comes closest to a yes tells the most.
func (why reason) weight() int {
	switch why {
	case reasonStale, reasonFuture:
		return 3
	case reasonSignature:
		return 2
	case reasonMalformed:
		return 1
	default:
		return 0
	}
}

// told is the reason as the sender is told: whether it was the secret or the time
// that did not fit is nobody's business who may be guessing.
func (why reason) told() reason {
	if why == reasonStale || why == reasonFuture {
		return reasonSignature
	}
	return why
}

// advice says to the owner, in the log, what to look at; empty where the reason
// says it all.
func (why reason) advice() string {
	switch why {
	case reasonSignature:
		return "compare the secret with the one that the vendor's dashboard shows; if the body was changed on its way, mount the receiver before what reads or rewrites it"
	case reasonTooLarge:
		return "the vendor repeats it in vain and gives up: raise WithMaxBody; until then its pieces are polled when their news is overdue"
	case reasonStale:
		return "the signature is right, its time is too long ago: compare this machine's clock; an old callback that is played back is refused rightly"
	case reasonFuture:
		return "the signature is right, its time is ahead of this machine's clock: set the clock"
	case reasonMalformed:
		return "a header of the signature is missing or cannot be read, the time's included: see that the proxy in front passes the vendor's headers on"
	default:
		return ""
	}
}

func (f *refusal) write(w http.ResponseWriter) {
	h := w.Header()
	if f.reason == reasonMethod {
		h.Set("Allow", http.MethodPost)
	}
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	http.Error(w, "callback refused: "+string(f.reason.told()), f.status)
}
