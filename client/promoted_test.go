package client_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A replica of the database is promoted, and nothing is lost, while a process waits
// for its connection to the vendor. It may send until its lease ends, whatever is
// recovered meanwhile: absence is not proven before. What it prints is found then.
func TestSenderOutlivesARecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyNone), newShaky()
		p.cancel = false // or what arrives too late would be stopped
		p.tune = func(c *postproof.Capabilities) { c.Lookup.Settle = 5 * time.Minute }
		var dials atomic.Int64
		p.lis.onDial = func() {
			if dials.Add(1) == 1 {
				time.Sleep(40 * time.Minute)
			}
		}
		slow := vendorConfig(p, nil)
		slow.Retry.AttemptTimeout = 50 * time.Minute
		sender := newClient(t, s, []*press{p}, client.WithLease(time.Hour), client.WithVendor(p.name, slow))
		var sent sync.WaitGroup
		sent.Go(func() { _, _ = sender.Submit(t.Context(), job("a")) })
		time.Sleep(time.Minute)
		restore(s)
		c := newClient(t, s, []*press{p}, seldom(), client.WithDeadlines(idempotency.Machine{MaxGenerations: 2, RetryCap: time.Minute}))
		if _, err := c.Recover(t.Context(), client.RecoverOptions{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for range 3 { // something goes out all the time
			if _, err := c.SendControl(t.Context(), "alpha", job("ours"), "ann"); err != nil {
				t.Fatal(err)
			}
			runFor(t, c, time.Hour)
		}
		sent.Wait()
		if rec := status(t, c, "a"); p.alive() != 4 || rec.State != idempotency.Accepted {
			t.Errorf("%d pieces, want the one and the three controls: %v %+v", p.alive(), rec, rec.Submissions)
		}
	})
}
