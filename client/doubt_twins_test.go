package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// inDoubt is a ledger that makes the first commits and does not say so: not which
// of them were made, either, as when they were of one transaction.
type inDoubt struct {
	*idempotency.Memory
	mu   sync.Mutex
	left int
}

func (s *inDoubt) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	errs, err := s.Memory.Commit(ctx, changes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left > 0 && err == nil {
		s.left--
		return nil, fmt.Errorf("the connection was lost: %w", idempotency.ErrInDoubt)
	}
	return errs, err
}

// Two callers of one process hand in one job in the same instant, as a clock that
// counts in milliseconds has it, and neither hears what became of its commit. What
// they find then is the record of one of them: the other one has not made it.
func TestCommitsInDoubtOfOneInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers = 4
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		store := &inDoubt{Memory: idempotency.NewMemory(postproof.ModeTest), left: callers}
		c := newClient(t, store, []*press{p})
		var all sync.WaitGroup
		accepted := make([]bool, callers)
		for i := range callers {
			all.Go(func() {
				_, err := c.Submit(t.Context(), job("a"))
				accepted[i] = err == nil
				if err != nil && postproof.DeliveryOf(err) == postproof.NotSent && !errors.Is(err, idempotency.ErrInProgress) {
					t.Errorf("Submit: %v", err)
				}
			})
		}
		all.Wait()
		if n := p.alive(); n != 1 {
			t.Errorf("printed %d pieces, want 1; accepted %v", n, accepted)
		}
	})
}
