package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// restoredBetween is a ledger in whose place a restored one comes, recovered by
// another process, just after a record was read; by the time that whoever reads it
// goes on, as after a long stall, the client knows the new history.
type restoredBetween struct {
	*idempotency.Memory
	by  *idempotency.Memory
	id  idempotency.ID
	now func()
}

func (r *restoredBetween) swap(id idempotency.ID) {
	if r.by == nil || id != r.id {
		return
	}
	r.Memory, r.by = r.by, nil
	r.now()
}

func (r *restoredBetween) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	rec, err := r.Memory.Get(ctx, id)
	r.swap(id)
	return rec, err
}

// A record that was read in a lost history is never written over the one that the
// restored ledger has, at the same fence: there the vendor has had the piece since.
func TestWhatWasReadBeforeARestoreIsNotWrittenAfterIt(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(context.Context, *client.Client) error{
		"submit": func(ctx context.Context, c *client.Client) error {
			_, err := c.Submit(ctx, job("a"))
			return err
		},
		"cancel": func(ctx context.Context, c *client.Client) error {
			_, err := c.Cancel(ctx, "a", client.Actor{By: "ann"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyNone)
				lost := idempotency.NewMemory(postproof.ModeTest)
				store := &restoredBetween{Memory: lost, id: idempotency.IDOf("a")}
				c := newClient(t, store, []*press{p})
				if _, err := c.Enqueue(t.Context(), client.JobList(job("a"))); err != nil {
					t.Fatal(err)
				}
				// In the lost history the job is planned, at the fence at which the
				// restored one has it accepted.
				planned := status(t, c, "a")
				ledger, accepted := acceptedIn(t, lost, p, planned)
				for planned.Fence < accepted.Fence {
					next := *planned
					next.Fence++
					if err := idempotency.CommitOne(t.Context(), lost, idempotency.Change{Record: &next, Expect: planned.Fence}); err != nil {
						t.Fatal(err)
					}
					planned = &next
				}
				store.by, store.now = ledger, func() {
					time.Sleep(time.Minute)
					if _, err := c.Enqueue(t.Context(), client.JobList(job("b"))); err != nil {
						t.Errorf("the client does not know the new history: %v", err)
					}
				}
				err := act(t.Context(), c)
				if store.by != nil {
					t.Fatal("the ledger was not restored in between")
				}
				rec, e := ledger.Get(t.Context(), accepted.ID)
				if e != nil || rec.State != idempotency.Accepted || len(rec.Submissions) != 1 {
					t.Errorf("the restored ledger has %v, %v; want the job accepted (%v)", rec, e, err)
				}
				if n := p.alive(); n != 1 {
					t.Errorf("%d pieces, want 1", n)
				}
				if err != nil && !errors.Is(err, client.ErrEpochChanged) && !errors.Is(err, idempotency.ErrStale) {
					t.Errorf("%v: does not say what happened", err)
				}
			})
		})
	}
}

// acceptedIn is a restored copy of a ledger, recovered, in which the job was sent.
func acceptedIn(t *testing.T, lost *idempotency.Memory, p *press, planned *idempotency.Record) (*idempotency.Memory, *idempotency.Record) {
	t.Helper()
	id, err := lost.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ledger := idempotency.NewMemory(id.Mode, idempotency.WithNamespace(id.Namespace))
	if err := ledger.AcceptEpoch(t.Context(), ledger.BreakHistory(), ""); err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), ledger, idempotency.Change{Record: planned}); err != nil {
		t.Fatal(err)
	}
	other := newClient(t, ledger, []*press{p})
	accepted, err := other.Submit(t.Context(), job("a")) // carries it on
	if err != nil {
		t.Fatal(err)
	}
	return ledger, accepted
}
