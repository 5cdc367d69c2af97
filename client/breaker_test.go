package client_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// TestBreakerTellsBoth: the caller's hook is called, and the client's own is
// not lost.
func TestBreakerTellsBoth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []breaker.Change
		log := &logs{}
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyNone)},
			client.WithLogger(log.logger()),
			client.WithBreaker(breaker.Config{OnChange: func(ch breaker.Change) { told = append(told, ch) }}))
		c.Breakers().ForceOpen("alpha", "submit", "test")
		synctest.Wait()
		if len(told) != 1 || told[0].Vendor != "alpha" || told[0].To != breaker.Open {
			t.Errorf("the caller is told %v, want one change to open", told)
		}
		if log.count("circuit breaker changed") != 1 {
			t.Error("the client logs nothing")
		}
	})
}

// TestBreakerThatOnlyLooksOn: a dry run's breakers keep neither jobs nor polls
// from the vendor, in front of the calls as little as in them.
func TestBreakerThatOnlyLooksOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithBreaker(breaker.Config{DryRun: true}), seldom())
		for _, op := range []postproof.Op{postproof.OpSubmit, postproof.OpGet} {
			c.Breakers().ForceOpen("alpha", op.Group(), "test")
		}
		rec, err := c.Submit(t.Context(), job("a"))
		if err != nil || rec.State != idempotency.Accepted {
			t.Fatalf("Submit = %v, %v; want it accepted", rec, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = c.Run(ctx) })
		time.Sleep(6 * 24 * time.Hour) // until it is mailed
		stop()
		running.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		polled := 0
		for what, n := range p.seen {
			if strings.HasPrefix(what, "/get") {
				polled += n
			}
		}
		if polled == 0 {
			t.Error("the piece is never polled")
		}
	})
}
