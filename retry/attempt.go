package retry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/postproof/postproof"
)

// attempt is one round trip and the watch over its bytes. It is the context
// of the round trip, too, so that whatever is wrapped around the transport
// does not matter.
type attempt struct {
	context.Context //nolint:containedctx // it is a context
	call            *call
	index           int
	trace           httptrace.ClientTrace
	cancel          context.CancelFunc

	mu       sync.Mutex
	closed   bool
	inside   bool // the request reached a Transport
	asked    bool // net/http asked for a connection
	muddied  bool // another call ran inside: asked may be its doing
	foreign  bool // a connection without a gate was handed out
	written  bool // at least one byte was written
	inFlight int  // first writes that have not returned
	sends    int
	heard    int   // the send whose answer began, counted from 1
	refused  error // why the gate let nothing through
	conn     *gateConn
}

// Value finds the attempt itself; everything else is further up.
func (a *attempt) Value(key any) any {
	if _, ok := key.(attemptKey); ok {
		return a
	}
	return a.Context.Value(key)
}

// attempt carries out the next attempt. The answer it returns is for the
// loop only; the call holds what came of it.
func (c *call) attempt(outer *http.Request) (*http.Response, error) {
	config := &c.sender.config
	a := &c.one
	if c.index > 0 {
		a = new(attempt)
	}
	a.call, a.index = c, c.index
	record := Attempt{Start: config.Clock.Now(), Wait: c.wait}
	var ctx context.Context = c
	if config.OnAttempt != nil {
		ctx = config.OnAttempt(ctx, AttemptStart{
			Op: c.req.Op, Vendor: c.req.Vendor, Class: c.req.Class, Method: c.req.Method,
			Attempt: c.index, Wait: c.wait, Start: record.Start,
		})
	}
	limited, cancel := withTimeout(ctx, config.Clock, config.AttemptTimeout)
	defer cancel()
	a.Context, a.cancel = limited, cancel
	c.index++

	returned := false
	defer func() {
		if !returned {
			a.panicked(record)
		}
	}()
	resp, failed := a.exchange(outer, &record)
	returned = true
	a.end()
	record.Duration = max(config.Clock.Now().Sub(record.Start), 0)
	record.Sends = a.sendCount()
	if record.Sends > 1 && failed != nil {
		// net/http repeated the send by itself. The answer is to the last one;
		// what became of those before nobody knows.
		record.Delivery = record.Delivery.Join(postproof.Unknown)
		c.failure.err.Delivery = record.Delivery
	}
	c.join = c.join.Join(record.Delivery)
	list := &c.result.response.Attempts
	if *list == nil {
		*list = c.result.first[:0]
	}
	*list = append(*list, record)
	if record.Status != 0 {
		c.sender.observe(c.class, record.Duration)
	}
	if config.OnResult != nil {
		config.OnResult(a, record, failed)
	}
	if resp != nil {
		// A status that was judged a failure is an answer to the loop: with an
		// error beside it net/http would complain.
		return resp, nil
	}
	return nil, failed
}

// errPanicked is the error of an attempt that did not return. A panic's value may hold
// personal data.
var errPanicked = errors.New("the attempt panicked")

// panicked ends an attempt that did not return, and tells of it. What became of its
// sends nobody knows.
func (a *attempt) panicked(record Attempt) {
	a.end()
	config := &a.call.sender.config
	record.Duration = max(config.Clock.Now().Sub(record.Start), 0)
	record.Code, record.Delivery = postproof.CodeInternal, postproof.NotSent
	if record.Sends = a.sendCount(); record.Sends > 0 {
		record.Delivery = postproof.Unknown
	}
	if config.OnResult != nil {
		config.OnResult(a, record, postproof.NewError(record.Code, record.Delivery, errPanicked))
	}
}

// exchange sends the request, reads the answer and has it judged.
func (a *attempt) exchange(outer *http.Request, record *Attempt) (*http.Response, error) {
	c := a.call
	req, err := a.request(outer)
	if err != nil {
		record.Delivery, record.Code = postproof.NotSent, postproof.CodeInternal
		c.failure = failure{
			err:      postproof.NewError(record.Code, record.Delivery, &quietError{errBody.Error(), errors.Join(errBody, err)}),
			hopeless: true,
		}
		return nil, c.failure.err
	}
	resp, err := c.sender.config.Transport.RoundTrip(req)
	if err != nil {
		// First: a round tripper need not have waited for its transport, and what
		// that writes after the verdict would be counted as not sent.
		a.end()
		c.failure = a.transportFailure(err)
		record.Delivery, record.Code = c.failure.err.Delivery, c.failure.err.Code
		return nil, c.failure.err
	}
	a.answered()
	c.judge(resp, record)
	// What follows in the loop must neither read nor follow it.
	resp.Body, resp.Header = http.NoBody, nil
	if c.success {
		return resp, nil
	}
	return resp, c.failure.err
}

// request makes the attempt's own request.
func (a *attempt) request(outer *http.Request) (*http.Request, error) {
	c := a.call
	a.trace.GetConn = a.onGetConn
	a.trace.GotConn = a.onGotConn
	if !c.sender.watched {
		a.trace.GotFirstResponseByte = a.onFirstByte
	}
	req := outer.WithContext(httptrace.WithClientTrace(a, &a.trace))
	req.Header = c.req.header()
	if c.class == postproof.RepeatNever {
		// net/http takes a request with one of these fields for repeatable. It
		// looks for the canonical spelling only, and vendors for any.
		lower(req.Header, "Idempotency-Key", "idempotency-key")
		lower(req.Header, "X-Idempotency-Key", "x-idempotency-key")
	}
	if c.req.Body == nil {
		return req, nil
	}
	body, err := c.req.Body()
	if err != nil {
		return nil, err
	}
	req.Body = body
	req.ContentLength = c.req.ContentLength
	if c.class != postproof.RepeatNever {
		req.GetBody = c.req.Body
	}
	return req, nil
}

func lower(header http.Header, canonical, spelling string) {
	if values, ok := header[canonical]; ok {
		delete(header, canonical)
		header[spelling] = values
	}
}

// begin asks for the right to write the first byte of a send. When it returns
// nil the send counts, until wrote takes it back.
func (a *attempt) begin(exact bool) error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return errOver
	}
	c := a.call
	now := time.Time{}
	if !c.req.NotAfter.IsZero() || a.sends > 0 {
		now = c.sender.config.Clock.Now()
	}
	switch {
	case c.class == postproof.RepeatNever && a.sends > 0:
		a.refused = errRepeat
	case c.tooLate(now):
		a.refused = ErrTooLate
	}
	if a.refused != nil {
		a.mu.Unlock()
		return a.refused
	}
	hidden := a.sends > 0
	a.sends++
	if exact {
		a.inFlight++
	} else {
		a.foreign = true
	}
	index := int(c.sends.Add(1))
	a.mu.Unlock()
	if hidden {
		c.sender.config.Budget.charge(now)
	}
	if f := c.sender.config.OnSend; f != nil {
		f(a, Send{
			Op: c.req.Op, Vendor: c.req.Vendor,
			Index: index, Attempt: a.index, Hidden: hidden, Exact: exact,
		})
	}
	return nil
}

// wrote reports what became of the first write of a send.
func (a *attempt) wrote(something bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight--
	if something {
		a.written = true
		return
	}
	a.sends--
	a.call.sends.Add(-1)
}

// entered notes that the request reached a Transport: from there on, what the
// gate did not see did not happen.
func (a *attempt) entered() {
	a.mu.Lock()
	a.inside = true
	a.mu.Unlock()
}

func (a *attempt) muddy() {
	a.mu.Lock()
	a.muddied = true
	a.mu.Unlock()
}

func (a *attempt) onGetConn(string) {
	a.mu.Lock()
	a.asked = true
	a.mu.Unlock()
}

// onGotConn runs before the request is handed to the connection.
func (a *attempt) onGotConn(info httptrace.GotConnInfo) {
	conn := gateConnOf(info.Conn)
	if conn == nil {
		// The bytes cannot be seen here. They may flow from now on.
		_ = a.begin(false)
		return
	}
	if owner := conn.armed.Load(); owner != nil && owner.within(a) && !owner.isClosed() {
		// A call inside this attempt; its hook ran first.
		return
	}
	late := a.call.tooLate(a.call.sender.config.Clock.Now())
	a.mu.Lock()
	if a.closed {
		conn.arm(a.call.sender.closed)
	} else {
		a.conn = conn
		conn.arm(a)
	}
	if late {
		a.refused = ErrTooLate
	}
	a.mu.Unlock()
	if late {
		// The gate refuses anyway; but net/http would then try, and lose, one
		// idle connection after the other.
		a.cancel()
	}
}

// within reports whether the attempt belongs to a call that runs inside of
// outer.
func (a *attempt) within(outer *attempt) bool {
	for a.call != nil && a.call.parent != nil {
		if a = a.call.parent; a == outer {
			return true
		}
	}
	return false
}

// answered counts the send of an answer whose way nobody could watch.
func (a *attempt) answered() {
	a.mu.Lock()
	if a.sends == 0 || (!a.call.sender.watched && a.heard != a.sends) {
		a.assume()
	}
	a.mu.Unlock()
}

// onFirstByte runs when an answer to the last send begins.
func (a *attempt) onFirstByte() {
	a.mu.Lock()
	a.heard = a.sends
	a.mu.Unlock()
}

// left notes that a Transport has no answer after all: one that comes all the
// same is to a send that nobody saw.
func (a *attempt) left() {
	a.mu.Lock()
	a.heard = 0
	a.mu.Unlock()
}

func (a *attempt) assume() {
	a.sends++
	a.written = true
	a.call.sends.Add(1)
}

func (a *attempt) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

func (a *attempt) sendCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sends
}

func (a *attempt) mayBeWritten() bool { return a.written || a.foreign || a.inFlight > 0 }

// end takes the right to write away.
func (a *attempt) end() {
	a.mu.Lock()
	a.closed = true
	conn := a.conn
	a.mu.Unlock()
	if conn != nil {
		conn.disarm(a, a.call.sender.closed)
	}
}

// withTimeout is context.WithTimeout on the given clock.
func withTimeout(ctx context.Context, clock postproof.Clock, d time.Duration) (context.Context, context.CancelFunc) {
	if clock == postproof.SystemClock() {
		return context.WithTimeoutCause(ctx, d, errAttemptTimeout)
	}
	limited, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-clock.After(d):
			cancel(errAttemptTimeout)
		case <-limited.Done():
		}
	}()
	return limited, func() { cancel(nil) }
}
