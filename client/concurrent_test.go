package client_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func TestSameKeyFromManyGoroutinesConcurrentSafe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		p.faults(func(string, string, int) string { time.Sleep(time.Second); return "" })
		store := idempotency.NewMemory(postproof.ModeTest)
		clients := []*client.Client{newClient(t, store, []*press{p}), newClient(t, store, []*press{p})}
		var all sync.WaitGroup
		var sent, busy atomic.Int32
		for i := range 64 {
			all.Go(func() {
				_, err := clients[i%2].Submit(t.Context(), job("a"))
				switch {
				case err == nil:
					sent.Add(1)
				case errors.Is(err, idempotency.ErrInProgress):
					busy.Add(1)
				default:
					t.Errorf("Submit: %v", err)
				}
			})
		}
		all.Wait()
		if p.alive() != 1 || sent.Load() != 1 || busy.Load() != 63 {
			t.Fatalf("printed %d, %d sent, %d in progress", p.alive(), sent.Load(), busy.Load())
		}
	})
}

func TestStopFinishesSendsAndGivesLeasesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.faults(func(string, string, int) string { time.Sleep(5 * time.Second); return "" })
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithConcurrency(2))
		if _, err := c.Enqueue(t.Context(), jobs(10)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Second); cancel() }()
		began := time.Now()
		if err := c.Run(ctx); err != nil {
			t.Fatalf("Run = %v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("stopped after %s, want the 5s that the sends take", took)
		}
		if n := p.alive(); n != 2 {
			t.Errorf("printed %d, want the 2 that were under way", n)
		}
		recs, err := store.Claim(t.Context(), idempotency.ClaimRequest{Owner: "another", Limit: 100, Lease: time.Minute, Now: time.Now()})
		if err != nil || len(recs) != 8 {
			t.Errorf("another can claim %d at once, want 8 (%v)", len(recs), err)
		}
	})
}

func TestStopCutsOffAfterTheGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		var slow atomic.Bool
		slow.Store(true)
		p.faults(func(string, string, int) string {
			if slow.Load() {
				time.Sleep(25 * time.Second)
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithGrace(3*time.Second), client.WithConcurrency(2))
		if _, err := c.Enqueue(t.Context(), jobs(5)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Run(ctx); err != nil {
			t.Fatalf("Run = %v", err)
		}
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("stopped after %s, want 4s: a second and the grace", took)
		}
		if d, _ := c.Depth(t.Context(), ""); d[idempotency.Unknown] != 2 || d[idempotency.Planned] != 3 {
			t.Errorf("left: %v", d)
		}
		slow.Store(false)
		if d := drain(t, c); d[idempotency.Accepted] != 5 || p.alive() != 5 {
			t.Errorf("after Drain: %v, printed %d", d, p.alive())
		}
		time.Sleep(25 * time.Second) // the vendor ends with what nobody waits for
	})
}

func TestDrainReportsThatItWasStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.down.Store(true)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		if _, err := c.Enqueue(t.Context(), jobs(3)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Minute); cancel() }()
		left, err := c.Drain(ctx)
		if !errors.Is(err, context.Canceled) || left[idempotency.Planned] != 3 {
			t.Fatalf("Drain = %v, %v", left, err)
		}
	})
}

// The caller's context ends while the vendor prints: what is known is kept, and
// a worker goes on.
func TestCanceledSubmitIsSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.faults(func(_, _ string, n int) string {
			if n == 1 {
				time.Sleep(10 * time.Second)
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		rec, err := c.Submit(ctx, job("a"))
		if rec.State != idempotency.Unknown || postproof.DeliveryOf(err) != postproof.Unknown || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
			t.Fatalf("%v; printed %d", rec, p.alive())
		}
	})
}

// It ends before anything was sent: the job is planned, and no other vendor is
// tried in haste.
func TestSubmitCanceledBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
		ctx, cancel := context.WithCancel(t.Context())
		a.lis.onDial = cancel
		a.down.Store(true)
		rec, err := c.Submit(ctx, job("a"))
		if rec == nil || rec.State != idempotency.Planned || postproof.DeliveryOf(err) != postproof.NotSent || !errors.Is(err, context.Canceled) {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || a.alive()+b.alive() != 1 {
			t.Fatalf("%v", rec)
		}
	})
}
