package client_test

import (
	"context"
	"errors"
	"fmt"
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
	r.Client = newHearing(t, store, []*press{p}, append([]client.Option{way}, opts...)...)
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
				p.faults(onOrder("429"))
				one.hand(t, "one", 1)
				one.stop()
				limited := time.Now()
				time.Sleep(2 * time.Second)
				p.faults(nil)
				two.hand(t, "two", 10)
				time.Sleep(time.Until(limited.Add(55 * time.Second)))
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

// A refused account is hinted, for no longer than the reader itself would stop,
// and resumed for all by a person at one.
func TestAccountStopIsHintedAndResumed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		one, two := newReplica(t, store, p), newReplica(t, store, p, client.WithVendorStop(5*time.Minute))
		time.Sleep(3 * time.Second)
		var times atomic.Int64
		times.Store(1)
		p.faults(refusesAccount(&times))
		one.hand(t, "one", 3)
		time.Sleep(2 * time.Second)
		if left, why := two.hinted(0); left < 4*time.Minute || left > 5*time.Minute || !strings.HasPrefix(why, "account") {
			t.Errorf("the second replica waits for %s: %q", left, why)
		}
		if err := one.EndVendorStop("alpha"); err != nil {
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

// What a person does to one replica's breaker is for that replica, and a breaker
// that only looks on refuses nothing anywhere.
func TestForcedAndDryBreakersAreNotHinted(t *testing.T) {
	t.Parallel()
	for name, dry := range map[string]bool{"forced": false, "dry run": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				one, two := newReplica(t, store, p, client.WithBreaker(breaker.Config{DryRun: dry})), newReplica(t, store, p)
				time.Sleep(3 * time.Second)
				if dry {
					p.down.Store(true)
					one.hand(t, "one", 10)
				} else {
					one.Breakers().ForceOpen("alpha", "submit", "test")
				}
				if b := one.Breakers().State("alpha", "submit"); b.Phase != breaker.Open {
					t.Fatalf("the breaker is %v", b.Phase)
				}
				one.stop()
				time.Sleep(3 * time.Second)
				if left, why := two.hinted(0); left != 0 {
					t.Errorf("the other waits for %s: %s", left, why)
				}
			})
		})
	}
}

func TestHintsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store, says, heeds := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), newRecorder(), newRecorder()
		one, _ := newReplica(t, store, p, client.WithMeterProvider(says)), newReplica(t, store, p, client.WithMeterProvider(heeds))
		plant(t, store, "hint/alive/00", "?", 0)
		time.Sleep(3 * time.Second)
		p.faults(onOrder("429"))
		one.hand(t, "one", 1)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for name, tc := range map[string]struct {
			r    *recorder
			want int64
		}{"sent": {says, 1}, "heeded": {heeds, 1}, "ignored": {heeds, 1}} {
			if got := tc.r.sums["postproof.hints hint="+name+" mode=test"]; got != tc.want {
				t.Errorf("%s: %d, want %d", name, got, tc.want)
			}
		}
		for _, f := range heeds.callbacks {
			if err := f(t.Context(), observer{r: heeds}); err != nil {
				t.Fatal(err)
			}
		}
		if got := heeds.gauges["postproof.replicas mode=test vendor=alpha"]; got != 1 {
			t.Errorf("%d replicas", got)
		}
	})
}
