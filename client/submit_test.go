package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func TestSubmitAcceptedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		rec, err := c.Submit(t.Context(), job("a"))
		if err != nil || rec.State != idempotency.Accepted || rec.Receipt.VendorID != "alpha_1" {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		again, err := c.Submit(t.Context(), job("a"))
		if err != nil || again.Receipt != rec.Receipt {
			t.Fatalf("second Submit = %v, %v", again, err)
		}
		other := job("a")
		other.To.Line1 = "2 Main Street"
		if rec, err = c.Submit(t.Context(), other); rec != nil || !errors.Is(err, idempotency.ErrKeyReused) {
			t.Fatalf("reused key: %v, %v: the record is another piece's, and this job is not in the ledger", rec, err)
		}
		if n := p.alive(); n != 1 {
			t.Fatalf("printed %d", n)
		}
	})
}

// The answer is lost: only the same vendor, under the same key, may settle it.
func TestLostAnswerIsResentUnderTheSameKey(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyKey, postproof.IdempotencyRef} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", kind), newPress(t, "beta", postproof.IdempotencyKey)
				a.faults(func(op, _ string, n int) string {
					if op == "/order" && n <= 5 {
						return "lose"
					}
					return ""
				})
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
				rec, err := c.Submit(t.Context(), job("a"))
				if postproof.DeliveryOf(err) != postproof.Unknown || rec.State != idempotency.Unknown {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				if _, err := c.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.Vendor != "alpha" {
					t.Fatalf("after Drain: %v at %s", rec, rec.Receipt.Vendor)
				}
				if a.alive() != 1 || b.alive() != 0 {
					t.Fatalf("printed %d at alpha, %d at beta", a.alive(), b.alive())
				}
			})
		})
	}
}

// No key, but a look-up: absence has to be proven before another vendor gets
// the job.
func TestUnknownWithoutKeyIsLookedUp(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"lose", "drop"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyKey)
				first := ""
				a.faults(func(op, ref string, _ int) string {
					if first == "" {
						first = ref
					}
					if op == "/order" && ref == first {
						return lost
					}
					return ""
				})
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
				if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				began := time.Now()
				time.Sleep(time.Second)
				if _, err := c.Submit(t.Context(), job("control")); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				rec := status(t, c, "a")
				if rec.State != idempotency.Accepted || a.alive()+b.alive() != 2 {
					t.Fatalf("%v; printed %d at alpha, %d at beta", rec, a.alive(), b.alive())
				}
				if lost == "drop" && (time.Since(began) < 2*postproof.MinSettle || rec.Generation != 2) {
					t.Fatalf("absence was believed after %s, generation %d", time.Since(began), rec.Generation)
				}
			})
		})
	}
}

func TestOutageFailsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyRef)
		start := time.Now()
		a.faults(func(string, string, int) string {
			if time.Since(start) < 2*time.Hour {
				return "500"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
		if out, err := c.Enqueue(t.Context(), jobs(200)); err != nil || out.New != 200 {
			t.Fatalf("Enqueue = %+v, %v", out, err)
		}
		if left, err := c.Drain(t.Context()); err != nil || left[idempotency.Accepted] != 200 {
			t.Fatalf("Drain = %v, %v", left, err)
		}
		if a.alive()+b.alive() != 200 || b.alive() < 150 {
			t.Fatalf("printed %d at alpha, %d at beta", a.alive(), b.alive())
		}
		t.Logf("alpha %d, beta %d, in %s", a.alive(), b.alive(), time.Since(start))
	})
}

// The caller gives up while a throttled send waits to be repeated. The vendor has
// not refused the job, only the moment.
func TestSubmitCanceledWhileThrottledIsSentLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p.faults(func(op, _ string, n int) string {
			if op != "/order" || n > 1 {
				return ""
			}
			time.AfterFunc(100*time.Millisecond, cancel)
			return "429 bare"
		})
		config := vendorConfig(p, nil)
		config.Retry.Rand = func() float64 { return 0.9 } // a wait that is longer than the caller's patience
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithVendor("alpha", config))
		rec, err := c.Submit(ctx, job("a"))
		if rec == nil || rec.State != idempotency.Planned || !errors.Is(err, context.Canceled) {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		if left := drain(t, c); left[idempotency.Accepted] != 1 || p.alive() != 1 {
			t.Errorf("left %v, printed %d", left, p.alive())
		}
	})
}
