package retry

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/postproof/postproof"
)

// maxDrain is how much of an answer beyond the part that is kept is read, so
// that the connection can be used again.
const maxDrain = 64 << 10

// judge reads the answer and decides what it means.
func (c *call) judge(resp *http.Response, record *Attempt) {
	record.Status = resp.StatusCode
	record.RequestID = resp.Header.Get("X-Request-Id")
	body, readErr := readBody(resp, cmp.Or(c.req.MaxResponseBytes, defaultMaxResponse))
	err := c.verdict(resp, body, readErr)
	if err == nil {
		record.Delivery = postproof.Accepted
		c.success = true
		c.failure = failure{}
		response := &c.result.response
		response.Status, response.Header, response.Body = resp.StatusCode, resp.Header, body
		return
	}
	e := postproof.Error{Code: postproof.CodeOf(err), Delivery: postproof.DeliveryOf(err), Err: err}
	if judged, ok := errors.AsType[*postproof.Error](err); ok {
		if error(judged) == err { //nolint:errorlint // only the outermost may go: what wraps it is kept
			e.Err = judged.Err
		}
		e.VendorCode = judged.VendorCode
		e.RequestID = judged.RequestID
		e.HTTPStatus = judged.HTTPStatus
	}
	if e.Delivery == postproof.NotSent {
		// It was sent: there is an answer. The judge means a definite no.
		e.Delivery = postproof.Refused
	}
	if e.Delivery == postproof.Refused && readErr != nil && !errors.Is(readErr, errTooLarge) {
		// It broke off before it was said what is refused, or whether anything is.
		e.Delivery = postproof.Unknown
	}
	e.HTTPStatus = cmp.Or(e.HTTPStatus, resp.StatusCode)
	e.RequestID = cmp.Or(e.RequestID, record.RequestID)
	f := failure{err: &e}
	if readErr != nil && e.Code == postproof.CodeDeadlineExceeded {
		f.timeout = true
	}
	f.hint, f.hinted = postproof.ParseRetryAfter(resp.Header.Get("Retry-After"), resp.Header.Get("Date"), c.sender.config.Clock.Now())
	if wait := postproof.RetryAfterOf(err); wait > f.hint {
		f.hint, f.hinted = min(wait, postproof.MaxRetryAfter), true
	}
	e.RetryAfter = f.hint
	record.Delivery, record.Code = e.Delivery, e.Code
	record.VendorCode, record.RequestID = e.VendorCode, e.RequestID
	c.failure = f
}

// verdict is the judge's, except where nothing can be a success.
func (c *call) verdict(resp *http.Response, body []byte, readErr error) error {
	unreadable := func() error {
		code := postproof.CodeUnavailable
		switch {
		case errors.Is(readErr, errTooLarge):
			code = postproof.CodeInternal
		case isTimeout(readErr):
			code = postproof.CodeDeadlineExceeded
		}
		text := errUnreadable
		if errors.Is(readErr, errTooLarge) {
			text = errTooLarge
		}
		return postproof.NewError(code, postproof.Unknown, &quietError{text.Error(), errors.Join(text, readErr)})
	}
	if readErr != nil && resp.StatusCode < 300 {
		return unreadable()
	}
	judge := c.req.Judge
	if judge == nil {
		judge = judgeStatus
	}
	err := judge(resp.StatusCode, resp.Header, body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= 300 && resp.StatusCode <= 399 && resp.StatusCode != http.StatusNotModified:
		return postproof.NewError(postproof.CodeInternal, postproof.Unknown, errRedirect)
	case readErr != nil && !errors.Is(readErr, errTooLarge):
		return unreadable()
	default:
		return nil
	}
}

// readBody reads and closes the body. The error is not nil when the body that
// it returns is not the whole of it.
func readBody(resp *http.Response, limit int64) (body []byte, err error) {
	if resp.Body == nil {
		return nil, nil
	}
	defer func() {
		if closeErr := resp.Body.Close(); err == nil && closeErr != nil {
			err = closeErr
		}
	}()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// The body is the connection, which has no end, and which the attempt's
		// context does not end.
		return nil, errSwitched
	}
	if n := resp.ContentLength; n >= 0 && n <= min(limit, defaultMaxResponse) { // of more it has to be seen first
		body = make([]byte, n)
		read, err := io.ReadFull(resp.Body, body)
		if err != nil {
			return body[:read], err
		}
		// Reading on to the end gives the connection back.
		if _, err := io.CopyN(io.Discard, resp.Body, 1); !errors.Is(err, io.EOF) {
			return body, cmp.Or(err, errTooLarge)
		}
		return body, nil
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return body[:min(int64(len(body)), limit)], err
	}
	if int64(len(body)) > limit {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
		return body[:limit], errTooLarge
	}
	return body, nil
}

// transportFailure classifies the error of a round trip by what was written.
func (a *attempt) transportFailure(err error) failure {
	a.mu.Lock()
	defer a.mu.Unlock()
	claim, claimed := errors.AsType[*postproof.Error](err)
	e := &postproof.Error{Err: quiet(err)}
	f := failure{err: e}
	switch {
	case a.mayBeWritten():
		e.Delivery = postproof.Unknown
	case a.call.sender.watched && (a.inside || (a.asked && !a.muddied) || a.refused != nil):
		e.Delivery = postproof.NotSent
	case deliveryClaimed(err) != 0:
		e.Delivery = deliveryClaimed(err)
	default:
		a.assume()
		e.Delivery = postproof.Unknown
	}
	switch {
	case claimed && claim.Code != 0:
		e.Code = claim.Code
		e.RetryAfter = claim.RetryAfter
		f.hint, f.hinted = min(claim.RetryAfter, postproof.MaxRetryAfter), claim.RetryAfter > 0
	case a.refused != nil && errors.Is(a.refused, ErrTooLate):
		e.Code = postproof.CodeDeadlineExceeded
		e.Err = a.refused
	case a.call.Err() != nil:
		e.Code = postproof.CodeOf(a.call.Err())
	case isTimeout(err), errors.Is(context.Cause(a), errAttemptTimeout):
		e.Code = postproof.CodeDeadlineExceeded
		f.timeout = true
	case a.inside && !a.asked:
		// net/http did not like the request.
		e.Code = postproof.CodeInvalidArgument
	default:
		e.Code = postproof.CodeUnavailable
	}
	f.hopeless = isHopeless(err)
	if at, ok := errors.AsType[interface {
		error
		RetryAt() time.Time
	}](err); ok {
		f.retryAt = at.RetryAt()
	}
	return f
}

func isTimeout(err error) bool {
	if errors.Is(err, errAttemptTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
