package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// A vendor that does not answer is in trouble like one that answers 500: its
// breaker opens, and jobs that it does not have go on.
func TestHangingVendorOpensItsBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyRef)
		start := time.Now()
		a.faults(func(string, string, int) string {
			if time.Since(start) < 2*time.Hour {
				time.Sleep(time.Hour)
				return "drop"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
		if _, err := c.Enqueue(t.Context(), jobs(100)); err != nil {
			t.Fatal(err)
		}
		left, err := c.Drain(t.Context())
		if err != nil || left[idempotency.Accepted] != 100 || a.alive()+b.alive() != 100 {
			t.Fatalf("Drain left %v, %v; printed %d and %d", left, err, a.alive(), b.alive())
		}
		if b.alive() < 50 {
			t.Errorf("only %d of 100 went to the vendor that answers", b.alive())
		}
		var opened uint64
		for _, s := range c.Breakers().States() {
			if s.Vendor == "alpha" && s.Group == "submit" {
				opened = s.Totals.Opened
			}
		}
		if opened == 0 {
			t.Error("the breaker never opened")
		}
		time.Sleep(3 * time.Hour) // the presses' handlers end
	})
}
