package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// notSent is what is wrong before anything goes out.
func notSent(op string, code postproof.Code, err error) error {
	return &postproof.Error{Vendor: vendorName, Op: op, Code: code, Delivery: postproof.NotSent, Err: err}
}

func unreadable(op postproof.Op, r *vendors.Response) error {
	return &postproof.Error{
		Vendor: vendorName, Op: string(op), HTTPStatus: r.Status, RequestID: r.Header.Get("X-Request-Id"),
		Code: postproof.CodeUnknown, Delivery: postproof.Unknown, Err: errors.New("the answer is not what acme documents"),
	}
}

// judge returns what decides about an answer: nil, or what went wrong and
// whether paper may be in the mail. [vendors.JudgeStatus] is the cautious
// beginning; what is documented beyond it is said here. The vendor's message is
// not read: it may quote an address.
func judge(op postproof.Op, good func(body []byte) bool) func(*vendors.Response) error {
	return func(r *vendors.Response) error {
		if r.Status >= 200 && r.Status <= 299 {
			if !good(r.Body) {
				return unreadable(op, r) // a 2xx that cannot be read: Unknown
			}
			return nil
		}
		e := &postproof.Error{
			Vendor: vendorName, Op: string(op), HTTPStatus: r.Status, RequestID: r.Header.Get("X-Request-Id"),
			Code: vendors.CodeOfStatus(r.Status), Delivery: postproof.DeliveryOf(vendors.JudgeStatus(r)),
			RetryAfter: vendors.RetryAfter(r),
		}
		var body struct {
			Error struct {
				Code string `json:"code"`
			} `json:"error"`
		}
		_ = json.Unmarshal(r.Body, &body) // without a code the status says it
		switch known := body.Error.Code; {
		case known == "too_late" && op == postproof.OpCancel && r.Status == http.StatusConflict: // docs, "Cancel"
			e.VendorCode, e.Code, e.Delivery = known, postproof.CodeConflict, postproof.Accepted
		case known == "idempotency_mismatch" && r.Status == http.StatusUnprocessableEntity: // docs, "Retries"
			// The key was used before, for other bytes: that piece may be in the mail.
			e.VendorCode, e.Code, e.Delivery = known, postproof.CodeConflict, postproof.Unknown
		}
		return e
	}
}
