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

func refreshJob(t *testing.T, c *client.Client, key postproof.Key) {
	t.Helper()
	if _, err := c.Refresh(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

// A person who settles a job by hand gives the id of another job's piece. Its vendor
// says whose piece that is: it is not told of as this job's, and not canceled for it.
func TestAnIDOfAnotherPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		p.look, p.poll = false, time.Hour // nobody could be asked
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		accept(t, c, "right")
		p.faults(onOrder("lose"))
		if _, err := c.Submit(t.Context(), job("wrong")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(nil)
		drain(t, c)
		d := client.Decision{Verdict: idempotency.VerdictAccepted, VendorID: status(t, c, "right").Receipt.VendorID}
		if _, err := c.Decide(t.Context(), "wrong", d, client.Actor{By: "ann", Why: "it is in their list"}); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.orders[0].Status = string(postproof.StageRendered)
		p.mu.Unlock()
		refreshJob(t, c, "wrong")
		runFor(t, c, 10*time.Minute)
		if rec := status(t, c, "wrong"); rec.Status.Stage != postproof.StageAccepted {
			t.Errorf("it is %s, which is another piece", rec.Status.Stage)
		}
		cancelJob(t, c, "wrong")
		runFor(t, c, 30*time.Minute)
		if rec := status(t, c, "wrong"); rec.State == idempotency.Canceled || p.alive() != 2 {
			t.Errorf("%v, %d alive, want both, one of which nobody wants to be stopped", rec, p.alive())
		}
	})
}

// elsewhere is an adapter that says of every piece that it is of the other mode.
type elsewhere struct{ *pressAdapter }

func (a elsewhere) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	o, err := a.pressAdapter.Get(ctx, do, id)
	if err == nil {
		o.Mode = postproof.ModeLive
	}
	return o, err
}

func TestAPieceOfTheOtherModeIsNotCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{elsewhere{p.adapter()}},
			client.WithLogger(quiet()), client.WithoutHints(), seldom(), client.WithVendor(p.name, vendorConfig(p, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		accept(t, c, "a")
		cancelJob(t, c, "a")
		runFor(t, c, 2*time.Hour)
		if rec := status(t, c, "a"); rec.Cancel.Outcome != idempotency.CancelTooLate || p.alive() != 1 {
			t.Errorf("%v %+v, %d alive", rec, rec.Cancel, p.alive())
		}
	})
}

// The same by a callback: it names the id that the person gave, and a reference that is
// not this job's. It is kept as evidence of the other piece, like any that nobody knows,
// and a death of that one sends nothing anew.
func TestACallbackOfAnIDOfAnotherPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		p.look, p.poll = false, 1000*time.Hour // nobody could be asked
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		p.faults(onOrder("lose"))
		if _, err := c.Submit(t.Context(), job("wrong")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(nil)
		drain(t, c)
		d := client.Decision{Verdict: idempotency.VerdictAccepted, VendorID: "another program's"}
		if _, err := c.Decide(t.Context(), "wrong", d, client.Actor{By: "ann", Why: "it is in their list"}); err != nil {
			t.Fatal(err)
		}
		in, err := c.Intake()
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range []postproof.Ref{"", "ANOTHERPROGRAMS1"} {
			e := postproof.Event{Vendor: "alpha", Account: fingerprint(p), VendorID: d.VendorID, Ref: ref, Status: postproof.Status{Stage: postproof.StageCanceled}}
			rec, err := in.Find(t.Context(), &e)
			if ref == "" {
				if err != nil || rec.Key != "wrong" {
					t.Errorf("without a reference: %v, %v", rec, err)
				}
				continue
			}
			if postproof.CodeOf(err) == postproof.CodeNotFound {
				continue
			}
			t.Errorf("the piece of the reference %s is %v, %v", ref, rec, err)
			if _, err := in.Tell(t.Context(), rec, client.News{Notice: &vendors.Notice{Event: e}}); err != nil {
				t.Fatal(err)
			}
			drain(t, c)
			if n := p.alive(); n != 1 {
				t.Errorf("%d printed", n)
			}
		}
	})
}
