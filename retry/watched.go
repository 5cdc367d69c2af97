package retry

import (
	"net/http"

	"github.com/postproof/postproof"
)

// watched reports whether a request that a round tripper is handed can go nowhere
// but through connections that are seen: those of a [Transport], or those that
// [net/http/httptrace] tells of in an [http.Transport].
//
// A round tripper of the caller's may do anything with a request. It may hand it to
// one that traces nothing when the first one fails, and return the first one's
// error: that this one sent nothing proves nothing then. So each on the way down
// has to say that it hands the request to the next one only.
func watched(rt http.RoundTripper) bool {
	for range maxRoundTrippers {
		switch next := rt.(type) {
		case *Transport, *http.Transport:
			return true
		case interface{ Unwrap() http.RoundTripper }:
			rt = next.Unwrap()
		default:
			return false
		}
	}
	return false
}

// maxRoundTrippers ends the search in one that says it is its own next.
const maxRoundTrippers = 32

// deliveryClaimed is what the error of a round tripper itself says of the send, 0
// where it says nothing. Of several errors that are joined one may say that nothing
// was sent, and another be of a send: they say nothing.
func deliveryClaimed(err error) postproof.Delivery {
	for err != nil {
		if e, ok := err.(*postproof.Error); ok { //nolint:errorlint // the chain itself is walked
			return e.Delivery
		}
		next, ok := err.(interface{ Unwrap() error })
		if !ok {
			return 0
		}
		err = next.Unwrap()
	}
	return 0
}
