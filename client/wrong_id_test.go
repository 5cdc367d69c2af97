package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
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
		d := idempotency.Decide{Verdict: idempotency.VerdictAccepted, By: "ann", Why: "it is in their list", VendorID: status(t, c, "right").Receipt.VendorID}
		if _, err := c.Decide(t.Context(), "wrong", d); err != nil {
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
