package client

import (
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
// is what tells of that. Where that takes a look at the body, [call.toldLater] reports.
func judgeHTTP(r *http.Request, resp *http.Response, err error) breaker.Outcome {
	if err == nil && resp != nil && mayBeForeign(resp) {
		submits := breakerGroup(r) == submitGroup
		switch {
		case foreign(submits, r.Header, resp.StatusCode, resp.Header):
			return breaker.Outcome{Kind: breaker.Failure}
		case submits && wantsReading(resp.StatusCode):
			return breaker.Outcome{}
		}
	}
	return breaker.JudgeHTTP(r, resp, err)
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
func foreign(submits bool, asked http.Header, code int, answer http.Header) bool {
	text := answer.Get("Content-Type")
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

// wantsReading reports whether it takes the adapter, which knows its vendor's words, to
// tell whose answer to a submission it is.
func wantsReading(code int) bool {
	return code/100 == 4 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests
}

// toldLater reports an answer to a submission to the vendor's breaker, where the header
// alone did not tell whose it is. So what a gateway says in JSON, for one, does not go
// through a whole campaign. Of the vendor's own answers those count that a vendor gives
// in the normal course of things; a breaker that has opened meanwhile knows enough.
func (k *call) toldLater(asked http.Header, answer *vendors.Response, judged error) {
	if !wantsReading(answer.Status) || foreign(true, asked, answer.Status, answer.Header) {
		return
	}
	outcome := breaker.Outcome{Kind: breaker.Failure}
	if !errors.Is(judged, vendors.ErrForeign) {
		outcome = breaker.JudgeHTTP(nil, &http.Response{StatusCode: answer.Status, Header: answer.Header}, nil)
	}
	if outcome.Kind == breaker.Excluded {
		return
	}
	if done, err := k.c.breakers.Allow(k.v.name, submitGroup); err == nil {
		done(outcome)
	}
}
