package client_test

import (
	"testing"
	"testing/synctest"

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
