package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A canary that waits for approval is still settled, and canceled: only
// nothing new is sent.
func TestWaitingCanaryIsTended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		first := ""
		p.faults(func(op, ref string, n int) string {
			if op == "/order" && (first == "" || ref == first) && n <= 6 {
				first = ref
				return "lose"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithCanary("spring", 2))
		if _, err := c.Enqueue(t.Context(), jobs(20)); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 30*24*time.Hour)
		defer stop()
		left, err := c.Drain(ctx)
		if err != nil || left[idempotency.Planned] != 18 || left[idempotency.Accepted] != 2 {
			t.Fatalf("Drain left %v, %v; want the canary accepted and the rest planned", left, err)
		}
		var canary postproof.Key
		for j, err := range jobs(20) {
			if err != nil {
				t.Fatal(err)
			}
			if status(t, c, string(j.Key)).State == idempotency.Accepted {
				canary = j.Key
			}
		}
		if _, err := c.Cancel(ctx, canary, "a person who looked at it"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		if got := status(t, c, string(canary)).State; got != idempotency.Canceled || p.alive() != 1 {
			t.Errorf("the canary that was canceled is %s; %d alive at the vendor, want 1", got, p.alive())
		}
	})
}
