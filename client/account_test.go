package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func TestCredentialsOfAnotherMode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		_, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeLive), adaptersOf(p))
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Fatalf("test credentials on a live ledger: %v", err)
		}
	})
}

// After a key was exchanged for one of another account nothing can be asked
// there: the job is held at once, and goes on when the account is back.
func TestCredentialsOfAnotherAccount(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyKey, postproof.IdempotencyNone} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", kind), idempotency.NewMemory(postproof.ModeTest)
				p.faults(onOrder("lose"))
				if _, err := newClient(t, store, []*press{p}).Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				p.faults(nil)
				p.key = "other"
				asked := len(p.times)
				c := newClient(t, store, []*press{p})
				drain(t, c)
				if rec := status(t, c, "a"); rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldVendorGone || len(p.times) != asked {
					t.Fatalf("%v %s", rec, rec.Hold.Reason)
				}
				p.key = "k"
				back := newClient(t, store, []*press{p})
				if _, err := back.Release(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
					t.Fatal(err)
				}
				drain(t, back)
				if rec := status(t, back, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
					t.Fatalf("%v, printed %d", rec, p.alive())
				}
			})
		})
	}
}
