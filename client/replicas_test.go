package client_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// arrivals are the times at which submissions arrived.
func (p *press) arrivals() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.times...)
}

func (r *replica) shares() int { return r.Vendors()[0].Replicas }

// Three replicas share the rate of an account: whether they start together or
// one after the other no span of its length sees more requests, and the rate is
// used. When one is killed its share comes back, when one is closed at once.
func TestReplicasShareTheRate(t *testing.T) {
	t.Parallel()
	rate := postproof.Rate{Requests: 60, Per: 10 * time.Second}
	for name, pause := range map[string]time.Duration{"started together": 0, "started one after the other": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, memory := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				p.tune = func(c *postproof.Capabilities) { c.Rate = rate }
				planner := newClient(t, memory, []*press{p})
				if _, err := planner.Enqueue(t.Context(), jobs(3000)); err != nil {
					t.Fatal(err)
				}
				var all []*replica
				var stores []*shaky
				for range 3 {
					s := &shaky{Memory: memory}
					stores, all = append(stores, s), append(all, newReplica(t, s, p))
					time.Sleep(pause)
				}
				time.Sleep(time.Minute)
				for i, r := range all {
					if n := r.shares(); n != 3 {
						t.Errorf("replica %d shares by %d, want 3", i, n)
					}
				}
				if n := most(p.arrivals(), rate.Per); n > rate.Requests {
					t.Errorf("%d requests within %s, %d are allowed", n, rate.Per, rate.Requests)
				}
				began := len(p.arrivals())
				time.Sleep(rate.Per)
				if n := len(p.arrivals()) - began; n < rate.Requests*8/10 {
					t.Errorf("three replicas make %d requests within %s, %d are allowed", n, rate.Per, rate.Requests)
				}

				stores[0].dead.Store(true) // killed: nothing of it comes through any more
				all[0].stop()
				time.Sleep(45 * time.Second)
				if one, two := all[1].shares(), all[2].shares(); one != 2 || two != 2 {
					t.Errorf("one was killed, and the others share by %d and %d", one, two)
				}
				began = len(p.arrivals())
				time.Sleep(rate.Per)
				if n := len(p.arrivals()) - began; n < rate.Requests*8/10 {
					t.Errorf("two replicas make %d requests within %s, %d are allowed", n, rate.Per, rate.Requests)
				}

				all[1].stop()
				if err := all[1].Close(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				if n := all[2].shares(); n != 1 {
					t.Errorf("one was closed, and the last one shares by %d", n)
				}
				if n := most(p.arrivals(), rate.Per); n > rate.Requests {
					t.Errorf("%d requests within %s, %d are allowed", n, rate.Per, rate.Requests)
				}
			})
		})
	}
}

// Clients that have another account at the vendor, or none, do not share.
func TestOnlyTheAccountsClientsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rated := func(name, key string) *press {
			p := newPress(t, name, postproof.IdempotencyKey)
			p.key = key
			p.tune = func(c *postproof.Capabilities) { c.Rate = postproof.Rate{Requests: 60, Per: 10 * time.Second} }
			return p
		}
		store := idempotency.NewMemory(postproof.ModeTest)
		one := newReplica(t, store, rated("alpha", "k"))
		newReplica(t, store, rated("alpha", "another account"))
		newReplica(t, store, rated("beta", "k"))
		time.Sleep(time.Minute)
		if n := one.shares(); n != 1 {
			t.Errorf("it shares by %d", n)
		}
	})
}

// Clients come and go; their signs of life do not pile up. Those with no rate to
// share write none.
func TestSignsOfLifeAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		quiet := newReplica(t, store, p)
		time.Sleep(time.Minute)
		if n := store.writes.Load(); n != 0 {
			t.Errorf("%d writes of a client that has no rate to share", n)
		}
		quiet.stop()
		p.tune = func(c *postproof.Capabilities) { c.Rate = postproof.Rate{Requests: 60, Per: 10 * time.Second} }
		for i := range 30 {
			r := newReplica(t, store, p)
			time.Sleep(20 * time.Second)
			r.stop()
			if i%2 == 0 { // the others are killed
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		slots := 0
		for _, err := range store.Settings(t.Context(), "hint/") {
			if err != nil {
				t.Fatal(err)
			}
			slots++
		}
		if slots > 3 {
			t.Errorf("%d settings after 30 clients, of which at most 3 were there at a time", slots)
		}
		if n := store.writes.Load(); n > 30*4 {
			t.Errorf("%d writes by 30 clients of 20s each", n)
		}
	})
}

// Clocks that are wrong, and a ledger full of signs of life that nobody gives,
// cost a part of the rate for a while, and no more.
func TestSignsOfLifeCanDoNoHarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		p.tune = func(c *postproof.Capabilities) { c.Rate = postproof.Rate{Requests: 600, Per: time.Minute} }
		account := "alpha/" + p.adapter().Account().Fingerprint
		now := time.Now()
		for i := range 100 { // more than there are slots
			plant(t, store, fmt.Sprintf("hint/alive/%02d", i), fmt.Sprintf(`{"v":1,"at":%q,"until":"9999-12-31T00:00:00Z","from":"x%d","rates":[%q]}`, now.Format(time.RFC3339), i, account), 0)
		}
		clock := &skewed{}
		clock.by.Store(int64(3 * time.Hour))
		one, two := newReplica(t, store, p), newReplica(t, store, p, client.WithClock(clock))
		time.Sleep(5 * time.Second)
		if n := one.shares(); n != 65 {
			t.Errorf("shared by %d, want 64 and this one", n)
		}
		one.hand(t, "one", 2)
		if n := p.alive(); n == 0 {
			t.Error("nothing goes out")
		}
		time.Sleep(12 * time.Minute)
		if n, m := one.shares(), two.shares(); n != 2 || m != 2 {
			t.Errorf("shared by %d and %d after those have worn off, want 2", n, m)
		}
	})
}
