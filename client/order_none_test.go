package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// hollow is an adapter that lists orders which are none.
type hollow struct{ *pressAdapter }

func (a hollow) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	f, err := a.pressAdapter.Find(ctx, do, ref)
	if err == nil {
		f.Orders = append(f.Orders, nil)
	}
	return f, err
}

// An adapter that lists an order which is none takes no worker down, and proves
// nothing with it.
func TestAnOrderThatIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		p.faults(onOrder("drop"))
		c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{hollow{p.adapter()}},
			client.WithLogger(quiet()), client.WithoutHints(), seldom(), client.WithVendor(p.name, vendorConfig(p, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(nil)
		time.Sleep(time.Hour)
		accept(t, c, "control")
		runFor(t, c, 12*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Unknown {
			t.Errorf("%v, want it unknown: no answer was whole", rec)
		}
	})
}

// A recovery asks for the control pieces of others: an order that is none takes no
// process down there, either, and the vendor's answer is not a whole one.
func TestAnOrderThatIsNoneBesideARecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		w := newTwice(t, p)
		s := backupOf(t, w.live)
		restore(s)
		c, err := client.New(t.Context(), s, []vendors.Adapter{hollow{p.adapter()}},
			client.WithLogger(quiet()), client.WithoutHints(), seldom(), client.WithVendor(p.name, vendorConfig(p, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if diff := cmp.Diff([]string{"alpha"}, recovered(t, c, client.RecoverOptions{}).Unasked); diff != "" {
			t.Errorf("unasked (-want +got):\n%s", diff)
		}
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
		if rec != nil || postproof.CodeOf(err) != postproof.CodeUnavailable || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("SendControl = %v, %v", rec, err)
		}
	})
}
