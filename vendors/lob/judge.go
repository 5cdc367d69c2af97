package lob

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// errAnswer is the cause of every 2xx that is not what was asked for.
var errAnswer = errors.New("the answer is not what lob documents")

// judge returns a judgement that takes 2xx for good when check finds nothing
// wrong with the body, and sorts out the rest by status and code.
func judge(op postproof.Op, check func(body []byte) error) func(*vendors.Response) error {
	return func(r *vendors.Response) error { return judgeWith(op, r, check) }
}

func judgeWith(op postproof.Op, r *vendors.Response, check func(body []byte) error) error {
	if r.Status < 200 || r.Status > 299 {
		return refusal(op, r)
	}
	if err := check(r.Body); err != nil {
		return unreadable(op, r, err)
	}
	return nil
}

func unreadable(op postproof.Op, r *vendors.Response, err error) error {
	return &postproof.Error{
		Code: postproof.CodeUnknown, Delivery: postproof.Unknown, Vendor: Name, Op: string(op),
		HTTPStatus: r.Status, RequestID: requestID(r.Header), Err: err,
	}
}

// lookAt is what to see to where an answer is not in Lob's own words, or says in them
// that there is no such endpoint.
const lookAt = "see that the base URL ends as DefaultBaseURL does, in /v1, and what stands in front of it"

func refusal(op postproof.Op, r *vendors.Response) error {
	e := &postproof.Error{
		Code: postproof.CodeOfHTTPStatus(r.Status), Delivery: postproof.DeliveryOfHTTPStatus(r.Status),
		Vendor: Name, Op: string(op), HTTPStatus: r.Status, RequestID: requestID(r.Header),
	}
	// Lob's message can quote an address and is not even read. Field by field: one in
	// a new form must not hide a code that makes a refusal a doubt.
	if body, err := vendors.ParseObject(r.Body); err == nil {
		said := body.Object("error")
		e.VendorCode = vendors.Word(said.Text("code"))
		byCode(e, said.Text("code"))
		if vendors.Field[int](said, "status_code") >= 500 {
			e.Delivery = postproof.Unknown // the body knows better than the status line
		}
	}
	if e.Code == postproof.CodeRateLimited {
		e.RetryAfter = retryAfter(r)
	}
	if r.Status/100 == 4 && (e.VendorCode == "" || e.VendorCode == "unrecognized_endpoint") {
		// It says nothing of the job or the piece: the address is wrong, or something
		// else has answered in front. The job waits, with the whole campaign behind it.
		not := vendors.Foreign(r, lookAt)
		e.Code, e.Err = not.Code, not.Err
		if e.VendorCode == "" {
			e.Delivery = e.Delivery.Join(not.Delivery)
		}
	}
	return e
}

// byCode refines a refusal by Lob's own code. Codes that are not named here
// say no more than their status.
func byCode(e *postproof.Error, code string) {
	switch code {
	case "conflict":
		// 409 and 422 "this operation would leave data in a conflicted state":
		// the same key may be at work in another request.
		e.Code, e.Delivery = postproof.CodeConflict, postproof.Unknown
	case "internal_server_error", "service_unavailable":
		e.Code, e.Delivery = postproof.CodeUnavailable, postproof.Unknown
	case "request_timeout":
		e.Code, e.Delivery = postproof.CodeDeadlineExceeded, postproof.Unknown
	case "rate_limit_exceeded":
		e.Code = postproof.CodeRateLimited
	case "unauthorized", "unauthorized_token", "invalid_api_key", "publishable_key_not_allowed":
		e.Code = postproof.CodeUnauthenticated
	case "payment_method_unverified", "email_required", "billing_address_required", "feature_limit_reached":
		e.Code = postproof.CodePermissionDenied
	case "invalid_country_covid", "invalid_international_feature":
		e.Code = postproof.CodeUnsupported
	case "invalid_file_download_time", "custom_envelope_inventory_depleted":
		e.Code = postproof.CodeUnavailable // refused now, not for ever
	case "mail_use_type_can_not_be_null":
		// It is so of every piece, and nothing is wrong with any: the vendor is left alone.
		e.Code = postproof.CodePermissionDenied
		e.Err = errors.New("set lob.WithUseType, or a default use type in the account's settings")
	case "unsupported_lob_version":
		// docs: also of a version "older than your current one". So it is of every piece.
		e.Code = postproof.CodePermissionDenied
		e.Err = errors.New("set lob.WithVersion to the account's version in the dashboard, or to a later one")
	case "not_deletable":
		e.Code = postproof.CodeConflict
		if e.Op == string(postproof.OpCancel) {
			e.Delivery = postproof.Accepted
			e.Err = errors.New("it is too late to cancel")
		}
	}
}

// rateWindow is the window in which Lob counts requests.
const rateWindow = 5 * time.Second

// retryAfter reads Retry-After, else the reset of the rate limit: an epoch in
// seconds, under either of the two names that Lob's documents use, against the
// vendor's own clock.
func retryAfter(r *vendors.Response) time.Duration {
	if d := vendors.RetryAfter(r); d > 0 {
		return d
	}
	now := r.Time()
	for _, name := range []string{"X-Rate-Limit-Reset", "Ratelimit-Reset"} {
		reset, err := strconv.ParseInt(strings.TrimSpace(r.Header.Get(name)), 10, 64)
		if err == nil && reset > 0 && !now.IsZero() {
			return vendors.ClampWait(reset - now.Unix())
		}
	}
	return rateWindow
}

func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Request-Id"} {
		if id := vendors.Word(h.Get(name)); id != "" {
			return id
		}
	}
	return ""
}
