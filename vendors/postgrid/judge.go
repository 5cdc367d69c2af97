package postgrid

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// errAnswer is the cause of every 2xx that is not what was asked for.
var errAnswer = errors.New("the answer is not what postgrid documents")

// apiError is PostGrid's error body. Its message can quote an address and is
// not even read.
type apiError struct {
	Error struct {
		Type string `json:"type"`
	} `json:"error"`
}

// judge returns a judgement that takes 2xx for good when check finds nothing
// wrong with the body, and sorts out the rest by status.
func judge(op postproof.Op, check func(body []byte) error) func(*vendors.Response) error {
	return func(r *vendors.Response) error {
		if r.Status < 200 || r.Status > 299 {
			return refusal(op, r)
		}
		if err := check(r.Body); err != nil {
			return unreadable(op, r, err)
		}
		return nil
	}
}

func unreadable(op postproof.Op, r *vendors.Response, err error) error {
	return &postproof.Error{
		Code: postproof.CodeUnknown, Delivery: postproof.Unknown, Vendor: Name, Op: string(op),
		HTTPStatus: r.Status, RequestID: requestID(r.Header), Err: err,
	}
}

// lookAt is what to see to where an answer is not in PostGrid's own words.
const lookAt = "see that the base URL ends as DefaultBaseURL does, in /print-mail/v1, and what stands in front of it"

// refusal goes by the status. Of the types the first OpenAPI file (openapi.yaml of
// github.com/postgrid/postgrid-node at be5ba4b9) has validation_error for 400,
// missing_auth_error and permission_missing_error for 401, not_found_error for 404,
// rate_limit_exceeded_error for 429 and service_unavailable_error; that of a 422,
// "when the action you are trying to do is not possible", is any. A 409 is Unknown, as
// it is repeated by the vendor's own libraries: it may be the same order at
// work in another request.
func refusal(op postproof.Op, r *vendors.Response) error {
	e := &postproof.Error{
		Code: postproof.CodeOfHTTPStatus(r.Status), Delivery: postproof.DeliveryOfHTTPStatus(r.Status),
		Vendor: Name, Op: string(op), HTTPStatus: r.Status, RequestID: requestID(r.Header),
	}
	var body apiError
	if json.Unmarshal(r.Body, &body) == nil {
		e.VendorCode = vendors.Word(body.Error.Type)
	}
	if r.Status/100 == 4 && e.VendorCode == "" {
		// It says nothing of the job or the order: the address is wrong, or something
		// else has answered in front. The job waits, with the whole campaign behind it.
		not := vendors.Foreign(r, lookAt)
		e.Code, e.Delivery, e.Err = not.Code, not.Delivery, not.Err
	}
	if body.Error.Type == "service_unavailable_error" { // with which status is not said
		e.Code, e.Delivery = postproof.CodeUnavailable, postproof.Unknown
	}
	switch r.Status {
	case http.StatusUnauthorized:
		if e.VendorCode == "permission_missing_error" { // the key is known, and may not do this
			e.Code = postproof.CodePermissionDenied
		}
	case http.StatusTooManyRequests:
		e.RetryAfter = vendors.RetryAfter(r)
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		// Of these a cancellation has 422 in that file, and "too late" in no words. The
		// request has nothing but an id of the right form, so that only the order's
		// state can be wrong. What stands in front does not know it: an answer without
		// a type would end the wish.
		if op == postproof.OpCancel && e.VendorCode != "" {
			e.Code, e.Delivery = postproof.CodeConflict, postproof.Accepted
			e.Err = errors.New("it is too late to cancel, or it is canceled already")
		}
	}
	return e
}

func requestID(h http.Header) string { return vendors.Word(h.Get("X-Request-Id")) }
