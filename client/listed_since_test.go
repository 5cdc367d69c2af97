package client_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// olderAdapter is one of before there was a look-up: it tells the vendor no reference.
type olderAdapter struct{ newer *pressAdapter }

func (a olderAdapter) Capabilities() *postproof.Capabilities {
	caps := a.newer.caps
	caps.Lookup = postproof.Lookup{}
	return &caps
}

func (a olderAdapter) Account() vendors.Account { return a.newer.Account() }

func (a olderAdapter) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	return vendors.JSONBody("press/0", []byte(`{"zip":"`+s.Job.To.PostalCode+`"}`)), nil
}

func (a olderAdapter) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	return a.newer.Submit(ctx, do, s, body)
}

// While an outcome was unknown the adapter learned to look up, and its vendor what to
// look for. What was sent before is not found by that, which proves nothing: it is not
// sent anew, and the person whom it waits for in the end is told why.
func TestWhatCouldNotBeLookedUpIsNotProvenAbsent(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyNone, postproof.IdempotencyKey} {
		t.Run("kind "+string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", kind), idempotency.NewMemory(postproof.ModeTest)
				p.faults(onOrder("lose"))
				older, err := client.New(t.Context(), store, []vendors.Adapter{olderAdapter{p.adapter()}},
					client.WithLogger(quiet()), client.WithVendor("alpha", vendorConfig(p, nil)))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = older.Close() })
				if _, err := older.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				p.faults(nil)
				// The deadline runs from the first send, for seven days: begin near its end.
				time.Sleep(7*24*time.Hour - 6*time.Hour)
				c := newClient(t, store, []*press{p}, seldom())
				accept(t, c, "control")
				runFor(t, c, 7*time.Hour)
				rec := status(t, c, "a")
				if p.alive() != 2 || rec.State != idempotency.Held || !strings.Contains(rec.Hold.Note, "could not be looked up") {
					t.Errorf("%v %q; printed %d with the control piece, want 2", rec, rec.Hold.Note, p.alive())
				}
			})
		})
	}
}

// What was sent while the vendor took any reference twice is not sent again because it
// takes each once since then: it may count from that day on.
func TestWhatWasSentUnguardedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		p.faults(onOrder("lose"))
		if _, err := newClient(t, store, []*press{p}).Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(nil)
		p.kind = postproof.IdempotencyRef
		c := newClient(t, store, []*press{p})
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
			t.Errorf("%v, printed %d, want 1", rec, p.alive())
		}
	})
}

// What the vendor refused for the moment goes out with what the adapter can do now, and
// then it is proven absent like anything else.
func TestARefusedSendIsListedSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		p.look = false
		p.faults(onOrder("429"))
		if _, err := newClient(t, store, []*press{p}).Submit(t.Context(), job("a")); err == nil {
			t.Fatal("it was taken")
		}
		p.look = true
		p.faults(onOrder("500"))
		c := newClient(t, store, []*press{p}, seldom())
		runFor(t, c, 10*time.Minute)
		if rec := status(t, c, "a"); rec.State != idempotency.Unknown || rec.Generation != 1 {
			t.Fatal(rec)
		}
		p.faults(nil)
		accept(t, c, "control")
		runFor(t, c, 24*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 2 {
			t.Errorf("%v, printed %d with the control piece, want 2", rec, p.alive())
		}
	})
}
