package client_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A replica of the database is promoted while a process waits for its connection to
// the vendor. Nothing is lost, or the promoted one does not even know of the intent:
// its commit was the last one of the database that died. Whoever made it may send for
// as long as the intent allows, whatever the lease and whatever is recovered meanwhile,
// and that is over before anybody can believe that nothing was sent. What it prints is
// found then.
func TestSenderOutlivesARecovery(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		for _, lease := range []time.Duration{2 * time.Minute, 6 * time.Hour} {
			for stalled := 10 * time.Minute; stalled < 3*time.Hour; stalled += 20 * time.Minute {
				t.Run(fmt.Sprintf("lost %t, lease %s, stalled for %s", lost, lease, stalled), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { promoted(t, lost, lease, stalled) })
				})
			}
		}
	}
}

func promoted(t *testing.T, lost bool, lease, stalled time.Duration) {
	t.Helper()
	p, live := newPress(t, "alpha", postproof.IdempotencyNone), newShaky()
	p.cancel = false // or what arrives too late would be stopped
	var dials atomic.Int64
	p.lis.onDial = func() {
		if dials.Add(1) == 1 {
			time.Sleep(stalled)
		}
	}
	slow := vendorConfig(p, nil)
	slow.Retry.AttemptTimeout = 6 * time.Hour
	sender := newClient(t, live, []*press{p}, client.WithLease(lease), client.WithVendor(p.name, slow))
	if _, err := sender.Enqueue(t.Context(), jobs(1)); err != nil {
		t.Fatal(err)
	}
	s := live
	if lost {
		s = backup(t, live.Memory)
	}
	var sent sync.WaitGroup
	sent.Go(func() { _, _ = sender.Submit(t.Context(), job("contact-0")) })
	time.Sleep(time.Minute)
	restore(s)
	c := newClient(t, s, []*press{p}, seldom(), client.WithDeadlines(idempotency.Deadlines{MaxGenerations: 2, RetryCap: time.Minute}))
	if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	for range 5 { // something goes out all the time
		if _, err := c.SendControl(t.Context(), "alpha", job("ours"), client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, time.Hour)
	}
	sent.Wait()
	if rec := status(t, c, "contact-0"); p.alive() != 6 || rec.State != idempotency.Accepted {
		t.Errorf("%d pieces, want the one and the five controls: %v", p.alive(), rec)
	}
}
