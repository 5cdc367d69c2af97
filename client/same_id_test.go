package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Where a vendor numbers the pieces of each account by themselves, two accounts have a
// piece of one id. What is said of it is about the piece of the account that says it.
func TestOneIDAtTwoAccounts(t *testing.T) {
	t.Parallel()
	for _, keys := range [][2]string{{"a", "b"}, {"b", "a"}} { // whichever of them is found first
		t.Run(keys[0]+" before "+keys[1], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := idempotency.NewMemory(postproof.ModeTest)
				former, present := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "alpha", postproof.IdempotencyKey)
				present.key = "of another account"
				accept(t, newClient(t, store, []*press{former}), keys[0])
				c := newClient(t, store, []*press{present})
				accept(t, c, keys[1])
				id := status(t, c, keys[0]).Receipt.VendorID
				if other := status(t, c, keys[1]).Receipt.VendorID; other != id {
					t.Fatalf("%s and %s", id, other)
				}
				for i, p := range []*press{present, former} {
					e := postproof.Event{
						Vendor: "alpha", Account: fingerprint(p), VendorID: id,
						Status: postproof.Status{Stage: postproof.StageMailed, Source: postproof.SourceCallback},
					}
					if _, err := c.Observe(t.Context(), e); err != nil {
						t.Fatal(err)
					}
					want := [][2]postproof.Stage{{postproof.StageAccepted, postproof.StageMailed}, {postproof.StageMailed, postproof.StageMailed}}[i]
					if got := [2]postproof.Stage{status(t, c, keys[0]).Status.Stage, status(t, c, keys[1]).Status.Stage}; got != want {
						t.Errorf("after the word of %d of two accounts the pieces are %v, want %v", i+1, got, want)
					}
				}
			})
		})
	}
}
