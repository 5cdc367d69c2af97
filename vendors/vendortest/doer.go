package vendortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Doer is a plain [vendors.Doer] over a handler: one send for each call, no
// retries, and exact knowledge of whether bytes were written. It keeps every
// request. It is not safe for concurrent use.
type Doer struct {
	// Handler is the vendor.
	Handler http.Handler
	// Strike decides the fault of a request, the n-th of this Doer, from 1. A
	// nil Strike means no faults.
	Strike func(n int, req *vendors.Request) *Fault
	// Now is the clock that NotAfter is checked against. Nil means that no
	// time passes.
	Now func() time.Time
	// Sent are the requests that reached the wire, in order.
	Sent []Sent

	n int
}

// Sent is one request that went out, and its answer.
type Sent struct {
	Request *vendors.Request
	Body    []byte
	// Answer is nil when there was none.
	Answer *vendors.Response
}

// Fault is what happens to one request in place of the ordinary.
type Fault struct {
	// Name says what happens, for messages.
	Name string
	// NotSent breaks the connection before the first byte.
	NotSent bool
	// Reach lets the vendor process the request before the fault shows.
	Reach bool
	// Lost breaks the connection in place of an answer.
	Lost bool
	// Cut ends the answer half way; the vendor has processed the request.
	Cut bool
	// Status and Body replace the answer; Header is added to it.
	Status int
	Header http.Header
	Body   []byte
	// Rewrite changes the vendor's own answer.
	Rewrite func(r *vendors.Response)
	// Err is returned as it is, after the vendor processed the request if
	// Reach is set.
	Err error
	// Want is the Delivery that a submission struck by this fault must have.
	Want postproof.Delivery
}

var errBroken = errors.New("the connection broke")

// Do implements [vendors.Doer].
func (d *Doer) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	d.n++
	var f Fault
	if d.Strike != nil {
		if struck := d.Strike(d.n, req); struck != nil {
			f = *struck
		}
	}
	fail := func(delivery postproof.Delivery, err error) error {
		return &postproof.Error{Code: codeOf(err), Delivery: delivery, Op: string(req.Op), Err: err}
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fail(postproof.NotSent, err)
	}
	if d.Now != nil && !req.NotAfter.IsZero() && !d.Now().Before(req.NotAfter) {
		return nil, fail(postproof.NotSent, context.DeadlineExceeded)
	}
	if f.NotSent {
		return nil, fail(postproof.NotSent, errBroken)
	}
	body, err := readBody(ctx, req)
	if err != nil {
		return nil, fail(postproof.NotSent, err)
	}
	d.Sent = append(d.Sent, Sent{Request: req, Body: body})
	sent := &d.Sent[len(d.Sent)-1]
	answer := &vendors.Response{Status: f.Status, Header: http.Header{}, Body: f.Body, Sends: 1}
	ordinary := f.Status == 0 && !f.Lost && f.Err == nil
	if ordinary || f.Reach {
		served, ok := d.serve(ctx, req, body)
		if !ok {
			return nil, fail(postproof.Unknown, errBroken)
		}
		if ordinary {
			answer = served
		}
	}
	switch {
	case f.Err != nil:
		return nil, f.Err
	case f.Lost:
		return nil, fail(postproof.Unknown, errBroken)
	case f.Cut:
		return nil, fail(postproof.Unknown, io.ErrUnexpectedEOF)
	}
	maps.Copy(answer.Header, f.Header)
	if f.Rewrite != nil {
		f.Rewrite(answer)
	}
	sent.Answer = answer
	judge := req.Judge
	if judge == nil {
		judge = vendors.JudgeStatus
	}
	return answer, judge(answer)
}

func codeOf(err error) postproof.Code {
	if c := postproof.CodeOf(err); c != postproof.CodeUnknown {
		return c
	}
	return postproof.CodeUnavailable
}

func readBody(ctx context.Context, req *vendors.Request) ([]byte, error) {
	if req.Open == nil {
		return nil, nil
	}
	rc, err := req.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	body, err := io.ReadAll(rc)
	if err == nil && int64(len(body)) != req.Length {
		err = fmt.Errorf("the body has %d bytes, its length says %d", len(body), req.Length)
	}
	return body, err
}

// serve hands the request to the vendor. It reports false when the vendor
// broke the connection.
func (d *Doer) serve(ctx context.Context, req *vendors.Request, body []byte) (answer *vendors.Response, ok bool) {
	r := httptest.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(body))
	r.RequestURI = r.URL.RequestURI()
	maps.Copy(r.Header, req.Header)
	if req.ContentType != "" {
		r.Header.Set("Content-Type", req.ContentType)
	}
	defer func() {
		if p := recover(); p != nil {
			if err, isErr := p.(error); !isErr || !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			answer, ok = nil, false
		}
	}()
	w := httptest.NewRecorder()
	d.Handler.ServeHTTP(w, r)
	return &vendors.Response{Status: w.Code, Header: w.Result().Header, Body: w.Body.Bytes(), Sends: 1}, true
}
