package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// What ended long ago becomes a tombstone, and not a day earlier; what has not
// ended stays however old it is.
func TestRetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		m := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, m, []*press{p}, seldom(), client.WithRetention(40*24*time.Hour))
		const ended, held = "contact-0", "contact-1"
		if _, err := c.Enqueue(t.Context(), jobs(2)); err != nil {
			t.Fatal(err)
		}
		if err := hold(t, c, m, idempotency.HoldOperator)(held); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Cancel(t.Context(), ended, client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 40*24*time.Hour)
		if rec := status(t, c, ended); rec.Tombstone || len(kinds(t, c, ended)) == 0 {
			t.Fatalf("%v before its time", rec)
		}
		runFor(t, c, 2*time.Hour)
		if rec := status(t, c, ended); !rec.Tombstone || len(kinds(t, c, ended)) != 0 {
			t.Errorf("%v with the history %v, want a tombstone", rec, kinds(t, c, ended))
		}
		if rec := status(t, c, held); rec.Tombstone || rec.State != idempotency.Held {
			t.Errorf("%v, want it as it was", rec)
		}
		if rec, err := c.Submit(t.Context(), job(ended)); postproof.DeliveryOf(err) != postproof.NotSent || rec == nil || rec.State != idempotency.Canceled {
			t.Errorf("handed in again: %v, %v; want that it was canceled", rec, err)
		}
		if n := p.alive(); n != 0 {
			t.Errorf("%d pieces", n)
		}
	})
}

// Prune takes what ended before the time given, and says how many.
func TestPrune(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
		if _, err := c.Enqueue(t.Context(), jobs(2)); err != nil {
			t.Fatal(err)
		}
		for _, key := range []postproof.Key{"contact-0", "contact-1"} {
			if _, err := c.Cancel(t.Context(), key, client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(31 * 24 * time.Hour)
		}
		if n, err := c.Prune(t.Context(), time.Now().AddDate(0, 0, -40)); err != nil || n != 1 || !status(t, c, "contact-0").Tombstone || status(t, c, "contact-1").Tombstone {
			t.Errorf("pruned %d, %v; want the older one", n, err)
		}
	})
}

func TestPruneRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		m := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, m, []*press{p})
		if _, err := c.Prune(t.Context(), time.Now().AddDate(0, 0, -29)); postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "30 days") {
			t.Errorf("a young one: %v", err)
		}
		if n, err := c.Prune(t.Context(), time.Now().AddDate(0, 0, -31)); err != nil || n != 0 {
			t.Errorf("nothing to prune: %d, %v", n, err)
		}
		m.BreakHistory()
		time.Sleep(time.Minute)
		if _, err := c.Prune(t.Context(), time.Now().AddDate(0, 0, -31)); !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("a history that was broken: %v", err)
		}
		_, err := client.New(t.Context(), m, nil, client.WithoutVendors(), client.WithRetention(24*time.Hour))
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "WithRetention(24h0m0s)") {
			t.Errorf("a short retention: %v", err)
		}
	})
}

// A ledger with very much to prune is worked on meanwhile, and left when the
// worker is told to stop.
func TestPruningEndsWithTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		s := &endless{Memory: idempotency.NewMemory(postproof.ModeTest)}
		c := newClient(t, s, []*press{p}, client.WithRetention(client.MinRetention))
		if _, err := c.Enqueue(t.Context(), jobs(3)); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		drain(t, c)
		if p.alive() != 3 || s.bites.Load() == 0 || time.Since(begun) > 10*time.Second {
			t.Errorf("%d pieces and %d bites in %s", p.alive(), s.bites.Load(), time.Since(begun))
		}
	})
}

// endless is a store that always has more to prune.
type endless struct {
	*idempotency.Memory

	bites atomic.Int64
}

func (s *endless) Prune(ctx context.Context, _ time.Time, limit int) (int, error) {
	s.bites.Add(1)
	return limit, postproof.Sleep(ctx, postproof.SystemClock(), time.Second)
}

// A clock that is wrong for a moment takes the ledger's time with it for long.
// What has not ended long ago by the clock as it is now is not pruned.
func TestNothingIsPrunedByATimeThatRanAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, clock := newPress(t, "alpha", postproof.IdempotencyKey), &skewed{}
		m := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, m, []*press{p}, seldom(), client.WithClock(clock), client.WithRetention(client.MinRetention))
		if _, err := c.Enqueue(t.Context(), jobs(2)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Cancel(t.Context(), "contact-0", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		clock.by.Store(int64(100 * 24 * time.Hour))
		if _, err := c.Cancel(t.Context(), "contact-1", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		clock.by.Store(0)
		if rec := status(t, c, "contact-1"); rec.UpdatedAt.Before(time.Now().AddDate(0, 0, 99)) {
			t.Fatalf("updated at %s: the ledger's time did not run ahead", rec.UpdatedAt)
		}
		runFor(t, c, 3*time.Hour)
		if rec := status(t, c, "contact-0"); rec.Tombstone {
			t.Errorf("pruned after three hours")
		}
		if _, err := c.Prune(t.Context(), time.Now().AddDate(0, 0, -10)); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("what is ten days old by the clock may be pruned: %v", err)
		}
	})
}
