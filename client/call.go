package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

// call is the Doer of one operation at one vendor. It puts the policies before
// the vendor and keeps the join over everything that was sent.
type call struct {
	c *Client
	v *vendor
	// notAfter bounds every send of the call, on the clock; zero is no bound.
	notAfter time.Time
	// staleAt is the same on the machine's monotonic clock.
	staleAt time.Time
	// join and sends are over the submit requests only; sent is of the present request.
	join  postproof.Delivery
	sends int
	sent  int
	// prepared is what the last request before them says; zero when it went well.
	prepared postproof.Delivery
	after    time.Duration
	date     time.Time
	// told is the report of an answer that the adapter is to judge; nil for none.
	told func(breaker.Outcome)
	// req is the request under way; a call makes one after the other.
	req retry.Request
	// first is the answer to the first request, which most calls end with, and held is
	// its context.
	first vendors.Response
	held  heldContext
	asked bool
}

// Do implements [vendors.Doer].
func (k *call) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	returned := false
	k.sent = 0
	defer func() {
		if req.Op != postproof.OpSubmit {
			return
		}
		k.sends += k.sent
		if !returned {
			// A panic of the adapter's judge, or of what reads the artwork: bytes
			// may have gone out.
			k.join, k.sends = k.join.Join(postproof.Unknown), max(k.sends, 1)
		}
	}()
	resp, err := k.do(ctx, req)
	if req.Op == postproof.OpPrepare {
		k.prepared = postproof.DeliveryOf(err)
	}
	if req.Op == postproof.OpSubmit {
		delivery := postproof.DeliveryOf(err)
		if err == nil {
			// The vendor answered well; whether it has the piece the adapter reads.
			delivery = postproof.Unknown
		}
		k.join = k.join.Join(delivery)
	}
	returned = true
	return resp, err
}

func (k *call) do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) { //nolint:contextcheck // held is made of the one that is given
	group := req.Op.Group()
	if err := k.throttle(ctx, group, req.Op); err != nil {
		return nil, err
	}
	last, held := &k.first, &k.held
	if k.asked {
		last, held = new(vendors.Response), new(heldContext) // the others are still in use
	}
	k.asked = true
	k.request(ctx, req, last)
	if group == submitGroup {
		held.Context, held.k = ctx, k
		ctx = held
	}
	resp, err := k.v.sender.Do(ctx, &k.req)
	attempts := 0
	if resp != nil {
		last.Status, last.Header, last.Body, last.Sends = resp.Status, resp.Header, resp.Body, resp.Sends
		attempts = len(resp.Attempts)
	}
	if a, ok := errors.AsType[*retry.AttemptsError](err); ok {
		attempts = len(a.Attempts)
	}
	k.learn(group, last, err, attempts)
	if err != nil && last.Status == 0 {
		last = nil
	}
	return last, err
}

// maxAnswer bounds an answer. A vendor may show a piece with its markup, images in it
// included, and a page of a list has a hundred of them: an acceptance that is too large to
// be read would be a doubt, and the look-up that could end it as large.
const maxAnswer = 32 << 20

// request makes the adapter's request one that the retries below take.
func (k *call) request(ctx context.Context, req *vendors.Request, last *vendors.Response) {
	k.req = retry.Request{
		Op: req.Op, Vendor: k.v.name, Class: req.Class, Method: req.Method, URL: req.URL,
		Header: req.Header, ContentType: req.ContentType, ContentLength: req.Length, NotAfter: earliest(req.NotAfter, k.notAfter), StaleAt: k.staleAt,
		Sends:            &k.sent,
		MaxResponseBytes: maxAnswer,
	}
	if req.Open != nil {
		k.req.Body = func() (io.ReadCloser, error) { return req.Open(ctx) }
	}
	judge := req.Judge
	if judge == nil {
		judge = vendors.JudgeStatus
	}
	k.req.Judge = func(status int, h http.Header, body []byte) error {
		*last = vendors.Response{Status: status, Header: h, Body: body}
		err := judge(last)
		k.tell(last, err)
		return err
	}
}

// learn keeps what an answer says about the vendor's limits and its clock.
func (k *call) learn(group string, last *vendors.Response, err error, attempts int) {
	now := k.c.clock.Now()
	k.v.limits.repeated(group, now, attempts-1)
	wait := postproof.RetryAfterOf(err)
	k.after = max(k.after, wait)
	if last.Status == 0 {
		return // no answer
	}
	k.date = last.Time()
	if postproof.CodeOf(err) == postproof.CodeRateLimited {
		k.v.limits.limited(group, now, wait)
		k.c.tellOthers(k.v, group, TroubleRateLimit, wait, 0)
		return
	}
	if until := k.v.limits.read(group, last.Header, now); !until.IsZero() {
		k.c.tellOthers(k.v, group, TroubleRateLimit, until.Sub(now), 0)
	}
}

// maxThrottle is the longest wait for a vendor's rate that is worth a worker.
const maxThrottle = 5 * time.Second

// throttle waits for the vendor's rate limit as long as a short retry would;
// a longer wait is handed back.
func (k *call) throttle(ctx context.Context, group string, op postproof.Op) error {
	for {
		wait := k.v.limits.take(group, k.c.clock.Now())
		if wait <= 0 {
			return nil
		}
		if wait > maxThrottle || (!k.notAfter.IsZero() && k.c.clock.Now().Add(wait).After(k.notAfter)) {
			return &postproof.Error{
				Code: postproof.CodeRateLimited, Delivery: postproof.NotSent, Op: string(op), Vendor: k.v.name, RetryAfter: wait,
				Err: errors.New("the vendor's rate limit is used up"),
			}
		}
		if err := postproof.Sleep(ctx, k.c.clock, wait); err != nil {
			return &postproof.Error{Code: postproof.CodeOf(err), Delivery: postproof.NotSent, Op: string(op), Vendor: k.v.name, Err: err}
		}
	}
}

// guard runs an adapter's code. A panic there must not take the worker down,
// nor be mistaken for "nothing was sent".
func (k *call) guard(op postproof.Op, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &postproof.Error{
				Code: postproof.CodeInternal, Delivery: postproof.Unknown, Op: string(op), Vendor: k.v.name,
				Err: fmt.Errorf("the adapter panicked (%T)", p), // the value may hold personal data
			}
		}
	}()
	return f()
}

func earliest(a, b time.Time) time.Time {
	switch {
	case a.IsZero():
		return b
	case b.IsZero() || a.Before(b):
		return a
	default:
		return b
	}
}
