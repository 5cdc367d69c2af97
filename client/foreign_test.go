package client_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
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
