package postproof

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
)

// Error is the one error type of this module. Its text holds no personal
// data and no key; wrap only causes for which that is true.
//
// The fields beside Code and Delivery are filled where they are known.
type Error struct {
	// Code says what went wrong.
	Code Code
	// Delivery says whether paper may be in the mail. Read it through
	// [DeliveryOf], which knows the wrapped causes, too.
	Delivery Delivery
	// Op is the operation, for example "submit" or "look_up".
	Op string
	// Vendor is the vendor's name, for example "lob".
	Vendor string
	// VendorCode is the vendor's own error code, verbatim.
	VendorCode string
	// RequestID is the vendor's id of the request, for a support case.
	RequestID string
	// HTTPStatus is the status of the answer, 0 when there was none.
	HTTPStatus int
	// RetryAfter is how long to wait before the next try; 0 when unknown.
	RetryAfter time.Duration
	// Err is the cause. It may be nil.
	Err error
}

// NewError returns an error with its two classes and a cause.
func NewError(code Code, delivery Delivery, err error) *Error {
	return &Error{Code: code, Delivery: delivery, Err: err}
}

// Error returns a line such as
// "lob: submit: rate_limited (refused): status 429: code rate_limit_exceeded". What a
// login came to has no delivery in it: the error of the request that needed it has.
func (e *Error) Error() string {
	var b strings.Builder
	part := func(s string) {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(s)
	}
	if e.Vendor != "" {
		part(e.Vendor)
	}
	if e.Op != "" {
		part(e.Op)
	}
	class := e.Code.String()
	if e.Delivery != 0 && e.Op != string(OpLogin) { // a login carries no piece: "(unknown)" would only frighten
		class += " (" + e.Delivery.String() + ")"
	}
	part(class)
	if e.HTTPStatus != 0 {
		part("status " + strconv.Itoa(e.HTTPStatus))
	}
	if e.VendorCode != "" {
		part("code " + e.VendorCode)
	}
	if e.RequestID != "" {
		part("request " + e.RequestID)
	}
	if e.Err != nil {
		part(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorType returns the low-cardinality class of the error for telemetry.
func (e *Error) ErrorType() string { return e.Code.String() }

// CodeOf returns the code of the first [Error] in err's chain that has one. Context errors
// and deadlines of the operating system have codes, too; anything else is
// [CodeUnknown]. It returns 0 for a nil error.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	var code Code
	walk(err, func(e *Error) bool {
		code = cmp.Or(code, e.Code)
		return code == 0
	})
	switch {
	case code != 0:
		return code
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return CodeDeadlineExceeded
	case errors.Is(err, errors.ErrUnsupported):
		return CodeUnsupported
	default:
		return CodeUnknown
	}
}

// DeliveryOf returns what err says about paper: the first [Error] in err's
// chain that says something, and of joined errors the join. An error that does
// not say is [Unknown]: in doubt the piece may be in the mail. It returns 0 for a nil
// error, which is no statement about a delivery at all.
func DeliveryOf(err error) Delivery {
	if err == nil {
		return 0
	}
	var d Delivery
	walk(err, func(e *Error) bool {
		d = d.Join(e.Delivery)
		return e.Delivery == 0
	})
	return cmp.Or(d, Unknown)
}

// RetryAfterOf returns the longest wait that an [Error] in err's tree asks
// for; 0 when none does.
func RetryAfterOf(err error) time.Duration {
	var longest time.Duration
	walk(err, func(e *Error) bool {
		longest = max(longest, e.RetryAfter)
		return true
	})
	return longest
}

// walk visits every [Error] of err's tree, an error before its causes. The
// causes of an error for which visit returns false are left out.
func walk(err error, visit func(*Error) bool) {
	e, ok := err.(*Error) //nolint:errorlint // walk itself unwraps
	if ok && !visit(e) {
		return
	}
	switch u := err.(type) { //nolint:errorlint // walk itself unwraps
	case interface{ Unwrap() error }:
		walk(u.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, cause := range u.Unwrap() {
			walk(cause, visit)
		}
	}
}
