package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// pending is a transaction that keeps changes until it is committed.
type pending struct {
	store   *idempotency.Memory
	changes []idempotency.Change
}

func (p *pending) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	errs := make([]error, len(changes))
	for i, c := range changes {
		if _, err := p.Get(ctx, c.Record.ID); err == nil {
			errs[i] = idempotency.ErrExists
			continue
		}
		p.changes = append(p.changes, c)
	}
	return errs, nil
}

func (p *pending) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	if i := slices.IndexFunc(p.changes, func(c idempotency.Change) bool { return c.Record.ID == id }); i >= 0 {
		return p.changes[i].Record, nil
	}
	return p.store.Get(ctx, id)
}

func TestEnqueueTxWaitsForTheTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := idempotency.NewMemory(postproof.ModeTest)
		lob := newPress(t, "lob", postproof.IdempotencyKey)
		c := newClient(t, store, []*press{lob})
		if _, err := c.Enqueue(t.Context(), jobs(2)); err != nil {
			t.Fatal(err)
		}
		tx := &pending{store: store}
		out, err := c.EnqueueTx(t.Context(), tx, jobs(5))
		if err != nil || out.New != 3 || out.Known != 2 {
			t.Errorf("EnqueueTx = %+v, %v, want 3 new and 2 known", out, err)
		}
		again, err := c.EnqueueTx(t.Context(), tx, jobs(5))
		if err != nil || again.New != 0 || again.Known != 5 {
			t.Errorf("EnqueueTx again = %+v, %v, want what is pending known", again, err)
		}
		if len(tx.changes) != 3 {
			t.Fatalf("%d changes in the transaction, want 3", len(tx.changes))
		}
		if _, err := store.Get(t.Context(), tx.changes[0].Record.ID); !errors.Is(err, idempotency.ErrNotFound) {
			t.Errorf("Get = %v: the job is in the ledger before the transaction ends", err)
		}
		for _, ch := range tx.changes {
			if ch.Epoch == "" {
				t.Error("a job was planned without the epoch that it is of")
			}
		}
		if errs, err := store.Commit(t.Context(), tx.changes); errs != nil || err != nil {
			t.Fatal(errs, err)
		}
		if _, err := c.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := lob.alive(); n != 5 {
			t.Errorf("%d pieces, want 5", n)
		}
	})
}
