package client

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/vendors"
)

// judgeHTTP is [breaker.JudgeHTTP], but for answers that are no vendor's: a wrong base
// URL, or what stands in front, keeps every job back or puts it in doubt, and the breaker
// is what tells of that.
func judgeHTTP(r *http.Request, resp *http.Response, err error) breaker.Outcome {
	if err == nil && resp != nil && mayBeForeign(resp) && foreign(breakerGroup(r) == submitGroup, r.Header, resp) {
		return breaker.Outcome{Kind: breaker.Failure}
	}
	return breaker.JudgeHTTP(r, resp, err)
}

// judgedLater leaves answers to a submission to the adapter, which knows its vendor's
// words, where the header does not tell whose it is: so what a gateway says in JSON, for
// one, does not go through a whole campaign, neither as its refusal nor, under a 2xx that
// nobody can read, as a doubt of each piece.
func judgedLater(r *http.Request, resp *http.Response) func(done func(breaker.Outcome)) {
	switch code := resp.StatusCode; {
	case code/100 == 2:
	case code/100 != 4, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		return nil
	}
	k, ok := r.Context().Value(heldKey{}).(*call)
	if !ok || mayBeForeign(resp) && foreign(true, r.Header, resp) {
		return nil
	}
	return func(done func(breaker.Outcome)) { k.told = done }
}

// heldContext is the context of a request that orders paper or goes before it: by it
// [judgedLater] finds the call. It is part of that, and takes no memory of its own.
type heldContext struct {
	context.Context //nolint:containedctx // it is a context

	k *call
}

type heldKey struct{}

// Value finds the call.
func (h *heldContext) Value(key any) any {
	if key == (heldKey{}) {
		return h.k
	}
	return h.Context.Value(key)
}

// tell reports what an adapter made of an answer that was left to it.
func (k *call) tell(answer *vendors.Response, judged error) {
	if k.told == nil {
		return
	}
	outcome := breaker.Outcome{Kind: breaker.Success}
	switch {
	case errors.Is(judged, vendors.ErrForeign), unread(answer, judged):
		outcome.Kind = breaker.Failure
	case answer.Status/100 != 2:
		outcome = breaker.JudgeHTTP(nil, &http.Response{StatusCode: answer.Status}, nil)
	}
	k.told(outcome)
	k.told = nil
}

// unread reports whether a 2xx leaves open what became of the request: its adapter could
// not read it. Who says no in a 2xx, in the vendor's words, has been read.
func unread(answer *vendors.Response, judged error) bool {
	return judged != nil && answer.Status/100 == 2 && postproof.DeliveryOf(judged) == postproof.Unknown
}

// tellEnd reports of an attempt whose answer was left to the adapter and never got to it,
// or was too much for it. A body that broke off is the vendor's failure, as if there had
// been no answer; a panic says nothing, and gives the place at the breaker back.
func (k *call) tellEnd(ctx context.Context, err error) {
	if k.told == nil {
		return
	}
	k.told(breaker.JudgeHTTP((&http.Request{}).WithContext(ctx), nil, err))
	k.told = nil
}

// mayBeForeign spares usual answers the rest.
func mayBeForeign(resp *http.Response) bool {
	return resp.StatusCode >= http.StatusMultipleChoices || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
}

// foreign reports whether an answer below 500 is none of a vendor's API, as far as its
// header tells: a redirect, as to the page of a portal; a page, as of maintenance or of a
// firewall, to who asked for JSON, whatever its status, but to a read only where that does
// not refuse; and a 400, 404, 405 or 410 to a submission which is no JSON, as the vendors
// have their own words for it, and their own 404 is about one order. What may be XML is
// left to who reads it, but where any server gives the status by itself.
func foreign(submits bool, asked http.Header, resp *http.Response) bool {
	code, text := resp.StatusCode, resp.Header.Get("Content-Type")
	switch {
	case code >= http.StatusInternalServerError, code == http.StatusTooManyRequests:
		return false
	case code >= http.StatusMultipleChoices && code < http.StatusBadRequest:
		return code != http.StatusNotModified
	case strings.HasPrefix(text, "application/json"):
		return false
	}
	kind, _, _ := mime.ParseMediaType(text)
	switch {
	case strings.HasSuffix(kind, "+json"):
		return false
	case submits && (code == http.StatusNotFound || code == http.StatusMethodNotAllowed || code == http.StatusGone):
		return true
	case submits && code == http.StatusBadRequest:
		return !strings.HasSuffix(kind, "xml")
	default:
		return kind == "text/html" && (submits || postproof.DeliveryOfHTTPStatus(code) == postproof.Unknown) && asked.Get("Accept") == "application/json"
	}
}
