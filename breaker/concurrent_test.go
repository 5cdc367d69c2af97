package breaker_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof/breaker"
)

// TestHalfOpenBound drives one breaker with random outcomes, lost reports and
// steps of time, and checks after every step what must always hold.
func TestHalfOpenBound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		k := int(seed%3) + 1
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			clock := newManualClock()
			const limit = 20 * time.Second
			set := newSet(t, breaker.Config{
				OpenFor: 10 * time.Second, OpenMax: time.Minute, HalfOpenCalls: k, HalfOpenFor: limit,
				Clock: clock, Rand: rng.Float64,
			})
			type open struct {
				done  func(breaker.Outcome)
				probe bool
			}
			var calls []open
			probes, since, halfOpens := 0, time.Time{}, 0
			look := func() breaker.Phase {
				s := set.State("lob", "submit")
				if !s.Since.Equal(since) { // another phase: earlier calls are no probes of it
					since, probes = s.Since, 0
					for i := range calls {
						calls[i].probe = false
					}
					if s.Phase == breaker.HalfOpen {
						halfOpens++
					}
				}
				if probes > k || s.Probes != probes {
					t.Fatalf("%d probes out, state says %d, bound %d", probes, s.Probes, k)
				}
				return s.Phase
			}
			for range 2000 {
				phase := look()
				switch n := rng.IntN(10); {
				case n < 5:
					done, err := set.Allow("lob", "submit")
					if err == nil && phase == breaker.Open {
						t.Fatal("an open breaker allowed a call")
					}
					if err == nil {
						if phase == breaker.HalfOpen {
							probes++
						}
						calls = append(calls, open{done, phase == breaker.HalfOpen})
					}
				case n < 8 && len(calls) > 0:
					i := rng.IntN(len(calls))
					c := calls[i]
					calls = append(calls[:i], calls[i+1:]...)
					if c.probe {
						probes--
					}
					c.done(breaker.Outcome{Kind: breaker.Kind(rng.IntN(3)), Duration: 1})
				default:
					clock.move(time.Duration(rng.Int64N(int64(8 * time.Second))))
				}
			}
			look()
			if halfOpens == 0 {
				t.Fatal("it was never half-open: the test tested nothing")
			}
			// However it ended, it is not wedged.
			clock.move(time.Hour)
			set.State("lob", "submit")
			clock.move(time.Hour)
			for range k {
				mustAllow(t, set)(success())
			}
			if got := set.State("lob", "submit").Phase; got != breaker.Closed {
				t.Fatalf("phase %s after good probes, want closed", got)
			}
		})
	}
}

// TestSetConcurrentSafe is hostile: everything at once, on a clock that jumps.
func TestSetConcurrentSafe(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	var changes, inside atomic.Int64
	var set *breaker.Set
	set = newSet(t, breaker.Config{
		OpenFor: time.Second, HalfOpenFor: 5 * time.Second, HalfOpenCalls: 2, Clock: clock,
		OnChange: func(c breaker.Change) {
			if inside.Add(1) != 1 {
				t.Error("two callbacks at once")
			}
			changes.Add(1)
			_ = set.State(c.Vendor, c.Group)
			inside.Add(-1)
		},
	})
	var all sync.WaitGroup
	for worker := range uint64(8) {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(worker, 2))
			for range 3000 {
				group := []string{"submit", "read"}[rng.IntN(2)]
				switch rng.IntN(40) {
				case 0:
					set.ForceOpen("lob", group, "x")
				case 1:
					set.ForceClosed("lob", group, "x")
				case 2, 3, 4, 5:
					set.Release("lob", group)
				case 6:
					_ = set.States()
				case 7, 8, 9, 10, 11:
					clock.move(time.Duration(rng.Int64N(int64(2*time.Second))) - 500*time.Millisecond)
				default:
					done, err := set.Allow("lob", group)
					if err != nil {
						continue
					}
					if rng.IntN(10) == 0 {
						runtime.Gosched()
					}
					if rng.IntN(50) != 0 { // else lost
						done(breaker.Outcome{Kind: breaker.Kind(rng.IntN(3))})
					}
					if rng.IntN(20) == 0 {
						done(failure())
					}
				}
			}
		})
	}
	all.Wait()
	if changes.Load() == 0 {
		t.Fatal("nothing ever changed: the test tested nothing")
	}
	set.Release("lob", "submit")
	clock.move(time.Hour)
	set.State("lob", "submit")
	clock.move(time.Hour)
	report(t, set, 2, success())
	if got := set.State("lob", "submit").Phase; got != breaker.Closed {
		t.Fatalf("phase %s at the end, want closed", got)
	}
}

// TestProbesConcurrentSafe lets many callers run for the probes' places at
// the same moment.
func TestProbesConcurrentSafe(t *testing.T) {
	t.Parallel()
	for k := 1; k <= 3; k++ {
		t.Run(fmt.Sprintf("%d", k), func(t *testing.T) {
			t.Parallel()
			for range 50 {
				clock := newManualClock()
				set := newSet(t, breaker.Config{HalfOpenCalls: k, Clock: clock})
				report(t, set, 5, failure())
				clock.move(time.Minute)
				var allowed atomic.Int64
				var all sync.WaitGroup
				for range 32 {
					all.Go(func() {
						if _, err := set.Allow("lob", "submit"); err == nil {
							allowed.Add(1)
						}
					})
				}
				all.Wait()
				if got := allowed.Load(); got != int64(k) {
					t.Fatalf("%d of 32 let in, want %d", got, k)
				}
			}
		})
	}
}
