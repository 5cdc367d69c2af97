package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A list that stands still since before a recovery shows what was there then, and not
// what came after. So a piece of the lost history is no control piece for another one,
// also when word of it comes after the recovery: when we heard of it is not when its
// vendor took it, and nor is what the vendor says when its clock is ahead.
func TestWhatIsHeardOfLateIsNoControlPiece(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"a clock that is right": 0, "a clock that is ahead": 3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { heardOfLate(t, ahead) })
		})
	}
}

func heardOfLate(t *testing.T, ahead time.Duration) {
	t.Helper()
	p, live := newPress(t, "alpha", postproof.IdempotencyNone), newShaky()
	c := newClient(t, live, []*press{p})
	if _, err := c.Enqueue(t.Context(), these(job("a"), job("b"))); err != nil {
		t.Fatal(err)
	}
	old := backupWithArt(t, live.Memory)
	for _, key := range []string{"a", "b"} {
		if _, err := c.Submit(t.Context(), job(key)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
	}
	p.mu.Lock()
	first, second := p.orders[0], p.orders[1]
	p.lag, second.At = time.Second, second.At.Add(1000*time.Hour) // the list stood still between them
	first.At = first.At.Add(ahead)
	p.mu.Unlock()

	restore(old)
	again := newClient(t, old, []*press{p}, seldom())
	if _, err := again.Recover(t.Context(), client.RecoverOptions{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
	e := postproof.Event{
		Vendor: "alpha", VendorID: first.ID, Ref: postproof.Ref(first.Ref),
		Status: postproof.Status{Stage: postproof.StageInProduction, Source: postproof.SourceCallback},
	}
	if rec, err := again.Observe(t.Context(), e); err != nil || rec.State != idempotency.Accepted {
		t.Fatal(rec, err)
	}
	runFor(t, again, 48*time.Hour)
	if rec := status(t, again, "b"); p.alive() != 2 || rec.State != idempotency.Unknown {
		t.Errorf("%d pieces, want 2; the one that is not listed is %v", p.alive(), rec)
	}
	// One that is sent after it is a control piece, once the list moves again.
	p.mu.Lock()
	second.At = time.Now().Add(-time.Hour)
	p.mu.Unlock()
	if _, err := again.SendControl(t.Context(), "alpha", job("ours"), "ann"); err != nil {
		t.Fatal(err)
	}
	runFor(t, again, 48*time.Hour)
	if rec := status(t, again, "b"); p.alive() != 3 || rec.State != idempotency.Accepted {
		t.Errorf("%d pieces, want the two and the control; the one that is listed again is %v", p.alive(), rec)
	}
}
