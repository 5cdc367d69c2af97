package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A control piece that its vendor cannot make is no job: nobody has to end it, and no
// other vendor makes it, where it would prove nothing.
func TestControlPieceIsMadeByItsVendorOrNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone)
		a.tune = func(c *postproof.Capabilities) { c.Pieces[0].Sizes = []postproof.Size{postproof.Size6x11()} }
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"))
		if rec != nil || postproof.CodeOf(err) != postproof.CodeUnsupported || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("SendControl = %v, %v", rec, err)
		}
		drain(t, c)
		if n := a.alive() + b.alive(); n != 0 {
			t.Errorf("%d pieces", n)
		}
	})
}

func TestPriceIsThatOfTheVendor(t *testing.T) {
	t.Parallel()
	type price struct {
		Cents int64
		Known bool
	}
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone)},
		client.WithVendor("alpha", client.VendorConfig{Price: func(j *postproof.Job) int64 { return int64(len(j.Key)) }}))
	one := job("1234567")
	got := map[string]price{}
	for _, vendor := range []string{"alpha", "beta", "omega"} {
		cents, known := c.Price(vendor, &one)
		got[vendor] = price{cents, known}
	}
	if diff := cmp.Diff(map[string]price{"alpha": {7, true}, "beta": {}, "omega": {}}, got); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
}
