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

// judgedLater leaves a refusal of a submission to the adapter, which knows its vendor's
// words, where the header does not tell whose it is: so what a gateway says in JSON, for
// one, does not go through a whole campaign.
func judgedLater(r *http.Request, resp *http.Response) func(done func(breaker.Outcome)) {
	if code := resp.StatusCode; code/100 != 4 || code == http.StatusRequestTimeout || code == http.StatusTooManyRequests {
		return nil
	}
	k, ok := r.Context().Value(heldKey{}).(*call)
	if !ok || foreign(true, r.Header, resp) {
		return nil
	}
	return func(done func(breaker.Outcome)) {
		k.tellNothing() // of an answer before a repeat, whose body did not come
		k.told = done
	}
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
	outcome := breaker.Outcome{Kind: breaker.Failure}
	if !errors.Is(judged, vendors.ErrForeign) {
		outcome = breaker.JudgeHTTP(nil, &http.Response{StatusCode: answer.Status}, nil)
	}
	k.told(outcome)
	k.told = nil
}

// tellNothing gives a place at the breaker back that nobody has reported for: the adapter
// panicked over the answer, or never got its body.
func (k *call) tellNothing() {
	if k.told != nil {
		k.told(breaker.Outcome{})
		k.told = nil
	}
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
