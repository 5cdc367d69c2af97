package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// upgraded encodes as the next version of the library does.
type upgraded struct{ *pressAdapter }

func (u upgraded) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	b, err := u.pressAdapter.Encode(ctx, s)
	b.Encoder = "press/2"
	return b, err
}

// While a vendor is over its limit, workers of two versions take turns at a job. Each
// has a request of its own, with a reference of its own; but there must be no more of
// them than a recovery looks for, should the ledger be restored from before that.
func TestTwoVersionsTakeTurnsBeforeARestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, live := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
		older := newClient(t, live, []*press{p}, seldom())
		newer, err := client.New(t.Context(), live, []vendors.Adapter{upgraded{p.adapter()}},
			client.WithoutHints(), client.WithLogger(quiet()), client.WithVendor("alpha", vendorConfig(p, nil)), seldom())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = newer.Close() })
		if _, err := older.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		back := backup(t, live.Memory)
		p.faults(onOrder("429"))
		for range 10 {
			runFor(t, older, 35*time.Minute)
			runFor(t, newer, 35*time.Minute)
		}
		p.faults(nil)
		drain(t, older)
		if rec := status(t, older, "contact-0"); rec.State != idempotency.Accepted {
			t.Fatal(rec)
		}
		restore(back)
		c := newClient(t, back, []*press{p}, seldom())
		if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := c.SendControl(t.Context(), "alpha", job("mine"), client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		if rec := status(t, c, "contact-0"); rec.State != idempotency.Accepted || p.alive() != 2 {
			t.Errorf("%v; %d pieces with that of ours, want 2", rec, p.alive())
		}
	})
}
