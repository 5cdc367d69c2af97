package callback_test

import (
	"context"
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
				store := newFaulty()
				w := newWorld(t, store, newPrinter(t))
				o := w.mailed(t, "a")
				n := note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"}
				if !known {
					n.Piece, n.Ref = "another", ""
				}
				send(t, w.rx, 200, n)
				old, claimed := restoredWith(t, store.Memory, w.status(t, "a"), w.messages(t)[0])
				restored := 0
				store.commit = func(changes []idempotency.Change) error {
					if len(changes[0].Marks) == 1 && restored == 0 {
						restored++
						store.Memory = old
					}
					return nil
				}
				run(t, w.rx, 10*time.Second)
				if restored == 0 {
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
