package retry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/postproof/postproof"
)

// call is the state of one Do. It is the context of the loop's request, too,
// which is how the loop's callbacks find it.
type call struct {
	context.Context //nolint:containedctx // it is a context
	sender          *Sender
	req             *Request
	class           postproof.Repeat // the effective one
	parent          *attempt         // the attempt that this call runs inside of
	loop            retryablehttp.Request
	result          *result
	one             attempt // the first attempt

	sends   atomic.Int32
	index   int
	wait    time.Duration // before the attempt that comes next, or came last
	join    postproof.Delivery
	failure failure
	success bool
	invalid bool

	stop       Stop
	cause      error
	retryAfter time.Duration
}

// result is what outlives the call. The list has room for the one attempt
// that most calls need.
type result struct {
	response Response
	first    [1]Attempt
}

// failure is the last failed attempt as the decision sees it.
type failure struct {
	err      *postproof.Error
	hopeless bool
	timeout  bool
	hint     time.Duration
	hinted   bool
	retryAt  time.Time // named by something below, such as a breaker
}

// Value finds the call itself; everything else is the caller's.
func (c *call) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// mayStart reports whether the first attempt may begin.
func (c *call) mayStart(now time.Time) bool {
	switch {
	case c.Err() != nil:
		c.stop, c.cause = StopContext, c.contextCause()
	case c.tooLate(now):
		c.stop, c.cause = StopNotAfter, ErrTooLate
	case c.noTimeFor(0):
		c.stop, c.cause = StopDeadline, errNoTime
	default:
		return true
	}
	return false
}

// decide reports whether there is another attempt after the last one, and
// says why not. The order matters: the budget is asked last, because asking
// spends.
func (c *call) decide() bool {
	if c.success {
		return false
	}
	f := &c.failure
	if c.Err() != nil {
		c.stop, c.cause = StopContext, c.contextCause()
		return false
	}
	config := &c.sender.config
	now := config.Clock.Now()
	if !f.retryAt.IsZero() {
		c.stop, c.retryAfter = StopGate, max(f.retryAt.Sub(now), 0)
		return false
	}
	if errors.Is(f.err, ErrTooLate) {
		c.stop, c.cause = StopNotAfter, ErrTooLate
		return false
	}
	if !c.repeatable() {
		c.stop, c.retryAfter = StopVerdict, f.hint
		return false
	}
	base := config.Base
	if f.hinted || f.err.Code == postproof.CodeRateLimited {
		base = config.ThrottleBase
	}
	// The hint is a floor under the jitter, not in its place: those who were
	// told the same time must not come back in the same moment.
	wait := f.hint + fullJitter(base, config.Cap, c.index-1, config.Rand)
	c.retryAfter = wait
	switch {
	case c.parent != nil:
		c.stop = StopNested
	case c.index >= config.MaxAttempts:
		c.stop = StopAttempts
	case f.hint > config.MaxInlineWait:
		c.stop = StopHint
	case c.noTimeFor(wait):
		c.stop, c.cause = StopDeadline, errNoTime
	case c.tooLate(now.Add(wait)):
		c.stop, c.cause = StopNotAfter, ErrTooLate
	case !config.Budget.withdraw(now, f.timeout):
		c.stop, c.cause = StopBudget, ErrBudget
	default:
		c.wait = wait
		return true
	}
	return false
}

// repeatable is the table of the package's documentation.
func (c *call) repeatable() bool {
	f := &c.failure
	if f.hopeless {
		return false
	}
	// Without a byte sent or after a no that is not final, the code alone
	// decides. Other codes will be the same next time.
	switch f.err.Code {
	case postproof.CodeRateLimited, postproof.CodeUnavailable:
	case postproof.CodeDeadlineExceeded, postproof.CodeUnknown:
		if f.err.Delivery == postproof.Refused {
			return false
		}
	default:
		return false
	}
	switch f.err.Delivery {
	case postproof.NotSent, postproof.Refused:
		return true
	case postproof.Unknown:
		return c.class == postproof.RepeatSafe || c.class == postproof.RepeatKeyed
	default:
		return false
	}
}

// pause waits before the next attempt, and looks at the clocks again.
func (c *call) pause() error {
	config := &c.sender.config
	if config.OnWait != nil {
		config.OnWait(c.Context, c.wait, c.index)
	}
	if err := postproof.Sleep(c.Context, config.Clock, c.wait); err != nil {
		c.stop, c.cause = StopContext, c.contextCause()
		return err
	}
	switch {
	case c.tooLate(config.Clock.Now()):
		c.stop, c.cause = StopNotAfter, ErrTooLate
	case c.noTimeFor(0):
		c.stop, c.cause = StopDeadline, errNoTime
	}
	return c.cause
}

// tooLate reports whether a first byte at now would break the not-after.
func (c *call) tooLate(now time.Time) bool {
	r := c.req
	return (!r.NotAfter.IsZero() && !now.Before(r.NotAfter)) || (!r.StaleAt.IsZero() && !time.Now().Before(r.StaleAt))
}

// noTimeFor reports whether the context ends before the wait and an attempt
// of typical length do. The first attempt is made however short the time is,
// or a sender whose vendor has become slow would never learn otherwise.
func (c *call) noTimeFor(wait time.Duration) bool {
	deadline, ok := c.Deadline()
	if !ok {
		return false
	}
	if c.index > 0 {
		wait += c.sender.typicalOf(c.class)
	}
	return time.Until(deadline) <= wait
}

// contextCause keeps the error of the context visible beside a custom cause.
func (c *call) contextCause() error {
	cause := context.Cause(c.Context)
	if err := c.Err(); !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return cause
}

// stopEarly explains an end that no callback has decided: the context ended
// while the loop changed over, or net/http refused the request.
func (c *call) stopEarly(err error) {
	if c.Err() != nil {
		c.stop, c.cause = StopContext, c.contextCause()
		return
	}
	c.stop, c.cause, c.invalid = StopInvalid, quiet(err), true
}

func (c *call) succeed() *Response {
	response := &c.result.response
	response.Sends = int(c.sends.Load())
	response.Delivery = c.join
	return response
}

func (c *call) fail() *postproof.Error {
	e := &postproof.Error{
		Op:         string(c.req.Op),
		Vendor:     c.req.Vendor,
		Code:       postproof.CodeUnknown,
		Delivery:   c.join.Join(postproof.NotSent),
		RetryAfter: c.retryAfter,
	}
	detail := &AttemptsError{
		Attempts: c.result.response.Attempts,
		Sends:    int(c.sends.Load()),
		Stop:     c.stop,
		Cause:    c.cause,
	}
	if last := c.failure.err; last != nil {
		e.Code, e.VendorCode, e.RequestID, e.HTTPStatus = last.Code, last.VendorCode, last.RequestID, last.HTTPStatus
		detail.Last = last
	}
	switch {
	case c.invalid:
		e.Code = postproof.CodeInvalidArgument
	case c.stop == StopContext:
		e.Code = postproof.CodeOf(c.Err())
	case c.stop == StopDeadline, c.stop == StopNotAfter && c.failure.err == nil:
		e.Code = postproof.CodeDeadlineExceeded
	}
	detail.told = c.failure.err != nil && e.Code == c.failure.err.Code && e.Delivery == c.failure.err.Delivery
	e.Err = detail
	if f := c.sender.config.OnGiveUp; f != nil {
		f(c.Context, e, c.stop)
	}
	return e
}
