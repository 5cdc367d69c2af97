package callback_test

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// A restored ledger comes to the numbers of its lost messages again. A worker that
// still has one of those marks none of the others: what nobody has read would be
// taken for applied.
func TestAMessageOfALostHistoryMarksNoOther(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"about a piece": true, "about one of somebody else": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &replaced{faulty: newFaulty()}
				w := newWorld(t, store, newPrinter(t))
				o := w.mailed(t, "a")
				n := note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"}
				if !known {
					n.Piece, n.Ref = "another", ""
				}
				send(t, w.rx, 200, n)
				old, claimed := restoredWith(t, store.Memory, w.status(t, "a"), w.messages(t)[0])
				store.by = old
				store.marks = true
				run(t, w.rx, 10*time.Second)
				if !store.is.Load() {
					t.Fatal("nothing was marked")
				}
				for m, err := range old.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
					if err != nil {
						t.Fatal(err)
					}
					if m.State != idempotency.MessageWaiting || m.Fence != claimed.Fence {
						t.Errorf("the message of the restored ledger is %s, at %d; want it waiting at %d", m.State, m.Fence, claimed.Fence)
					}
				}
			})
		})
	}
}

// replaced is a ledger in whose place another one comes before the first commit
// that marks a message.
type replaced struct {
	*faulty
	by    *idempotency.Memory
	marks bool
	is    atomic.Bool
}

// Commit implements [idempotency.Store].
func (r *replaced) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if r.marks && len(changes[0].Marks) == 1 {
		r.is.Store(true)
	}
	if r.is.Load() {
		return r.by.Commit(ctx, changes)
	}
	return r.faulty.Commit(ctx, changes)
}

// Identity implements [idempotency.Store].
func (r *replaced) Identity(ctx context.Context) (idempotency.Identity, error) {
	if r.is.Load() {
		return r.by.Identity(ctx)
	}
	return r.faulty.Identity(ctx)
}

// Get implements [idempotency.Store].
func (r *replaced) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	if r.is.Load() {
		return r.by.Get(ctx, id)
	}
	return r.faulty.Get(ctx, id)
}

// restoredWith is a ledger that was restored from before the message, and has
// another one in its place, which somebody is at.
func restoredWith(t *testing.T, lost *idempotency.Memory, rec *idempotency.Record, m *idempotency.Message) (*idempotency.Memory, *idempotency.Message) {
	t.Helper()
	id, err := lost.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := idempotency.NewMemory(id.Mode, idempotency.WithNamespace(id.Namespace))
	for fence := uint64(1); fence <= rec.Fence; fence++ {
		r := *rec
		r.Fence = fence
		if err := idempotency.CommitOne(t.Context(), old, idempotency.Change{Record: &r, Expect: fence - 1}); err != nil {
			t.Fatal(err)
		}
	}
	other := *m
	other.ID, other.Dedupe, other.Fence = 0, "other", 0
	if _, err := old.Inbox().Put(t.Context(), &other); err != nil {
		t.Fatal(err)
	}
	claimed, err := old.Inbox().Claim(context.Background(), idempotency.ClaimRequest{Owner: "somebody", Limit: 1, Lease: time.Hour, Now: time.Now()}) //nolint:usetesting // as a process of its own
	if err != nil || len(claimed) != 1 || claimed[0].ID != m.ID {
		t.Fatalf("%v, %v: want the number of the lost message", claimed, err)
	}
	old.BreakHistory()
	return old, claimed[0]
}

// A batch that comes to the number of one of a lost history is read itself: what
// was read of the other one is not taken for it.
func TestABatchOfALostHistoryIsNotReadForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &swapped{memory()}
		w := newWorld(t, store, newPrinter(t, batches))
		a, b := w.mailed(t, "a"), w.mailed(t, "b")
		backup := copyOf(t, store.Memory, w.status(t, "a"), w.status(t, "b"))
		batch := func(status string) {
			send(t, w.rx, 200,
				note{ID: status + " a", Piece: a.ID, Ref: a.Ref, Status: status}, note{ID: status + " b", Piece: b.ID, Ref: b.Ref, Status: status})
			w.drain(t)
		}
		batch("mailed")
		lost := w.messages(t)[0].ID
		store.Memory = backup
		time.Sleep(time.Minute) // the client looks who the ledger is
		w.mailed(t, "c")
		batch("in_transit")
		if id := w.messages(t)[0].ID; id != lost {
			t.Fatalf("the batch has the number %d, want %d", id, lost)
		}
		for _, key := range []string{"a", "b"} {
			if stage := w.status(t, key).Status.Stage; stage != "in_transit" {
				t.Errorf("%s is %s, want in_transit", key, stage)
			}
		}
	})
}

// swapped is a connection behind which another ledger can be put.
type swapped struct{ *idempotency.Memory }

// Inbox is that of the present ledger.
func (s *swapped) Inbox() idempotency.Inbox { return swappedInbox{s} }

type swappedInbox struct{ s *swapped }

func (i swappedInbox) Put(ctx context.Context, m *idempotency.Message) (bool, error) {
	return i.s.Memory.Inbox().Put(ctx, m)
}

func (i swappedInbox) Claim(ctx context.Context, r idempotency.ClaimRequest) ([]*idempotency.Message, error) {
	return i.s.Memory.Inbox().Claim(ctx, r)
}

func (i swappedInbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	return i.s.Memory.Inbox().List(ctx, q)
}

func (i swappedInbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return i.s.Memory.Inbox().Purge(ctx, before, limit)
}

// copyOf is a restored copy of a ledger with these records, recovered.
func copyOf(t *testing.T, lost *idempotency.Memory, records ...*idempotency.Record) *idempotency.Memory {
	t.Helper()
	id, err := lost.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ledger := idempotency.NewMemory(id.Mode, idempotency.WithNamespace(id.Namespace))
	for _, rec := range records {
		for fence := uint64(1); fence <= rec.Fence; fence++ {
			r := *rec
			r.Fence = fence
			if err := idempotency.CommitOne(t.Context(), ledger, idempotency.Change{Record: &r, Expect: fence - 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := ledger.AcceptEpoch(t.Context(), ledger.BreakHistory(), ""); err != nil {
		t.Fatal(err)
	}
	return ledger
}
