package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
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
