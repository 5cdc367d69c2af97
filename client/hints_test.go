package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
)

// replica is a client at work, with its own way to the vendor.
type replica struct {
	*client.Client

	dials *atomic.Int64
	cut   *atomic.Bool // its own way to the vendor is broken
	stop  func()
}

// newReplica starts a client on a ledger that others work on, too. Every request
// needs a connection of its own, so dials are attempts.
func newReplica(t *testing.T, store client.Store, p *press, opts ...client.Option) *replica {
	t.Helper()
	r := &replica{dials: new(atomic.Int64), cut: new(atomic.Bool)}
	way := client.WithVendor(p.name, client.VendorConfig{
		Retry: retry.Config{MaxAttempts: 1},
		Transport: retry.TransportConfig{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			r.dials.Add(1)
			if r.cut.Load() {
				return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("no way there")}
			}
			return p.lis.dial(ctx, network, addr)
		}},
	})
	r.Client = newClient(t, store, []*press{p}, append([]client.Option{way}, opts...)...)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	r.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(r.stop)
	return r
}

// hand submits so many jobs at the replica, one after the other.
func (r *replica) hand(t *testing.T, name string, n int) {
	t.Helper()
	for i := range n {
		_, _ = r.Submit(t.Context(), job(fmt.Sprintf("%s-%d", name, i)))
	}
}

func (r *replica) hinted(vendor int) (time.Duration, string) {
	v := r.Vendors()[vendor]
	if v.HintedUntil.IsZero() {
		return 0, ""
	}
	return time.Until(v.HintedUntil), v.Hint
}

// failures is what the replica's own breaker has counted.
func (r *replica) failures() uint64 {
	return r.Breakers().State("alpha", "submit").Counts.Failures
}

// One replica finds out that a vendor is down; the second one tries it once, not
// five times, and its own breaker stays as it is. When the vendor works again
// both go on.
func TestBreakerIsHintedToOtherReplicas(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"that are at work": false, "that start later": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				one := newReplica(t, store, p)
				var two *replica
				if !late {
					two = newReplica(t, store, p)
				}
				time.Sleep(3 * time.Second)
				p.down.Store(true)
				one.hand(t, "one", 10)
				if b := one.Breakers().State("alpha", "submit"); b.Phase != breaker.Open {
					t.Fatalf("the breaker of the first replica is %v", b.Phase)
				}
				one.stop()
				if late {
					two = newReplica(t, store, p)
				}
				time.Sleep(2 * time.Second)
				if left, why := two.hinted(0); left <= 0 || left > 30*time.Second || !strings.HasPrefix(why, "breaker") {
					t.Errorf("the second replica waits for %s: %q", left, why)
				}
				two.hand(t, "two", 10)
				if n := two.dials.Load(); n != 1 {
					t.Errorf("the second replica tried %d times, want once", n)
				}
				if b := two.Breakers().State("alpha", "submit"); b.Phase != breaker.Closed || b.Totals.Opened != 0 || b.Counts.Failures != 1 {
					t.Errorf("its breaker is %v with %+v; want closed, with the failure of its one try", b.Phase, b.Counts)
				}
				p.down.Store(false)
				time.Sleep(2 * time.Minute)
				if n := p.alive(); n != 20 {
					t.Errorf("printed %d of 20", n)
				}
			})
		})
	}
}

// A replica whose own network is broken does not stop the others.
func TestBrokenReplicaDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store, log := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), &logs{}
		one, two := newReplica(t, store, p), newReplica(t, store, p, client.WithLogger(log.logger()))
		time.Sleep(3 * time.Second)
		one.cut.Store(true)
		one.hand(t, "one", 10)
		one.stop()
		time.Sleep(2 * time.Second)
		if left, _ := two.hinted(0); left <= 0 {
			t.Fatal("there is no hint: the test looks at nothing")
		}
		two.hand(t, "two", 10)
		if n := p.alive(); n < 10 {
			t.Errorf("printed %d of 10 while the hint lasts", n)
		}
		if left, why := two.hinted(0); left != 0 {
			t.Errorf("it is still hinted: %s, %s", left, why)
		}
		if n := log.count("works from here"); n != 1 {
			t.Errorf("it is told %d times, want once", n)
		}
	})
}

// What a vendor asks of one replica it asks of the account: the second replica
// sends nothing before, and goes on then.
func TestRateLimitIsHintedToOtherReplicas(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"clocks agree": 0, "its clock is ahead": time.Hour, "its clock is behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store, clock := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), &skewed{}
				clock.by.Store(int64(skew))
				one, two := newReplica(t, store, p), newReplica(t, store, p, client.WithClock(clock))
				time.Sleep(3 * time.Second)
				p.fault = onOrder("429")
				one.hand(t, "one", 1)
				one.stop()
				limited := time.Now()
				time.Sleep(2 * time.Second)
				p.fault = nil
				two.hand(t, "two", 10)
				time.Sleep(limited.Add(55 * time.Second).Sub(time.Now()))
				most := int64(0)
				if skew > 0 {
					most = 1 // by its clock the first one's job is due at once: it may have it before the hint
				}
				if n := two.dials.Load(); n > most {
					t.Errorf("the second replica tried %d times within the minute", n)
				}
				if n := two.failures(); n > uint64(most) {
					t.Errorf("its breaker counts %d failures", n)
				}
				time.Sleep(40 * time.Second)
				if skew < 0 { // the ledger's time goes at half speed for a clock that is behind
					time.Sleep(time.Minute)
				}
				if n := p.alive(); n != 11 {
					t.Errorf("printed %d of 11 after the minute", n)
				}
			})
		})
	}
}

// refusesAccount is a fault of so many submissions.
func refusesAccount(times *atomic.Int64) func(string, string, int) string {
	return func(op, _ string, _ int) string {
		if op == "/order" && times.Add(-1) >= 0 {
			return "401"
		}
		return ""
	}
}

// A refused account is hinted, tried once by each, and resumed for all by a
// person at one.
func TestAccountStopIsHintedAndResumed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		one, two := newReplica(t, store, p), newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		var times atomic.Int64
		times.Store(1)
		p.fault = refusesAccount(&times)
		one.hand(t, "one", 3)
		time.Sleep(2 * time.Second)
		if left, why := two.hinted(0); left < 14*time.Minute || left > 15*time.Minute || !strings.HasPrefix(why, "account") {
			t.Errorf("the second replica waits for %s: %q", left, why)
		}
		if err := one.ResumeVendor("alpha"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if left, why := two.hinted(0); left != 0 {
			t.Errorf("resumed at one, the other still waits for %s: %q", left, why)
		}
		two.hand(t, "two", 3)
		if n := two.dials.Load(); n == 0 {
			t.Error("the second replica sends nothing")
		}
	})
}

// plant writes a setting as it comes.
func plant(t *testing.T, store idempotency.Store, name, value string, version uint64) {
	t.Helper()
	if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{
		Settings: []idempotency.SettingWrite{{Name: name, Value: []byte(value), Expect: version}},
	}); err != nil {
		t.Fatal(err)
	}
}

// hintName is the setting of submissions at a press.
func hintName(p *press) string { return "hint/alpha/" + p.adapter().Account().Fingerprint + "/submit" }

// Whatever stands in the ledger as a hint, mail goes out: at once when it is
// none, and when it is one after the longest time that this replica itself would
// wait.
func TestHintsCanDoNoHarm(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // a bubble's clock
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339Nano) }
	for name, tc := range map[string]struct {
		value string
		most  time.Duration // until it is sent
	}{
		"garbage":                    {"\xff\x00{", 0},
		"null":                       {"null", 0},
		"another type":               {`["rate limit"]`, 0},
		"empty":                      {"", 0},
		"no times":                   {`{"v":1,"reason":"rate limit"}`, 0},
		"long":                       {`{"v":1,"reason":"rate limit","at":"` + at(0) + `","until":"` + at(time.Hour) + `","by":"` + strings.Repeat("x", 8<<10) + `"}`, 0},
		"a newer version's":          {`{"v":2,"reason":"rate limit","at":"` + at(0) + `","until":"` + at(time.Hour) + `"}`, 0},
		"one that ends before":       {`{"v":1,"reason":"rate limit","at":"` + at(time.Hour) + `","until":"` + at(0) + `"}`, 0},
		"an old one":                 {`{"v":1,"reason":"rate limit","at":"` + at(-2*time.Hour) + `","until":"` + at(-time.Hour) + `"}`, 0},
		"an old one without end":     {`{"v":1,"reason":"rate limit","at":"` + at(-2*time.Hour) + `","until":"9999-12-31T00:00:00Z"}`, 0},
		"one without end":            {`{"v":1,"reason":"rate limit","at":"` + at(0) + `","until":"9999-12-31T00:00:00Z"}`, 15 * time.Minute},
		"from a clock that is fast":  {`{"v":1,"reason":"rate limit","at":"2007-01-01T00:00:00Z","until":"9999-12-31T00:00:00Z"}`, 15 * time.Minute},
		"a reason that is not known": {`{"v":1,"reason":"solar flare","at":"` + at(0) + `","until":"` + at(time.Minute) + `"}`, time.Minute},
		"a breaker's without end":    {`{"v":1,"reason":"breaker","at":"` + at(0) + `","until":"9999-12-31T00:00:00Z"}`, 0}, // its try goes well
		"of trouble since ever":      {`{"v":1,"reason":"account","at":"` + at(0) + `","until":"` + at(time.Hour) + `","since":"0001-02-03T00:00:00Z"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store, log := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), &logs{}
				plant(t, store, hintName(p), tc.value, 0)
				plant(t, store, "hint/alive/00", tc.value, 0)
				plant(t, store, "hint/alive/zz", tc.value, 0)
				c := newReplica(t, store, p, client.WithLogger(log.logger()))
				began := time.Now()
				rec, _ := c.Submit(t.Context(), job("a"))
				for rec.State != idempotency.Accepted && time.Since(began) < time.Hour {
					time.Sleep(time.Second)
					rec = status(t, c.Client, "a")
				}
				if took := time.Since(began); took > tc.most+3*time.Second || took < tc.most-3*time.Second {
					t.Errorf("it was %s after %s, want %s", rec.State, took, tc.most)
				}
				if n := log.count("cannot be read"); n > 1 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

// A clock that is set back after a hint came does not make it last.
func TestHintEndsWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store, clock := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), &skewed{}
		c := newReplica(t, store, p, client.WithClock(clock))
		time.Sleep(3 * time.Second)
		clock.by.Store(int64(20 * time.Hour))
		time.Sleep(3 * time.Second)
		now := clock.Now()
		plant(t, store, hintName(p), fmt.Sprintf(`{"v":1,"reason":"rate limit","at":%q,"until":%q}`, now.Format(time.RFC3339), now.Add(5*time.Minute).Format(time.RFC3339)), 0)
		time.Sleep(2 * time.Second)
		if left, _ := c.hinted(0); left <= 0 {
			t.Fatal("the hint is not heeded: the test looks at nothing")
		}
		clock.by.Store(0)
		if rec, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Errorf("the clock is set right, and the job is %v: %v", rec, err)
		}
	})
}

// deaf is a ledger that takes no hints and gives none.
type deaf struct {
	*idempotency.Memory

	fails  atomic.Bool
	reads  atomic.Int64
	writes atomic.Int64
}

func (d *deaf) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
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
	}
	return d.Memory.Commit(ctx, changes)
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
		p.fault = onOrder("429")
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

// However many answers say the same, it is written once; and a replica that is
// told nothing new writes nothing.
func TestHintsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), &deaf{Memory: idempotency.NewMemory(postproof.ModeTest)}
		one, two := newReplica(t, store, p), newReplica(t, store, p)
		time.Sleep(3 * time.Second)
		p.fault = func(op, ref string, n int) string {
			time.Sleep(10 * time.Millisecond)
			return onOrder("429")(op, ref, n)
		}
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

func TestHintsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store, says, heeds := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), newRecorder(), newRecorder()
		one, _ := newReplica(t, store, p, client.WithMeterProvider(says)), newReplica(t, store, p, client.WithMeterProvider(heeds))
		plant(t, store, "hint/alive/00", "?", 0)
		time.Sleep(3 * time.Second)
		p.fault = onOrder("429")
		one.hand(t, "one", 1)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for name, tc := range map[string]struct {
			r    *recorder
			want int64
		}{"sent": {says, 1}, "heeded": {heeds, 1}, "ignored": {heeds, 1}} {
			if got := tc.r.sums["postproof.hints hint="+name]; got != tc.want {
				t.Errorf("%s: %d, want %d", name, got, tc.want)
			}
		}
		for _, f := range heeds.callbacks {
			if err := f(t.Context(), observer{r: heeds}); err != nil {
				t.Fatal(err)
			}
		}
		if got := heeds.gauges["postproof.replicas vendor=alpha"]; got != 1 {
			t.Errorf("%d replicas", got)
		}
	})
}
