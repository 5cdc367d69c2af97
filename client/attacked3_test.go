package client_test

import (
	"context"
	"errors"
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

// What is taken back while it is being written is taken back: else the others leave the
// vendor alone for as long as was said, and nobody tells them again.
func TestHintTakenBackWhileItIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		one, two := newReplica(t, store, p), newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		store.slow.Store(int64(2 * time.Second))
		p.faults(onOrder("401"))
		one.hand(t, "one", 1)
		time.Sleep(time.Second) // it is being written
		if store.writes.Load() != 1 {
			t.Fatalf("%d writes are under way: the test looks at nothing", store.writes.Load())
		}
		p.faults(nil)
		if err := one.EndVendorStop("alpha"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if left, why := two.hinted(0); left != 0 {
			t.Errorf("the other still waits for %s: %s", left, why)
		}
	})
}

// What is met again while the end of it waits to be written is not called over.
func TestHintThatComesBackBeforeItsEndIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		one, two := newReplica(t, store, p), newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		p.faults(onOrder("401"))
		one.hand(t, "one", 1)
		synctest.Wait() // it is written, and the next is not before a second has passed
		if err := one.EndVendorStop("alpha"); err != nil {
			t.Fatal(err)
		}
		one.hand(t, "again", 1)
		time.Sleep(5 * time.Second)
		if one.Vendors()[0].StoppedUntil.IsZero() {
			t.Fatal("the first one is not stopped: the test looks at nothing")
		}
		if left, _ := two.hinted(0); left < 10*time.Minute {
			t.Errorf("the other waits for %s, want the quarter of an hour", left)
		}
	})
}

// A restored ledger has none of the hints, or older ones: who told them goes on telling.
func TestHintsAfterARestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
		old := backupOf(t, s.Memory)
		one := newHearing(t, s, []*press{p})
		limited := func(key string) {
			time.Sleep(2 * time.Minute)
			p.faults(onOrder("429"))
			_, _ = one.Submit(t.Context(), job(key))
			p.faults(nil)
			synctest.Wait()
		}
		limited("a")
		if all, err := one.Troubles(t.Context()); err != nil || len(all) != 1 {
			t.Fatalf("%v, %v: the test looks at nothing", all, err)
		}
		restore(old)
		s.Memory = old.Memory
		time.Sleep(time.Minute)
		if _, err := one.Recover(t.Context(), client.RecoverOptions{By: "ann", DoubtNewFor: -1}); err != nil {
			t.Fatal(err)
		}
		limited("b")
		if all, err := one.Troubles(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("Troubles = %v, %v, want the limit that was met", all, err)
		}
	})
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

// What was taken back by somebody else while another one was about to is not taken back
// once more: things have moved on since.
func TestUndoOfWhatIsTakenBackMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, spring := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), client.CampaignTarget("spring")
		c, other := newClient(t, s, []*press{p}), newClient(t, s.Memory, []*press{p})
		pause(t, c, spring)
		e, err := c.Resume(t.Context(), spring, "bob", "mended")
		if err != nil {
			t.Fatal(err)
		}
		s.onSetting("pauses", 1, func() {
			if _, err := other.Undo(t.Context(), e.N, "carol", "not yet"); err != nil {
				t.Error(err)
			}
			resume(t, other, spring)
		})
		if e, err := c.Undo(t.Context(), e.N, "ann", "not yet"); !errors.Is(err, client.ErrNotUndoable) {
			t.Errorf("Undo = %+v, %v, want that it was taken back already", e, err)
		}
		if got, err := c.Paused(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("paused: %v, %v, want nothing: it was resumed last", got, err)
		}
	})
}
