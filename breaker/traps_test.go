package breaker_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/breaker"
)

// Each test here is a way in which a breaker on gobreaker went wrong before.

func TestLostProbeDoesNotWedge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, breaker.Config{OpenFor: time.Minute, HalfOpenFor: 2 * time.Minute, Rand: noJitter})
		report(t, set, 5, failure())
		time.Sleep(time.Minute)
		lost := mustAllow(t, set) // never reports in time
		if open := wantRefused(t, set); open.Phase != breaker.HalfOpen {
			t.Fatalf("refused in phase %s, want half_open", open.Phase)
		}
		time.Sleep(2 * time.Minute)
		wantPhase(t, set, breaker.Open, breaker.ReasonProbeLost)
		time.Sleep(24 * time.Hour)
		mustAllow(t, set)(success())
		wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)

		report(t, set, 4, failure())
		lost(failure()) // the fifth, if it were applied
		wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)
		if got := set.State("lob", "submit").Totals; got.Late != 1 || got.Lost != 1 {
			t.Fatalf("late %d, lost %d, want 1 and 1", got.Late, got.Lost)
		}
	})
}

func TestGoexitInProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := newSet(t, breaker.Config{OpenFor: time.Minute})
		report(t, set, 5, failure())
		time.Sleep(time.Minute)
		go func() {
			done, err := set.Allow("lob", "submit")
			if err != nil {
				return
			}
			var outcome breaker.Outcome
			defer func() { done(outcome) }()
			runtime.Goexit()
		}()
		synctest.Wait()
		if got := set.State("lob", "submit").Totals.Allowed; got != 6 {
			t.Fatalf("%d calls allowed, want 6: the probe did not run", got)
		}
		mustAllow(t, set)(success())
		wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)
	})
}

func TestDoneCountsOnce(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{})
	done := mustAllow(t, set)
	for range 20 {
		done(failure())
	}
	got := set.State("lob", "submit")
	if got.Phase != breaker.Closed || got.Counts.Failures != 1 || got.Totals.Repeated != 19 {
		t.Fatalf("state %+v, want one failure and 19 repeated reports", got)
	}
}

func TestLateResultIsCountedNotApplied(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{OpenFor: time.Minute, Clock: clock, Rand: noJitter})
	late := mustAllow(t, set)
	report(t, set, 5, failure())
	clock.move(time.Minute)
	late(success()) // must not close it in a probe's place
	wantPhase(t, set, breaker.HalfOpen, breaker.ReasonOpenTimeOver)
	if got := set.State("lob", "submit").Totals.Late; got != 1 {
		t.Fatalf("late %d, want 1", got)
	}
}

func TestCallbackMayCallTheSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var set *breaker.Set
		var seen []breaker.Phase
		set = newSet(t, breaker.Config{OnChange: func(c breaker.Change) {
			seen = append(seen, set.State(c.Vendor, c.Group).Phase)
			_ = set.States()
			if _, err := set.Allow(c.Vendor, c.Group); err == nil {
				t.Error("an open breaker allowed a call")
			}
		}})
		report(t, set, 5, failure())
		synctest.Wait()
		if len(seen) != 1 || seen[0] != breaker.Open {
			t.Fatalf("the callback saw %v, want [open]", seen)
		}
	})
}

func TestStateIsRightWithoutTraffic(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{OpenFor: time.Minute, Clock: clock, Rand: noJitter})
	report(t, set, 5, failure())
	opened := clock.Now()
	clock.move(10 * time.Hour)
	got := set.States()
	if len(got) != 1 || got[0].Phase != breaker.HalfOpen || !got[0].Since.Equal(opened.Add(time.Minute)) {
		t.Fatalf("states %+v, want one, half-open since a minute after %s", got, opened)
	}
}

func TestOldSuccessesDoNotHideAnOutage(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{Clock: clock, Consecutive: -1})
	report(t, set, 100_000, success())
	clock.move(2 * time.Minute)
	report(t, set, 10, failure())
	wantPhase(t, set, breaker.Open, breaker.ReasonFailureRate)
}

func TestConsecutiveKnowsNoWindow(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{Clock: clock, MinCalls: 100})
	for range 4 {
		report(t, set, 1, failure())
		clock.move(time.Hour)
	}
	report(t, set, 1, breaker.Outcome{Kind: breaker.Excluded}) // changes nothing
	wantPhase(t, set, breaker.Closed, "")
	report(t, set, 1, failure())
	wantPhase(t, set, breaker.Open, breaker.ReasonConsecutive)
}

// One success in between shows a vendor that works.
func TestSuccessEndsTheRow(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{Clock: newManualClock(), MinCalls: 100})
	report(t, set, 4, failure())
	report(t, set, 1, success())
	report(t, set, 4, failure())
	wantPhase(t, set, breaker.Closed, "")
	report(t, set, 1, failure())
	wantPhase(t, set, breaker.Open, breaker.ReasonConsecutive)
}

// A slow answer opens the breaker although gobreaker asks its rule on
// failures only.
func TestSlowSuccessesOpen(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{SlowCall: time.Second, Clock: newManualClock()})
	slow := breaker.Outcome{Kind: breaker.Success, Duration: time.Second}
	report(t, set, 2, success())
	report(t, set, 7, slow)
	wantPhase(t, set, breaker.Closed, "")
	report(t, set, 1, slow) // 8 of 10
	wantPhase(t, set, breaker.Open, breaker.ReasonSlowCallRate)
}

func TestSlowProbeOpensAgain(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{OpenFor: time.Minute, SlowCall: time.Second, Clock: clock})
	report(t, set, 5, failure())
	clock.move(time.Minute)
	done := mustAllow(t, set)
	clock.move(time.Second)
	done(success()) // the duration is measured
	wantPhase(t, set, breaker.Open, breaker.ReasonProbeSlow)
}

func TestExcludedOutcomesNeverOpen(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{})
	report(t, set, 1000, breaker.Outcome{Kind: breaker.Excluded, RetryAfter: time.Hour})
	report(t, set, 1000, breaker.Outcome{Kind: breaker.Kind(99)})
	wantPhase(t, set, breaker.Closed, "")
	if got := set.State("lob", "submit").Counts; got.Excluded != 2000 || got.Calls != 0 {
		t.Fatalf("counts %+v, want 2000 excluded and no calls", got)
	}
}
