package vendortest

import (
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// TestDoerKnowsWhatWasSent holds the suite's own Doer to its word.
func TestDoerKnowsWhatWasSent(t *testing.T) {
	t.Parallel()
	reached := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if r.Header.Get("X-Abort") != "" {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusTeapot)
	})
	late := time.Unix(100, 0)
	for _, test := range []struct {
		name    string
		fault   *Fault
		change  func(r *vendors.Request)
		want    postproof.Delivery
		reached int
		sent    int
	}{
		{"ordinary", nil, nil, postproof.Unknown, 1, 1},
		{"no connection", &Fault{NotSent: true}, nil, postproof.NotSent, 0, 0},
		{"request lost", &Fault{Lost: true}, nil, postproof.Unknown, 0, 1},
		{"answer lost", &Fault{Lost: true, Reach: true}, nil, postproof.Unknown, 1, 1},
		{"answer cut", &Fault{Cut: true}, nil, postproof.Unknown, 1, 1},
		{"refused", &Fault{Status: 422}, nil, postproof.Refused, 0, 1},
		{"accepted and 500", &Fault{Status: 500, Reach: true}, nil, postproof.Unknown, 1, 1},
		{"connection aborted", nil, func(r *vendors.Request) { r.Header.Set("X-Abort", "1") }, postproof.Unknown, 1, 1},
		{"after the deadline", nil, func(r *vendors.Request) { r.NotAfter = late }, postproof.NotSent, 0, 0},
		{"a body that is too short", nil, func(r *vendors.Request) {
			r.SetBody(vendors.JSONBody("x/1", []byte("abc")))
			r.Length = 5
		}, postproof.NotSent, 0, 0},
	} {
		reached = 0
		d := &Doer{Handler: handler, Now: func() time.Time { return late }}
		d.Strike = func(int, *vendors.Request) *Fault { return test.fault }
		req := &vendors.Request{Op: postproof.OpSubmit, Method: http.MethodPost, URL: "https://v.test/x", Header: http.Header{}}
		if test.change != nil {
			test.change(req)
		}
		_, err := d.Do(t.Context(), req)
		if got := postproof.DeliveryOf(err); got != test.want || reached != test.reached || len(d.Sent) != test.sent {
			t.Errorf("%s: %v, reached %d, sent %d; want %v, %d, %d", test.name, got, reached, len(d.Sent), test.want, test.reached, test.sent)
		}
	}
}
