package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A ledger that was restored need not have the artwork that was put into the lost
// one: what goes out after that is durable like everything else.
func TestArtworkIsStoredAgainAfterARestore(t *testing.T) {
	t.Parallel()
	for name, hand := range map[string]func(*testing.T, *client.Client, postproof.Job){
		"submitted": func(t *testing.T, c *client.Client, j postproof.Job) {
			t.Helper()
			if _, err := c.Submit(t.Context(), j); err != nil {
				t.Fatal(err)
			}
		},
		"enqueued": func(t *testing.T, c *client.Client, j postproof.Job) {
			t.Helper()
			if out, err := c.Enqueue(t.Context(), client.JobList(j)); err != nil || out.New != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &swappedLedger{idempotency.NewMemory(postproof.ModeTest)}
				c := newClient(t, store, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
				hand(t, c, job("before"))
				id, err := store.Identity(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				restored := idempotency.NewMemory(id.Mode, idempotency.WithNamespace(id.Namespace))
				if err := restored.AcceptEpoch(t.Context(), restored.BreakHistory(), ""); err != nil {
					t.Fatal(err)
				}
				store.Memory = restored
				time.Sleep(time.Minute) // the client looks who the ledger is
				hand(t, c, job("after"))
				var kept postproof.Job
				if err := kept.UnmarshalJSON(status(t, c, "after").Job); err != nil {
					t.Fatal(err)
				}
				for i, b := range postproof.Blobs(kept.Piece.Art()) {
					r, err := restored.OpenBlob(t.Context(), b)
					if err != nil {
						t.Fatalf("artwork %d: %v", i, err)
					}
					_ = r.Close()
				}
			})
		})
	}
}

// swappedLedger is a connection behind which another ledger can be put.
type swappedLedger struct{ *idempotency.Memory }
