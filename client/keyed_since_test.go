package client_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// While an outcome was unknown the adapter learned to send keys, by a newer version
// or by an option of it. The first send carried none: by its key the vendor would not
// know it again, and print it twice.
func TestWhatWasSentWithoutAKeyIsNotSentAgainByOne(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyNone, postproof.IdempotencyRef} {
		t.Run("kind "+string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", kind), idempotency.NewMemory(postproof.ModeTest)
				p.faults(onOrder("lose"))
				if _, err := newClient(t, store, []*press{p}).Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				p.faults(nil)
				p.kind = postproof.IdempotencyKey
				c := newClient(t, store, []*press{p})
				drain(t, c)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
					t.Errorf("%v, printed %d, want 1", rec, p.alive())
				}
				told := false
				for e, err := range c.History(t.Context(), "a") {
					if err != nil {
						t.Fatal(err)
					}
					told = told || (e.Kind == "cannot_rebuild" && strings.Contains(e.Note, "without a key"))
				}
				if !told {
					t.Error("the history does not say why it is looked up")
				}
			})
		})
	}
}

// What the vendor refused for the moment is not in doubt: it goes on with whatever
// the adapter has learned since, and with what it has forgotten.
func TestARefusedSendGoesOnWithAnotherKind(t *testing.T) {
	t.Parallel()
	all := []postproof.IdempotencyKind{postproof.IdempotencyNone, postproof.IdempotencyRef, postproof.IdempotencyKey}
	for _, was := range all {
		for _, is := range all {
			t.Run("from "+string(was)+" to "+string(is), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p, store := newPress(t, "alpha", was), idempotency.NewMemory(postproof.ModeTest)
					p.faults(onOrder("429"))
					if _, err := newClient(t, store, []*press{p}).Submit(t.Context(), job("a")); err == nil {
						t.Fatal("it was taken")
					}
					p.faults(nil)
					p.kind = is
					c := newClient(t, store, []*press{p})
					runFor(t, c, time.Hour)
					if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
						t.Errorf("%v, printed %d, want 1", rec, p.alive())
					}
				})
			})
		}
	}
}
