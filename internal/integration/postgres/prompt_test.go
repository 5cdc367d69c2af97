package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestAnotherReplicaIsPrompt: a job that one process enqueues is begun by another
// one, which was idle, within its poll interval, of which the documentation gives
// the default; a shorter one makes it sooner.
func TestAnotherReplicaIsPrompt(t *testing.T) {
	t.Parallel()
	sim, err := vendorsim.Start(vendorsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	printer, err := lob.New("test_simlob", lob.WithBaseURL(sim.URL+"/lob/v1"), lob.WithUseType(lob.Operational))
	if err != nil {
		t.Fatal(err)
	}
	// What a busy machine may add to it.
	const slack = 1500 * time.Millisecond
	var medians []time.Duration
	for i, tt := range []struct {
		poll time.Duration
		opts []client.Option
	}{{time.Second, nil}, {50 * time.Millisecond, []client.Option{client.WithPollInterval(50 * time.Millisecond)}}} {
		schema, db := newSchema(t), openDB(t, "pgx", pgtest.Shared(t))
		store := openStore(t, db, schema)
		open := func(store *postgres.Store, opts ...client.Option) *client.Client {
			c, err := client.New(t.Context(), store, []vendors.Adapter{printer}, append(opts, client.WithLogger(slog.New(slog.DiscardHandler)))...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
			return c
		}
		enqueues := open(store)
		ran := make(chan error, 1)
		worker := open(openStore(t, openDB(t, "pgx", pgtest.Shared(t)), schema), tt.opts...)
		ctx, stop := context.WithCancel(t.Context())
		go func() { ran <- worker.Run(ctx) }()
		var waits []time.Duration
		for n := range 7 {
			time.Sleep(time.Duration(n) * 130 * time.Millisecond % tt.poll) // at any moment of the interval
			key := postproof.Key(fmt.Sprintf("spring/contact %d/postcard", n))
			tx := begin(t, db)
			if _, err := enqueues.EnqueueTx(t.Context(), store.In(tx), cards(n, 1)); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for {
				rec, err := store.Get(t.Context(), idempotency.IDOf(key))
				if err != nil {
					t.Fatal(err)
				}
				if rec.Lease.Owner != "" || rec.State != idempotency.Planned {
					break
				}
				if time.Since(began) > 20*time.Second {
					t.Fatal("nobody has begun it")
				}
				time.Sleep(2 * time.Millisecond)
			}
			waits = append(waits, time.Since(began))
		}
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		slices.Sort(waits)
		if most := waits[len(waits)-1]; most > tt.poll+slack {
			t.Errorf("poll interval %s: a job waited %s", tt.poll, most)
		}
		medians = append(medians, waits[len(waits)/2])
		t.Logf("poll interval %s: %s, at most %s", tt.poll, medians[i].Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond))
	}
	if medians[1] >= medians[0] {
		t.Errorf("half of the jobs waited %s with the default, %s with a shorter interval", medians[0], medians[1])
	}
}
