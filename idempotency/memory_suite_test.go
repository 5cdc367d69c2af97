package idempotency_test

import (
	"context"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/storetest"
)

// Nothing is left of a process's memory after a crash, so here a reopened
// ledger is the same ledger.
func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) storetest.Harness {
		m := idempotency.NewMemory(postproof.ModeTest)
		same := func() (idempotency.Engine, error) { return m, nil }
		return storetest.Harness{
			Engine: m, Reopen: same, Second: same,
			Plant:        func(_ context.Context, r *idempotency.Record) error { m.Plant(r); return nil },
			BreakHistory: func(context.Context) (string, error) { return m.BreakHistory(), nil },
			Spoil:        func(b postproof.Blob) error { m.Spoil(b.Digest); return nil },
		}
	})
}
