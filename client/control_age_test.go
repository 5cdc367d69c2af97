package client_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
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
	if _, err := again.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
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
	if _, err := again.SendControl(t.Context(), "alpha", job("ours"), client.Actor{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	runFor(t, again, 48*time.Hour)
	if rec := status(t, again, "b"); p.alive() != 3 || rec.State != idempotency.Accepted {
		t.Errorf("%d pieces, want the two and the control; the one that is listed again is %v", p.alive(), rec)
	}
}

// timeless is an adapter of a vendor that does not say when it took a piece, or whose
// clock is ahead, and whose list shows nothing of what came after a moment.
type timeless struct {
	*pressAdapter

	ahead  time.Duration
	stands *atomic.Int64 // in nanoseconds; 0 while it does not stand still
}

func (a timeless) bare(o *vendors.Order, err error) (*vendors.Order, error) {
	switch {
	case o == nil:
	case a.ahead > 0:
		o.Receipt.AcceptedAt = o.Receipt.AcceptedAt.Add(a.ahead)
	default:
		o.Receipt.AcceptedAt = time.Time{}
	}
	return o, err
}

func (a timeless) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	return a.bare(a.pressAdapter.Submit(ctx, do, s, body))
}

func (a timeless) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	f, err := a.pressAdapter.Find(ctx, do, ref)
	if err == nil {
		f.Orders = slices.DeleteFunc(f.Orders, func(o *vendors.Order) bool {
			return a.stands.Load() != 0 && o.Receipt.AcceptedAt.UnixNano() > a.stands.Load()
		})
		for _, o := range f.Orders {
			_, _ = a.bare(o, nil)
		}
	}
	return f, err
}

// The answer to a piece that is sent again by its key may be that of the first time, and
// need not say rightly when that was: the piece shows a list of then, not of now.
func TestReplayedAnswerIsNoYoungControlPiece(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"not dated": 0, "by a clock that is ahead": 2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { replayedBesideAList(t, ahead) })
		})
	}
}

func replayedBesideAList(t *testing.T, ahead time.Duration) {
	t.Helper()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	a := timeless{p.adapter(), ahead, &atomic.Int64{}}
	c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{a},
		client.WithLogger(quiet()), client.WithoutHints(), seldom(), client.WithVendor(p.name, vendorConfig(p, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	p.faults(onOrder("lose"))
	first, other := job("first"), job("other")
	other.Campaign = "summer"
	if _, err := c.Submit(t.Context(), first); postproof.DeliveryOf(err) != postproof.Unknown {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	a.stands.Store(time.Now().UnixNano())
	time.Sleep(time.Second)
	if _, err := c.Submit(t.Context(), other); postproof.DeliveryOf(err) != postproof.Unknown {
		t.Fatal(err)
	}
	pause(t, c, client.CampaignTarget("summer")) // it is looked up, not sent again
	time.Sleep(time.Hour)
	p.faults(nil)
	runFor(t, c, 6*time.Hour)
	if rec := status(t, c, "first"); rec.State != idempotency.Accepted || p.alive() != 2 {
		t.Fatalf("%v, %d pieces: the test looks at nothing", rec, p.alive())
	}
	if rec := status(t, c, "other"); rec.State != idempotency.Unknown {
		t.Errorf("%v, want it unknown: the list stands still", rec)
	}
	resume(t, c, client.CampaignTarget("summer"))
	runFor(t, c, 48*time.Hour)
	if p.alive() != 2 {
		t.Errorf("%d pieces, want one of each job", p.alive())
	}
}
