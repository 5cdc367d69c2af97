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
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Doer is a plain [vendors.Doer]: one send for each call, no retries, and exact
// knowledge of whether bytes were written. It keeps every request. It is what
// the suite uses, and what an adapter's own tests can use beside it.
//
// Its methods are safe for concurrent use; its fields are set before the first
// call, and Sent is read after the last one.
type Doer struct {
	// Handler is the vendor: a simulator, or what [Answers] returns.
	Handler http.Handler
	// Transport is used in place of Handler when it is set: that of a test
	// against the vendor's own sandbox.
	Transport http.RoundTripper
	// Strike decides the fault of a request, the n-th of this Doer, from 1. A
	// nil Strike means no faults.
	Strike func(n int, req *vendors.Request) *Fault
	// Now is the clock that NotAfter is checked against. Nil means that no
	// time passes.
	Now func() time.Time
	// Sent are the requests that reached the wire, in order.
	Sent []Sent

	mu sync.Mutex // guards n and Sent
	n  int
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
	f := d.strike(req)
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
	if u, err := url.Parse(req.URL); err != nil || u.Host == "" || strings.ContainsAny(req.URL, " \t\r\n") {
		return nil, fail(postproof.NotSent, errors.New("the request's URL is none, or not absolute"))
	}
	d.mu.Lock()
	place := len(d.Sent)
	d.Sent = append(d.Sent, Sent{Request: req, Body: body})
	d.mu.Unlock()
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
	d.mu.Lock()
	d.Sent[place].Answer = answer
	d.mu.Unlock()
	judge := req.Judge
	if judge == nil {
		judge = vendors.JudgeStatus
	}
	return answer, judge(answer)
}

// strike counts the request and returns its fault, the zero one for none.
func (d *Doer) strike(req *vendors.Request) Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	if d.Strike != nil {
		if struck := d.Strike(d.n, req); struck != nil {
			return *struck
		}
	}
	return Fault{}
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

// serve hands the request to the vendor. It reports false when the connection
// broke.
func (d *Doer) serve(ctx context.Context, req *vendors.Request, body []byte) (answer *vendors.Response, ok bool) {
	if d.Transport != nil {
		return roundTrip(ctx, d.Transport, req, body)
	}
	r := httptest.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(body))
	r.RequestURI = r.URL.RequestURI()
	r.Header = headerOf(req)
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

func roundTrip(ctx context.Context, transport http.RoundTripper, req *vendors.Request, body []byte) (*vendors.Response, bool) {
	r, err := http.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(body))
	if err != nil {
		return nil, false
	}
	r.Header = headerOf(req)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return nil, false
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return &vendors.Response{Status: resp.StatusCode, Header: resp.Header, Body: raw, Sends: 1}, err == nil
}

// headerOf returns the header that goes out: the request's own is shared.
func headerOf(req *vendors.Request) http.Header {
	h := http.Header{}
	maps.Copy(h, req.Header)
	if req.ContentType != "" {
		h.Set("Content-Type", req.ContentType)
	}
	return h
}
