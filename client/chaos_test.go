package client_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Jobs are worked off by two processes while everything fails now and then: the
// presses before and after they print, the ledger before and after it writes,
// and a process, which is replaced. The presses are the oracle.
func TestChaosPrintsEachJobOnce(t *testing.T) {
	t.Parallel()
	kinds := [][2]postproof.IdempotencyKind{
		{postproof.IdempotencyKey, postproof.IdempotencyRef},
		{postproof.IdempotencyNone, postproof.IdempotencyKey},
		{postproof.IdempotencyRef, postproof.IdempotencyNone},
	}
	seeds, n := uint64(6), 200
	switch {
	case testing.Short():
		seeds = 3
	case raceEnabled: // make test has it all without the race detector, too
		seeds, n = 3, 100
	}
	for seed := range seeds {
		t.Run(string(rune('a'+seed)), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { chaos(t, seed, n, kinds[seed%3]) })
		})
	}
}

// dice are safe for concurrent use.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (d *dice) roll(sides int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(sides)
}

func chaos(t *testing.T, seed uint64, n int, kinds [2]postproof.IdempotencyKind) {
	t.Helper()
	d := &dice{r: rand.New(rand.NewPCG(seed, 1))}
	start := time.Now()
	calm := func() bool { return time.Since(start) > 3*time.Hour }
	presses := []*press{newPress(t, "alpha", kinds[0]), newPress(t, "beta", kinds[1])}
	for _, p := range presses {
		p.faults(func(string, string, int) string {
			if calm() {
				return ""
			}
			time.Sleep(time.Duration(d.roll(2000)) * time.Millisecond)
			if d.roll(20) == 0 {
				time.Sleep(time.Minute) // longer than an attempt may take
			}
			return []string{"lose", "500", "500 after", "drop", "429", "empty", "", "", "", "", "", ""}[d.roll(12)]
		})
	}
	s := newShaky()
	flaky := func([]idempotency.Change) error {
		if !calm() && d.roll(25) == 0 {
			return errStore
		}
		return nil
	}
	s.before, s.after = flaky, flaky
	opts := []client.Option{client.WithSpool(t.TempDir()), client.WithConcurrency(8), client.WithGrace(time.Second), client.WithPollInterval(4 * time.Second)}
	one := newClient(t, s, presses, opts...)
	for {
		if _, err := one.Enqueue(t.Context(), jobs(n)); err == nil {
			break
		}
	}
	var all sync.WaitGroup
	all.Go(func() { // a process that is killed and replaced again and again
		for !calm() {
			store := &shaky{Memory: s.Memory, before: flaky, after: flaky}
			c := newClient(t, store, presses, append(opts, client.WithSpool(t.TempDir()))...)
			all.Go(func() { time.Sleep(time.Duration(d.roll(600)) * time.Second); store.dead.Store(true) })
			runFor(t, c, 10*time.Minute)
		}
	})
	all.Go(func() { runFor(t, one, 3*time.Hour) })
	all.Wait()
	// Control pieces: what is in doubt without a key is looked up.
	go func() {
		for i := range 4 {
			for _, name := range []string{"alpha", "beta"} {
				c := newClient(t, s, []*press{presses[0], presses[1]})
				other := map[string]string{"alpha": "beta", "beta": "alpha"}[name]
				c.Breakers().ForceOpen(other, "submit", "test")
				_, _ = c.Submit(t.Context(), job(name+string(rune('0'+i))))
			}
			time.Sleep(time.Hour)
		}
	}()
	time.Sleep(time.Second)
	left := drain(t, one)
	runFor(t, one, time.Hour)
	runFor(t, newClient(t, s, presses, seldom()), 99*time.Hour) // the watches for late arrivals
	if left.Open() != 0 || left[idempotency.Held] != 0 || left[idempotency.Refused] != 0 {
		t.Errorf("left %v", left)
	}
	printed := map[postproof.Ref]int{}
	for _, p := range presses {
		for _, o := range p.orders {
			if o.Status == "accepted" {
				printed[postproof.Ref(o.Ref)]++
			}
		}
	}
	total := 0
	for rec, err := range s.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		pieces := map[postproof.Ref]bool{}
		for _, sub := range rec.Submissions {
			pieces[sub.Ref] = true
		}
		sum := 0
		for ref := range pieces {
			sum += printed[ref]
		}
		if total++; sum != 1 {
			t.Errorf("seed %d: %s was printed %d times: %v, submissions %+v", seed, rec.Key, sum, rec, rec.Submissions)
		}
	}
	if total != n+8 || len(printed) != total {
		t.Errorf("%d records, %d references printed, want %d", total, len(printed), n+8)
	}
}
