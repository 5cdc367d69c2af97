package client_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
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

// A control piece costs money, and a person asks for it: the change log has who, why
// and what, in one commit with the job. It is not undone.
func TestControlPieceIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
		c := newClient(t, s, []*press{p}, client.WithVendor("alpha", vendorConfig(p, func(*postproof.Job) int64 { return 87 })))
		s.before = func(changes []idempotency.Change) error {
			if r := changes[0].Record; r != nil && len(changes[0].Settings) == 0 && r.Fence < 2 {
				t.Error("the job is there without its entry")
			}
			if r := changes[0].Record; r != nil && r.State == idempotency.Planned && r.Lease.Owner == "" {
				t.Error("another process may send it to another vendor")
			}
			return nil
		}
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann", Why: "after the restore"})
		if err != nil || rec.State != idempotency.Accepted || p.alive() != 1 {
			t.Fatalf("SendControl = %v, %v, %d pieces", rec, err, p.alive())
		}
		var got []client.ChangeEntry
		for e, err := range c.Changes(t.Context(), client.ChangeQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			e.At, e.Digest = time.Time{}, ""
			got = append(got, e)
		}
		want := []client.ChangeEntry{{
			N: 1, By: "ann", Why: "after the restore", Action: client.ActionControl, Target: client.Target{Kind: client.TargetJob, Name: string(rec.ID)},
			After: []byte(`{"vendor":"alpha","cents":87}`),
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("change log (-want +got):\n%s", diff)
		}
		if _, err := c.Undo(t.Context(), 1, client.Actor{By: "bob", Why: "a reason"}); !errors.Is(err, client.ErrNotUndoable) || !strings.Contains(err.Error(), "cancel the job") {
			t.Errorf("Undo = %v, want that it cannot be, and what to do instead", err)
		}
		if _, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("by nobody: %v", err)
		}
		// Nothing is sent that the log does not have.
		s.before = func([]idempotency.Change) error { return errStore }
		if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); err == nil || rec != nil || p.alive() != 1 {
			t.Errorf("without a log: %v, %v, %d pieces", rec, err, p.alive())
		}
	})
}

// A control piece that its vendor does not take now waits for that vendor: whoever works
// it later sends it to no other one, where it would show nothing.
func TestControlPieceWaitsForItsVendor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{a, b})
		c.Breakers().ForceOpen("alpha", "submit", "test")
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
		if err == nil || rec.State != idempotency.Planned {
			t.Fatalf("SendControl = %v, %v; want it to wait", rec, err)
		}
		runFor(t, c, 2*time.Hour)
		c.Breakers().Release("alpha", "submit")
		runFor(t, c, 2*time.Hour)
		if rec := status(t, c, string(rec.Key)); a.alive() != 1 || b.alive() != 0 || rec.Receipt.Vendor != "alpha" {
			t.Errorf("%v at %q: %d at its vendor, %d at the other one", rec, rec.Receipt.Vendor, a.alive(), b.alive())
		}
	})
}

// A control piece behind those that another recovery looks for is sent all the same: the
// vendor may have taken none of them. Whoever sends it is told what to state then, and it
// has the key that anybody would give it.
func TestControlPiecesThatNobodyLooksFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines logs
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		w.opts = append(w.opts, client.WithLogger(lines.logger()))
		c, _ := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 16)
		if n := lines.count("Recoveries"); n != 0 {
			t.Errorf("told %d times before", n)
		}
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
		if err != nil || rec.Key != "control/alpha/1/17" || rec.State != idempotency.Accepted {
			t.Errorf("SendControl = %v, %v", rec, err)
		}
		if n := lines.count("(Recoveries)"); n != 1 {
			t.Errorf("told %d times, want once", n)
		}
	})
}
