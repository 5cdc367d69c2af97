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
	reasonSignature reason = "signature" // wrong, too old or too new
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
	case reasonToken, reasonSignature:
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
// is missing or cannot be read is malformed, any other is not the vendor's. The
// first is [signature.ErrMalformed], or the code of a verifier that has errors of
// its own.
func unverified(err error) reason {
	if errors.Is(err, signature.ErrMalformed) || postproof.CodeOf(err) == postproof.CodeInvalidArgument {
		return reasonMalformed
	}
	return reasonSignature
}

func (f *refusal) write(w http.ResponseWriter) {
	h := w.Header()
	if f.reason == reasonMethod {
		h.Set("Allow", http.MethodPost)
	}
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	http.Error(w, "callback refused: "+string(f.reason), f.status)
}
