package combine_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof/idempotency/internal/combine"
)

type op struct{ ran atomic.Int32 }

func TestConcurrentCallersShareBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var batches []int
		c := combine.New(combine.Config[*op]{MaxWeight: 8, Run: func(batch []*op) {
			<-gate
			batches = append(batches, len(batch))
			for _, o := range batch {
				o.ran.Add(1)
			}
		}})
		defer c.Close()
		var wg sync.WaitGroup
		ops := make([]op, 21)
		for i := range ops {
			wg.Go(func() {
				if ok, err := c.Do(t.Context(), &ops[i]); !ok || err != nil {
					t.Errorf("Do = %v, %v", ok, err)
				}
			})
			if i == 0 {
				synctest.Wait() // the first one is on its way alone
			}
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		for i := range ops {
			if n := ops[i].ran.Load(); n != 1 {
				t.Errorf("operation %d ran %d times", i, n)
			}
		}
		if len(batches) != 4 || batches[0] != 1 || batches[1] != 8 || batches[2] != 8 || batches[3] != 4 {
			t.Errorf("batches of %v, want one alone, then at most 8", batches)
		}
	})
}

func TestContextIsHonoredOnlyUntilTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		c := combine.New(combine.Config[*op]{Run: func(batch []*op) {
			<-gate
			for _, o := range batch {
				o.ran.Add(1)
			}
		}})
		defer c.Close()
		var taken, waiting op
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if ok, err := c.Do(ctx, &taken); !ok || err != nil {
				t.Errorf("taken: %v, %v, want it run to its end", ok, err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if ok, err := c.Do(ctx, &waiting); ok || !errors.Is(err, context.Canceled) {
				t.Errorf("waiting: %v, %v, want canceled", ok, err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(gate)
		wg.Wait()
		c.Close()
		if taken.ran.Load() != 1 || waiting.ran.Load() != 0 {
			t.Errorf("ran %d and %d times, want 1 and 0", taken.ran.Load(), waiting.ran.Load())
		}
	})
}

func TestCloseRunsWhatIsQueued(t *testing.T) {
	t.Parallel()
	for range 200 {
		var ran, done atomic.Int32
		c := combine.New(combine.Config[*op]{Run: func(batch []*op) { ran.Add(int32(len(batch))) }})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if ok, err := c.Do(context.Background(), new(op)); err != nil { //nolint:usetesting // outlives nothing
					t.Error(err)
				} else if ok {
					done.Add(1)
				}
			})
		}
		c.Close()
		wg.Wait()
		if ran.Load() != done.Load() {
			t.Fatalf("%d ran, %d were told so", ran.Load(), done.Load())
		}
		if ok, err := c.Do(t.Context(), new(op)); ok || err != nil {
			t.Fatalf("after Close: %v, %v", ok, err)
		}
	}
}
