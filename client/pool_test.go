package client_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// countingStore counts the claims that are made of it.
type countingStore struct {
	*idempotency.Memory

	claims atomic.Int64
}

func (s *countingStore) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	s.claims.Add(1)
	return s.Memory.Claim(ctx, req)
}

// TestClaimsAreFew: records are claimed ahead and together, not one for each
// job that has ended, and all hands are at work all the time.
func TestClaimsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		var n atomic.Int64
		p.faults(func(string, string, int) string {
			time.Sleep(time.Second + time.Duration(n.Add(1))*time.Millisecond) // no two end together
			return ""
		})
		store := &countingStore{Memory: idempotency.NewMemory(postproof.ModeTest)}
		c := newClient(t, store, []*press{p}, client.WithConcurrency(16))
		const all = 320
		if _, err := c.Enqueue(t.Context(), jobs(all)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		left, err := c.Drain(t.Context())
		if err != nil || left[idempotency.Accepted] != all {
			t.Fatalf("Drain left %v, %v", left, err)
		}
		// 40 of 8 each, and a look whenever one of the last jobs has ended.
		if n := store.claims.Load(); n > 40+40 {
			t.Errorf("%d claims for %d jobs", n, all)
		}
		if took := time.Since(began); took > 20*1400*time.Millisecond {
			t.Errorf("%s for 20 rounds of a second and some", took)
		}
	})
}

// TestLeaseIsFreshWhenWorkStarts: a record that has waited in line for long is
// held anew before anything is done with it.
func TestLeaseIsFreshWhenWorkStarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = time.Hour
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithConcurrency(1), client.WithLease(time.Minute), client.WithVendor("alpha", longTimeout(p)))
		if _, err := c.Enqueue(t.Context(), jobs(2)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		polls := 0
		p.faults(func(string, string, int) string {
			polls++
			held := time.Duration(0)
			for r, err := range store.Find(t.Context(), idempotency.Query{}) {
				if err != nil {
					t.Error(err)
				}
				held = max(held, time.Until(r.Lease.Until))
			}
			if held <= 30*time.Second {
				t.Errorf("poll %d: the record is held for %s", polls, held)
			}
			time.Sleep(45 * time.Second)
			return ""
		})
		runFor(t, c, 2*time.Hour-time.Minute)
		if polls < 2 {
			t.Errorf("%d polls: the test looks at the wrong thing", polls)
		}
	})
}

// timedStore notes when claims are made of it.
type timedStore struct {
	*idempotency.Memory

	at []time.Time
}

func (s *timedStore) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	s.at = append(s.at, time.Now())
	return s.Memory.Claim(ctx, req)
}

// Workers look for work at least as often as they were told, but not in step: whoever
// came just behind another one each time would find nothing of what only it can do.
func TestIdleWorkersDoNotGoInStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &timedStore{Memory: idempotency.NewMemory(postproof.ModeTest)}
		c := newClient(t, store, []*press{newPress(t, "alpha", postproof.IdempotencyKey)}, client.WithPollInterval(time.Minute))
		runFor(t, c, time.Hour)
		waits := map[time.Duration]int{}
		for i := 1; i < len(store.at); i++ {
			wait := store.at[i].Sub(store.at[i-1])
			if waits[wait]++; wait < 45*time.Second || wait > time.Minute {
				t.Errorf("it looked again after %s, want up to a quarter sooner than a minute", wait)
			}
		}
		if len(waits) < 30 {
			t.Errorf("%d waits of %d differ", len(waits), len(store.at)-1)
		}
	})
}
