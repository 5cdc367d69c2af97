package client_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/pipe"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// What stands in front of a vendor knows none of its addresses for an hour. No job is
// refused for that: the whole campaign waits, and each piece is printed once.
func TestACampaignOutlivesAForeign404(t *testing.T) {
	t.Parallel()
	for what, status := range map[string]int{lob.Name: 404, pcm.Name: 404, lob.Name + ", 405": 405, pcm.Name + ", 410": 410} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			name, _, _ := strings.Cut(what, ",")
			synctest.Test(t, func(t *testing.T) {
				var lost atomic.Bool
				lost.Store(true)
				sim, c := fronted(t, name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
					if lost.Load() && r.URL.Path != "/auth/login" {
						http.Error(w, "there is nothing here", status)
						return
					}
					vendor.ServeHTTP(w, r)
				})
				if _, err := c.Enqueue(t.Context(), jobs(20)); err != nil {
					t.Fatal(err)
				}
				runFor(t, c, time.Hour)
				if d, err := c.Depth(t.Context(), "spring"); err != nil || d[idempotency.Planned] != 20 {
					t.Fatalf("%v, %v: want all to wait", d, err)
				}
				if b := c.Breakers().State(name, "submit"); b.Totals.Opened == 0 { // now, it may let a probe through
					t.Errorf("nothing tells of it: %+v", b)
				}
				lost.Store(false)
				runFor(t, c, 6*time.Hour)
				if d, err := c.Depth(t.Context(), "spring"); err != nil || d[idempotency.Accepted]+d[idempotency.Done] != 20 {
					t.Errorf("%v, %v: want all accepted", d, err)
				}
				if n := len(sim.Prints()); n != 20 {
					t.Errorf("%d pieces, want 20", n)
				}
			})
		})
	}
}

// fronted is a simulated vendor, and a client that reaches it through what stands in
// front of it: a proxy, a firewall, a cache.
func fronted(t *testing.T, name string, front func(w http.ResponseWriter, r *http.Request, vendor http.Handler)) (*vendorsim.Sim, *client.Client) {
	t.Helper()
	sim, err := vendorsim.New(vendorsim.Config{Vendors: []vendorsim.Vendor{{Name: name}}, PCM: vendorsim.PCMConfig{ProcessSandbox: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	lis := pipe.New()
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front(w, r, sim.Vendor(name)) })}
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(func() { _ = srv.Close() })
	c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{simulated(t, sim, name)}, client.WithLogger(quiet()), client.WithoutHints(), seldom(),
		client.WithVendor(name, client.VendorConfig{Transport: retry.TransportConfig{DialContext: lis.Dial}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return sim, c
}

// submits reports whether a request orders paper.
func submits(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path != "/auth/login"
}

// An answer to a submission counts once, for what it is: whose it is the header tells, or
// the adapter that read it.
func TestAnAnswerIsJudgedOnce(t *testing.T) {
	t.Parallel()
	const json, html, cutOff, own = "application/json", "text/html", `{"id":"psc_`, `{"error":{"code":"not_found","status_code":404}}`
	for what, test := range map[string]struct {
		status     int
		kind, body string
		judged     bool
		failed     bool
	}{
		"a page":                       {403, html, "<html>Forbidden</html>", true, true},
		"a gateway's JSON":             {403, json, `{"message":"Forbidden"}`, true, true},
		"a gateway's JSON that is 404": {404, json, `{"message":"no route"}`, true, true},
		"a text":                       {413, "text/plain", "too large", true, true},
		"a page that says yes":         {200, html, "<html>Welcome</html>", true, true},
		"a gateway's JSON that is 200": {200, json, `{"message":"come back later"}`, true, true},
		"a yes without a word":         {202, "", "", true, true},
		"a yes that breaks off":        {200, json, cutOff, true, true},
		"the vendor's own 404":         {404, json, own, true, false},
		"the vendor's own 422":         {422, json, `{"error":{"code":"invalid","status_code":422}}`, false, false},
		"the rate":                     {429, html, "slow down", false, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Uint64
				_, c := fronted(t, lob.Name, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
					sent.Add(1)
					w.Header().Set("Content-Type", test.kind)
					if test.body == cutOff {
						w.Header().Set("Content-Length", "1000")
					}
					w.WriteHeader(test.status)
					_, _ = w.Write([]byte(test.body))
				})
				_, _ = c.Submit(t.Context(), job("a"))
				var calls, failures uint64
				if test.judged {
					calls = sent.Load()
				}
				if test.failed {
					failures = sent.Load()
				}
				if got := c.Breakers().State(lob.Name, "submit").Counts; sent.Load() == 0 || got.Calls != calls || got.Failures != failures {
					t.Errorf("%d answers: %+v, want %d judged and %d failed", sent.Load(), got, calls, failures)
				}
			})
		})
	}
}

// A yes whose body does not come before the attempt's time is up is the vendor's failure:
// the header alone is no success.
func TestAYesThatDoesNotEndIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		_, c := fronted(t, lob.Name, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			sent.Add(1)
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"id":`))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		if rec, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown || rec == nil || rec.State != idempotency.Unknown {
			t.Errorf("Submit = %v, %v, want it unknown", rec, err)
		}
		if got := c.Breakers().State(lob.Name, "submit").Counts; sent.Load() == 0 || int64(got.Consecutive) != sent.Load() {
			t.Errorf("%d answers: %+v, want as many failures in a row", sent.Load(), got)
		}
	})
}

// An adapter that panics over an answer leaves no place at the breaker taken: the next job
// is a probe.
func TestAPanicOverAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.judge = func(*vendors.Response) error { panic("index out of range") }
		p.faults(func(string, string, int) string { return "422" })
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		c.Breakers().ForceOpen("alpha", "submit", "test")
		c.Breakers().Release("alpha", "submit")
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatalf("%v, want it unknown", err)
		}
		if b := c.Breakers().State("alpha", "submit"); b.Phase != breaker.HalfOpen || b.Probes != 0 {
			t.Errorf("%+v, want it half-open, and no probe out", b)
		}
	})
}

// A vendor that says no in a 2xx has been heard: it works.
func TestANoInA2xxIsTheVendors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.judge = func(r *vendors.Response) error {
			return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.Refused, HTTPStatus: r.Status, VendorCode: "rejected"}
		}
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Refused {
			t.Fatalf("%v, want it refused", err)
		}
		if got := c.Breakers().State("alpha", "submit").Counts; got.Calls != 1 || got.Failures != 0 {
			t.Errorf("%+v, want one call and no failure", got)
		}
	})
}
