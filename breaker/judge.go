package breaker

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/postproof/postproof"
)

// JudgeHTTP is the default [Judge].
//
// By status: 5xx and 408 are failures. 2xx, 3xx, and 404, 409 and 410, which
// a vendor that works gives in the normal course of look-ups and
// cancellations, are successes. Other 4xx, 429 among them, are excluded: they
// tell about our requests or our account.
//
// Without an answer: if the request's context has ended, its cause decides.
// Plain [context.Canceled] and [context.DeadlineExceeded] are the caller's
// own doing and excluded, as is any other cause, unless it is a timeout that
// was set for the attempt ([context.WithTimeoutCause]): an error whose code is
// [postproof.CodeDeadlineExceeded], or that has a method Timeout that returns
// true. That is the vendor's failure. If the context has not ended, an error
// of this module is a failure only if its code is unavailable,
// deadline_exceeded or unknown, and a deadline that passed before anything
// was sent is not. Everything else is a failure of the vendor or of the way
// to it.
func JudgeHTTP(req *http.Request, resp *http.Response, err error) Outcome {
	if err != nil || resp == nil {
		return Outcome{Kind: judgeError(req.Context(), err)}
	}
	switch code := resp.StatusCode; {
	case code >= http.StatusInternalServerError, code == http.StatusRequestTimeout:
		return Outcome{Kind: Failure, RetryAfter: retryAfter(resp.Header)}
	case code < http.StatusBadRequest,
		code == http.StatusNotFound, code == http.StatusConflict, code == http.StatusGone:
		return Outcome{Kind: Success}
	default:
		return Outcome{Kind: Excluded}
	}
}

func judgeError(ctx context.Context, err error) Kind {
	if ctx.Err() != nil {
		if attemptTimeout(context.Cause(ctx)) {
			return Failure
		}
		return Excluded
	}
	own, ok := errors.AsType[*postproof.Error](err)
	if !ok {
		return Failure
	}
	switch own.Code {
	case postproof.CodeUnavailable, postproof.CodeUnknown:
		return Failure
	case postproof.CodeDeadlineExceeded:
		if own.Delivery != postproof.NotSent {
			return Failure
		}
		return Excluded
	default:
		return Excluded
	}
}

// attemptTimeout tells the time limit of an attempt, which has a cause of its
// own, from the caller's deadline, which is plain.
func attemptTimeout(cause error) bool {
	if cause == context.DeadlineExceeded { //nolint:errorlint // a cause that wraps it is another one
		return false
	}
	if own, ok := errors.AsType[*postproof.Error](cause); ok {
		return own.Code == postproof.CodeDeadlineExceeded
	}
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](cause)
	return ok && timeout.Timeout()
}

// retryAfter reads a Retry-After header: seconds, or a date, which is compared
// with the response's own Date, so that no clock is needed. 0 means none.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		const most = 1 << 31 // far beyond any cap, and no overflow
		return time.Duration(min(seconds, most)) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		return 1 << 31 * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, at.Sub(sent))
}
