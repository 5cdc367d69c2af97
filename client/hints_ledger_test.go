package client_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// deaf is a ledger that takes no hints and gives none.
type deaf struct {
	*idempotency.Memory

	fails  atomic.Bool
	mumble atomic.Bool // what is written is not acknowledged
	slow   atomic.Int64
	reads  atomic.Int64
	writes atomic.Int64
}

func (d *deaf) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	if prefix != "hint/" {
		return d.Memory.Settings(ctx, prefix)
	}
	d.reads.Add(1)
	if d.fails.Load() {
		return func(yield func(idempotency.Setting, error) bool) { yield(idempotency.Setting{}, errStore) }
	}
	return d.Memory.Settings(ctx, prefix)
}

func (d *deaf) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if changes[0].Record == nil && len(changes[0].Settings) > 0 {
		d.writes.Add(1)
		if d.fails.Load() {
			return nil, errStore
		}
		time.Sleep(time.Duration(d.slow.Load()))
	}
	errs, err := d.Memory.Commit(ctx, changes)
	if changes[0].Record == nil && d.mumble.Load() {
		return nil, errStore
	}
	return errs, err
}

// A ledger that takes no hints stops nothing; it is told of once. When it does
// again, what still holds is written.
func TestHintsFailAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, log := newPress(t, "alpha", postproof.IdempotencyKey), &logs{}
		p.tune = func(c *postproof.Capabilities) { c.Rate = postproof.Rate{Requests: 600, Per: time.Minute} }
		store := &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		store.fails.Store(true)
		one := newReplica(t, store, p, client.WithLogger(log.logger()))
		time.Sleep(10 * time.Second)
		one.hand(t, "one", 5)
		if n := p.alive(); n != 5 {
			t.Errorf("printed %d of 5", n)
		}
		p.faults(onOrder("429"))
		one.hand(t, "limited", 1)
		time.Sleep(10 * time.Second)
		if n := log.count("hints cannot be exchanged"); n != 1 {
			t.Errorf("told %d times that hints cannot be exchanged, want once", n)
		}
		store.fails.Store(false)
		time.Sleep(2 * time.Second)
		if n := log.count("exchanged with other replicas again"); n != 1 {
			t.Errorf("told %d times that they are exchanged again, want once", n)
		}
		two := newReplica(t, store, p)
		if left, _ := two.hinted(0); left < 40*time.Second || left > 50*time.Second {
			t.Errorf("the other replica waits for %s, want what is left of the minute", left)
		}
	})
}

// A client does not heed what it wrote itself, also when it does not know that it
// did: it knows better.
func TestOwnHintsAreNotHeeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		store.mumble.Store(true)
		one := newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		p.faults(onOrder("429"))
		one.hand(t, "one", 1)
		time.Sleep(10 * time.Second)
		if n := store.writes.Load(); n != 1 {
			t.Errorf("%d writes, want one: it finds what it has written", n)
		}
		if left, why := one.hinted(0); left != 0 {
			t.Errorf("it waits for itself: %s, %s", left, why)
		}
	})
}

// An answer that asks for more each time is passed on once a second.
func TestRisingHintsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		var calls atomic.Int64
		p.header = func(h http.Header) {
			h.Set("RateLimit-Remaining", "0")
			h.Set("RateLimit-Reset", strconv.FormatInt(10+5*calls.Add(1), 10))
		}
		p.faults(func(string, string, int) string {
			time.Sleep(time.Duration(calls.Load()) * 50 * time.Millisecond)
			return ""
		})
		one, two := newReplica(t, store, p), newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() { one.hand(t, strconv.Itoa(i), 1) })
		}
		all.Wait()
		time.Sleep(3 * time.Second)
		if n := store.writes.Load(); n < 2 || n > 5 {
			t.Errorf("%d writes within some five seconds of %d rising limits", n, calls.Load())
		}
		if left, _ := two.hinted(0); left < 150*time.Second {
			t.Errorf("the other waits for %s, want what the last answer said", left)
		}
	})
}

// What is said of a longer wait while the shorter one is being written is written next.
func TestHintThatRisesWhileItIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		var calls atomic.Int64
		p.header = func(h http.Header) {
			h.Set("RateLimit-Remaining", "0")
			h.Set("RateLimit-Reset", strconv.FormatInt(60*calls.Add(1), 10))
		}
		p.faults(func(string, string, int) string {
			time.Sleep(time.Duration(calls.Load()) * 200 * time.Millisecond)
			return ""
		})
		one, two := newReplica(t, store, p), newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		store.slow.Store(int64(500 * time.Millisecond))
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() { one.hand(t, strconv.Itoa(i), 1) })
		}
		all.Wait()
		time.Sleep(5 * time.Second)
		if left, _ := two.hinted(0); left < 110*time.Second {
			t.Errorf("the other waits for %s, want what is left of two minutes", left)
		}
	})
}

// A client that was closed reads and writes no more.
func TestClosedClientExchangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		one := newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		one.stop()
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
		reads := store.reads.Load()
		time.Sleep(3 * time.Second)
		one.hand(t, "late", 3)
		synctest.Wait()
		if n := store.reads.Load(); n != reads {
			t.Errorf("%d reads after Close", n-reads)
		}
	})
}

// However many answers say the same, it is written once; and a replica that is
// told nothing new writes nothing.
func TestHintsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		one, two := newReplica(t, store, p), newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		p.faults(func(op, ref string, n int) string {
			time.Sleep(10 * time.Millisecond)
			return onOrder("429")(op, ref, n)
		})
		var all sync.WaitGroup
		for _, r := range []*replica{one, two} {
			for i := range 32 {
				all.Go(func() { r.hand(t, fmt.Sprintf("%p-%d", r, i), 2) })
			}
		}
		all.Wait()
		if one.dials.Load() < 16 {
			t.Fatalf("only %d requests: the test looks at nothing", one.dials.Load())
		}
		time.Sleep(20 * time.Second)
		if n := store.writes.Load(); n < 1 || n > 3 {
			t.Errorf("%d writes for one limit, want one or two", n)
		}
		if n := store.reads.Load(); n > 2*30+6 {
			t.Errorf("%d reads in some 23s by two replicas that look once a second", n)
		}
	})
}

func TestWithoutHints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		p.tune = func(c *postproof.Capabilities) { c.Rate = postproof.Rate{Requests: 600, Per: time.Minute} }
		now := time.Now()
		plant(t, store.Memory, hintName(p), fmt.Sprintf(`{"v":1,"reason":"rate limit","at":%q,"until":%q}`, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339)), 0)
		c := newReplica(t, store, p, client.WithoutHints())
		time.Sleep(time.Minute)
		c.hand(t, "a", 3)
		if p.alive() != 3 || store.reads.Load() != 0 || store.writes.Load() != 0 {
			t.Errorf("printed %d of 3, %d reads, %d writes", p.alive(), store.reads.Load(), store.writes.Load())
		}
	})
}

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
		if _, err := one.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{DoubtNewFor: -1}); err != nil {
			t.Fatal(err)
		}
		limited("b")
		if all, err := one.Troubles(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("Troubles = %v, %v, want the limit that was met", all, err)
		}
	})
}
