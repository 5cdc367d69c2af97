package postgres_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestReplicas: several clients, each with a store of its own, mail one
// campaign; part of it came with transactions of the application's. Each piece
// is printed once.
func TestReplicas(t *testing.T) {
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
	const replicas, each = 3, 60
	schema := newSchema(t)
	clients := make([]*client.Client, replicas)
	for i := range clients {
		db := openDB(t, "pgx", pgtest.Shared(t))
		store := openStore(t, db, schema)
		c, err := client.New(t.Context(), store, []vendors.Adapter{printer}, client.WithOwner(fmt.Sprint("replica ", i)), client.WithConcurrency(8), client.WithPollInterval(20*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		clients[i] = c
		tx := begin(t, db)
		out, err := c.EnqueueTx(t.Context(), store.In(tx), cards(i*each, each/2))
		if err != nil || out.New != each/2 {
			t.Fatalf("EnqueueTx = %+v, %v", out, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		// All of them know all jobs, as after a restart.
		if out, err := c.Enqueue(t.Context(), cards(0, (i+1)*each)); err != nil || out.New != each/2 || out.Known != int64(i*each+each/2) {
			t.Fatalf("Enqueue = %+v, %v", out, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			left, err := c.Drain(ctx)
			if err != nil || left[idempotency.Accepted] != replicas*each {
				t.Errorf("Drain left %v, %v, want all accepted", left, err)
			}
		})
	}
	wg.Wait()
	printed := map[string]int{}
	for _, line := range sim.Prints() {
		printed[line.Ref]++
	}
	for ref, n := range printed {
		if n != 1 {
			t.Errorf("%s was printed %d times", ref, n)
		}
	}
	if len(printed) != replicas*each {
		t.Errorf("%d pieces were printed, want %d", len(printed), replicas*each)
	}
}

// cards are n jobs from the first one on.
func cards(first, n int) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		for i := range n {
			if !yield(postproof.Job{
				Key: postproof.Key(fmt.Sprintf("spring/contact %d/postcard", first+i)), Campaign: "spring", Class: postproof.FirstClass,
				To:    postproof.Address{Name: fmt.Sprintf("Contact %d", first+i), Line1: fmt.Sprintf("%d King St", 100+first+i), City: "San Francisco", Region: "CA", PostalCode: "94107"},
				Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
			}, nil) {
				return
			}
		}
	}
}
