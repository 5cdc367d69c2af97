package vendors

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/postproof/postproof"
)

// ErrForeign is in the error of an answer that is not in the vendor's own words, see
// [Foreign]. The client counts one to a submission as a failure of the vendor, so that
// its breaker opens and the campaign waits.
var ErrForeign = errors.New("the answer is not in the vendor's words")

// Foreign returns the error of a 4xx that is not in the vendor's own words, for
// whatever request it came: a page of a proxy, a CDN or a firewall, the JSON of a gateway,
// the answer of the server that a wrong base URL leads to. Who gave it knows neither the
// job nor the order nor, as far as one can tell, the account. So it refuses no job, stops
// no vendor, says of no order that it is unknown or cannot be canceled, and of no
// reference that it is taken: its Code is [postproof.CodeUnavailable], but for a 408 and
// a 429, which mean the moment whoever says them.
//
// Its Delivery is by the status, as [postproof.DeliveryOfHTTPStatus] has it, but that a
// 403 leaves it Unknown. A server that finds no place for a request, no login in it, or
// cannot read it, passes nothing on; another answer than 403 says so. But a firewall looks
// at answers as well as at requests, and puts its 403 in the place of an answer that it
// dislikes, when the vendor has taken the piece.
//
// The hint says, in the error's text, what to look at: the base URL, what stands in
// front. The vendor's name, the operation and the request's id are for the adapter to
// fill in.
func Foreign(r *Response, hint string) *postproof.Error {
	e := &postproof.Error{
		Code: postproof.CodeUnavailable, Delivery: postproof.DeliveryOfHTTPStatus(r.Status), HTTPStatus: r.Status,
	}
	switch r.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		e.Code = postproof.CodeOfHTTPStatus(r.Status)
	case http.StatusUnauthorized:
		hint += "; if the vendor itself answers so, it refuses the key"
	case http.StatusPaymentRequired:
		hint += "; if the vendor itself answers so, it refuses the account"
	case http.StatusForbidden:
		hint += "; if the vendor itself answers so, it refuses the key or the account"
		e.Delivery = postproof.Unknown
	}
	e.Err = fmt.Errorf("%w: %s", ErrForeign, hint)
	return e
}
