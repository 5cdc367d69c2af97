package client

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/vendors"
)

// TestForeign: what is none of a vendor's API counts against the vendor, whatever its
// status. What may be about one job, the account or the rate does not, nor does an API
// that speaks another language, or names the wrong one to who did not ask for JSON: its
// adapter reads it.
func TestForeign(t *testing.T) {
	t.Parallel()
	const json, problem, html, plain, xml = "application/json; charset=utf-8", "application/problem+json", "text/html; charset=utf-8", "text/plain", "application/xml"
	for _, test := range []struct {
		status  int
		kind    string
		submits bool
		want    bool
	}{
		{200, json, true, false},
		{200, problem, true, false},
		{200, html, true, true},
		{200, html, false, true},
		{200, plain, true, false},
		{204, "", false, false},
		{301, "", false, true},
		{307, json, true, true},
		{304, "", false, false},
		{400, json, true, false},
		{400, problem, true, false},
		{400, html, true, true},
		{400, "", true, true},
		{400, xml, true, false},
		{400, html, false, false},
		{404, html, true, true},
		{404, plain, true, true},
		{405, xml, true, true},
		{410, json, true, false},
		{404, html, false, false},
		{401, html, true, true},
		{403, html, true, true},
		{413, html, true, true},
		{422, html, true, true},
		{401, html, false, false},
		{403, html, false, false},
		{403, plain, true, false},
		{403, json, true, false},
		{413, xml, true, false},
		{429, html, true, false},
		{409, html, true, true},
		{409, json, true, false},
		{431, html, false, true},
		{503, html, true, false}, // a failure by itself, with its Retry-After
	} {
		resp := &http.Response{StatusCode: test.status, Header: http.Header{"Content-Type": {test.kind}}}
		asked := http.Header{"Accept": {"application/json"}}
		if got := foreign(test.submits, asked, resp); got != test.want {
			t.Errorf("%d %q, to a submission %v: %v, want %v", test.status, test.kind, test.submits, got, test.want)
		}
		if test.status == http.StatusOK && foreign(test.submits, http.Header{}, resp) {
			t.Errorf("%d %q to who did not ask for JSON is foreign", test.status, test.kind)
		}
	}
}

// An answer that its adapter never got is no success: its body broke off, or was too slow,
// which is the vendor's failure, but for who gave up, or it is one that nobody can take.
// Its place at the breaker is given back before the request goes out again.
func TestAnAnswerWithoutABodyGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		status int
		ctx    context.Context
		err    error
		want   breaker.Kind
	}{
		"a yes that broke off": {200, t.Context(), postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, io.ErrUnexpectedEOF), breaker.Failure},
		"a yes that is slow":   {201, t.Context(), postproof.NewError(postproof.CodeDeadlineExceeded, postproof.Unknown, io.ErrUnexpectedEOF), breaker.Failure},
		"who gave up":          {200, gone, postproof.NewError(postproof.CodeCanceled, postproof.Unknown, context.Canceled), breaker.Excluded},
		"a panic":              {422, t.Context(), postproof.NewError(postproof.CodeInternal, postproof.Unknown, io.ErrUnexpectedEOF), breaker.Excluded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &call{}
			req, err := http.NewRequestWithContext(&heldContext{Context: t.Context(), k: k}, http.MethodPost, "http://vendor.test/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp := &http.Response{StatusCode: test.status, Header: http.Header{"Content-Type": {"application/json"}}}
			reports := make([][]breaker.Kind, 2)
			for i := range reports {
				take := judgedLater(req, resp)
				if take == nil {
					t.Fatal("the answer is not left to the adapter")
				}
				take(func(o breaker.Outcome) { reports[i] = append(reports[i], o.Kind) })
				if i == 0 {
					k.tellEnd(test.ctx, test.err)
				}
			}
			k.tell(&vendors.Response{Status: resp.StatusCode}, vendors.ErrForeign)
			k.tellEnd(test.ctx, test.err)
			if diff := cmp.Diff([][]breaker.Kind{{test.want}, {breaker.Failure}}, reports); diff != "" {
				t.Errorf("reports of each answer (-want +got):\n%s", diff)
			}
		})
	}
}
