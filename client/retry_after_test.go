package client_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A vendor asks to be left alone for a day, while the next one is out for a moment: the
// job waits for neither longer than it waits before it goes elsewhere.
func TestALongRetryAfterIsNotWaitedForByTheJob(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wait string // of alpha
		down bool   // is beta, for ten minutes
	}{
		"a day, the other one is out":       {"72000", true},
		"longer than alpha's keys are good": {"86400", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
				a.faults(onOrder("429 bare"))
				a.header = func(h http.Header) { h.Set("Retry-After", tc.wait) }
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, client.WithRerouteAfter(15*time.Minute), seldom())
				if tc.down {
					c.Breakers().ForceOpen("beta", "submit", "by hand")
				}
				if _, err := c.Submit(t.Context(), job("a")); tc.down && postproof.DeliveryOf(err) != postproof.NotSent {
					t.Fatalf("Submit = %v", err)
				}
				time.Sleep(10 * time.Minute)
				c.Breakers().Release("beta", "submit")
				runFor(t, c, 50*time.Minute)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.Vendor != "beta" {
					t.Errorf("%v, due in %s, want it at beta", rec, time.Until(rec.Due))
				}
			})
		})
	}
}
