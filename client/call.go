package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

// call is the Doer of one operation at one vendor. It puts the policies before
// the vendor and keeps the join over everything that was sent.
type call struct {
	c *Client
	v *vendor
	// notAfter bounds every send of the call; zero is no bound.
	notAfter time.Time
	// join and sends are over the submit requests only.
	join  postproof.Delivery
	sends int
	after time.Duration
	date  time.Time
}

// Do implements [vendors.Doer].
func (k *call) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	group := req.Op.Group()
	if err := k.throttle(ctx, group, req.Op); err != nil {
		return nil, k.joined(req, err)
	}
	header := req.Header
	if req.ContentType != "" {
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header.Set("Content-Type", req.ContentType)
	}
	rr := retry.Request{
		Op: req.Op, Vendor: k.v.name, Class: req.Class, Method: req.Method, URL: req.URL, Header: header,
		ContentLength: req.Length, NotAfter: earliest(req.NotAfter, k.notAfter),
	}
	if req.Open != nil {
		rr.Body = func() (io.ReadCloser, error) { return req.Open(ctx) }
	}
	last := &vendors.Response{}
	judge := req.Judge
	if judge == nil {
		judge = vendors.JudgeStatus
	}
	rr.Judge = func(status int, h http.Header, body []byte) error {
		*last = vendors.Response{Status: status, Header: h, Body: body}
		return judge(last)
	}
	resp, err := k.v.sender.Do(ctx, &rr)
	if resp != nil {
		last.Status, last.Header, last.Body, last.Sends = resp.Status, resp.Header, resp.Body, resp.Sends
	}
	if last.Header != nil {
		k.v.limits.read(group, last.Header, k.c.clock.Now())
		k.date = last.Time()
	}
	sends := last.Sends
	if err != nil {
		if a, ok := errors.AsType[*retry.AttemptsError](err); ok {
			sends = a.Sends
		}
		k.after = max(k.after, postproof.RetryAfterOf(err))
		if postproof.CodeOf(err) == postproof.CodeRateLimited && k.after > 0 {
			k.v.limits.pause(group, k.c.clock.Now().Add(k.after))
		}
	}
	if req.Op == postproof.OpSubmit {
		k.sends += sends
	}
	if err != nil {
		if last.Status == 0 {
			last = nil
		}
		return last, k.joined(req, err)
	}
	if req.Op == postproof.OpSubmit {
		// The vendor answered well; whether it has the piece the adapter reads.
		k.join = k.join.Join(postproof.Unknown)
	}
	return last, nil
}

// joined adds a failed submit request to the join of the call.
func (k *call) joined(req *vendors.Request, err error) error {
	if req.Op == postproof.OpSubmit {
		k.join = k.join.Join(postproof.DeliveryOf(err))
	}
	return err
}

// throttle waits for the vendor's rate limit as long as a short retry would;
// a longer wait is handed back.
func (k *call) throttle(ctx context.Context, group string, op postproof.Op) error {
	for {
		now := k.c.clock.Now()
		wait := k.v.limits.take(group, now)
		if wait <= 0 {
			return nil
		}
		if wait > 5*time.Second || (!k.notAfter.IsZero() && now.Add(wait).After(k.notAfter)) {
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
