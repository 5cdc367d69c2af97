package main

import (
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// errAnswer is all that is said of an answer that cannot be read: it may hold an
// address.
var errAnswer = errors.New("the answer is not what acme documents")

// notSent is what is wrong before anything goes out.
func notSent(op string, code postproof.Code, err error) error {
	return &postproof.Error{Vendor: vendorName, Op: op, Code: code, Delivery: postproof.NotSent, Err: err}
}

// judge returns what decides about an answer: nil, or what went wrong and
// whether paper may be in the mail. [vendors.JudgeStatus] is the cautious
// beginning; what is documented beyond it is said here. The vendor's message is
// not read: it may quote an address.
func judge(op postproof.Op, read func(body []byte) error) func(*vendors.Response) error {
	return func(r *vendors.Response) error {
		e := &postproof.Error{
			Vendor: vendorName, Op: string(op), HTTPStatus: r.Status, RequestID: vendors.Word(r.Header.Get("X-Request-Id")),
			Code: postproof.CodeOfHTTPStatus(r.Status), Delivery: postproof.DeliveryOfHTTPStatus(r.Status),
			RetryAfter: vendors.RetryAfter(r),
		}
		if r.Status >= 200 && r.Status <= 299 {
			if err := read(r.Body); err != nil { // a 2xx that cannot be read
				e.Code, e.Delivery, e.Err = postproof.CodeUnknown, postproof.Unknown, err
				return e
			}
			return nil
		}
		o, _ := vendors.ParseObject(r.Body) // without a code the status says it
		e.VendorCode = vendors.Word(o.Object("error").Text("code"))
		switch {
		case e.VendorCode == "" && r.Status/100 == 4:
			// Not Acme's words: the base URL is wrong, or something else answers in
			// front. That is not about this job, order or account: all wait for it to
			// be mended.
			not := vendors.Foreign(r, "see the base URL, and what stands in front of acme")
			e.Code, e.Delivery, e.Err = not.Code, not.Delivery, not.Err
		case e.VendorCode == "too_late" && op == postproof.OpCancel && r.Status == http.StatusConflict: // docs, "Cancel"
			e.Code, e.Delivery = postproof.CodeConflict, postproof.Accepted
		case e.VendorCode == "idempotency_mismatch" && r.Status == http.StatusUnprocessableEntity: // docs, "Retries"
			// The key was used before, for other bytes: that piece may be in the mail.
			e.Code, e.Delivery = postproof.CodeConflict, postproof.Unknown
		case e.VendorCode == "not_in_plan" && r.Status == http.StatusForbidden: // docs, "Errors": the size or class
			// About this job, which the next vendor may take. Any other 403 is about
			// the account: then all jobs leave it alone.
			e.Code = postproof.CodeUnsupported
		}
		return e
	}
}
