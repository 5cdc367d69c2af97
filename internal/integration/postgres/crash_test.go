package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// crashRounds is how many times the server is made to fail.
func crashRounds() int {
	if pgtest.Full() {
		return 60
	}
	return 6
}

// worker takes one record after the other through its life, alone: so whoever
// tells it that a record is there already, or has moved on, is wrong.
type worker struct {
	store *postgres.Store
	// acknowledged is the fence of each record that the store has called
	// durable.
	acknowledged map[idempotency.ID]uint64
	messages     map[string]bool
	changes      *atomic.Int64
	doubts       *atomic.Int64
}

func (w *worker) run(ctx context.Context, t *testing.T, first int) {
	t.Helper()
	for i := first; ctx.Err() == nil; i++ {
		r := record(i)
		if !w.commit(ctx, t, create(r)) {
			return
		}
		for range 4 {
			c := step(r)
			if !w.commit(ctx, t, c) {
				return
			}
			r = c.Record
		}
		m := &idempotency.Message{Vendor: "lob", Dedupe: string(r.ID), ReceivedAt: start()}
		switch fresh, err := w.store.Inbox().Put(ctx, m); {
		case err == nil && fresh:
			w.messages[m.Dedupe] = true
		case err == nil:
			t.Errorf("a message was called known that nobody else has put")
		case errors.Is(err, postgres.ErrInDoubt):
			w.doubts.Add(1)
		case ctx.Err() == nil:
			t.Errorf("Put: %v", err)
		}
	}
}

// commit reports whether the worker goes on.
func (w *worker) commit(ctx context.Context, t *testing.T, c idempotency.Change) bool {
	t.Helper()
	err := idempotency.CommitOne(ctx, w.store, c)
	switch {
	case err == nil:
		w.acknowledged[c.Record.ID] = c.Record.Fence
		w.changes.Add(1)
		return true
	case ctx.Err() != nil:
		return false
	case errors.Is(err, postgres.ErrInDoubt):
		// Read what came of it, as the contract says.
		w.doubts.Add(1)
		r, err := w.store.Get(ctx, c.Record.ID)
		if err == nil && r.Fence == c.Record.Fence {
			return true
		}
		return w.commit(ctx, t, c)
	default:
		t.Errorf("Commit of fence %d: %v", c.Record.Fence, err)
		return false
	}
}

// under lets workers on two stores work while fail makes the server fail round
// by round, and then looks whether all is there.
func under(t *testing.T, c *pgtest.Cluster, fail func(round int)) {
	t.Helper()
	schema := newSchema(t)
	patience := postgres.WithPatience(time.Minute)
	stores := []*postgres.Store{
		openStore(t, openDB(t, "pgx", c.DSN("")), schema, patience),
		openStore(t, openDB(t, "pgx", c.DSN("")), schema, patience),
	}
	var changes, doubts atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	workers := make([]*worker, 16)
	var wg sync.WaitGroup
	for i := range workers {
		w := &worker{store: stores[i%2], acknowledged: map[idempotency.ID]uint64{}, messages: map[string]bool{}, changes: &changes, doubts: &doubts}
		workers[i] = w
		wg.Go(func() { w.run(ctx, t, 1_000_000*i) })
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for round := range crashRounds() {
		for before := changes.Load(); changes.Load() < before+50; { // it is at work again
			if waitFor(t, ctx, time.Millisecond) {
				return
			}
		}
		waitFor(t, ctx, time.Duration(random.IntN(60))*time.Millisecond)
		fail(round)
	}
	for before := changes.Load(); changes.Load() < before+50; {
		waitFor(t, ctx, time.Millisecond)
	}
	cancel()
	wg.Wait()

	s := openStore(t, openDB(t, "pgx", c.DSN("")), schema)
	there := map[idempotency.ID]uint64{}
	for r, err := range s.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		there[r.ID] = r.Fence
		if string(r.Job) != string(record(0).Job) {
			t.Errorf("a record has the job %q", r.Job)
		}
	}
	entries := map[idempotency.ID]uint64{}
	for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if entries[e.ID]++; e.Fence != entries[e.ID] {
			t.Errorf("entry %d is of fence %d, want %d", e.Seq, e.Fence, entries[e.ID])
		}
	}
	messages := map[string]bool{}
	for m, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		messages[m.Dedupe] = true
	}
	lost, acknowledged := 0, 0
	for _, w := range workers {
		for id, fence := range w.acknowledged {
			acknowledged += int(fence)
			if there[id] < fence {
				lost += int(fence - there[id])
			}
		}
		for dedupe := range w.messages {
			if !messages[dedupe] {
				t.Errorf("an acknowledged message is lost")
			}
		}
	}
	for id, fence := range there {
		if entries[id] != fence {
			t.Errorf("a record of fence %d has %d entries", fence, entries[id])
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged transitions are lost", lost, acknowledged)
	}
	if id, err := s.Identity(t.Context()); err != nil || id.EpochChanged() {
		t.Errorf("Identity = %+v, %v: a crash is no other history", id, err)
	}
	t.Logf("%d rounds, %d acknowledged transitions, %d lost, %d in doubt", crashRounds(), acknowledged, lost, doubts.Load())
}

// waitFor waits, and reports whether the test is over.
func waitFor(t *testing.T, ctx context.Context, d time.Duration) bool {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-timer.C:
		return t.Failed()
	}
}

// TestImmediateStop crashes the server under load: an immediate stop keeps
// nothing that was not written to the log.
func TestImmediateStop(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	under(t, c, func(round int) {
		if err := c.Stop(t.Context(), "immediate"); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestBackendsKilled ends the server's processes under load: by the server's
// own word, and by a signal that none survives, after which the server restarts
// all of them.
func TestBackendsKilled(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	under(t, c, func(round int) {
		var err error
		for range 50 { // while the server restarts, it takes nobody
			if err = killBackends(t.Context(), c, round%2 == 0); err == nil {
				return
			}
			waitFor(t, t.Context(), 100*time.Millisecond)
		}
		t.Fatal(err)
	})
}

func killBackends(ctx context.Context, c *pgtest.Cluster, gently bool) error {
	db, err := sql.Open("pgx", c.DSN(""))
	if err != nil {
		return err
	}
	defer db.Close()
	if gently {
		_, err := db.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
		return err
	}
	var pid int
	if err := db.QueryRowContext(ctx, `SELECT pid FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle' ORDER BY random() LIMIT 1`).Scan(&pid); err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	return nil
}
