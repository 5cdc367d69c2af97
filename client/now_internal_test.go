package client

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// wallClock is a clock that is set by hand.
type wallClock struct{ at time.Time }

func (c *wallClock) Now() time.Time                       { return c.at }
func (c *wallClock) After(time.Duration) <-chan time.Time { return nil }

var _ postproof.Clock = (*wallClock)(nil)

func TestLedgerTimeNeverRunsBackAndNeverStandsStill(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := &wallClock{at: start}
	lt := ledgerTime{clock: clock}
	step := func(d time.Duration, want time.Time) {
		t.Helper()
		clock.at = clock.at.Add(d)
		if got := lt.now(); !got.Equal(want) {
			t.Fatalf("clock %s: now = %s, want %s", clock.at.Format(time.TimeOnly), got.Format(time.TimeOnly), want.Format(time.TimeOnly))
		}
	}
	step(time.Hour, start.Add(time.Hour))
	step(-2*time.Hour, start.Add(time.Hour))             // an operator sets it back
	step(time.Hour, start.Add(time.Hour+30*time.Minute)) // half speed
	step(3*time.Hour, start.Add(3*time.Hour))            // it has caught up
	lt.see(start.Add(4 * time.Hour))                     // another replica is ahead
	step(0, start.Add(4*time.Hour))
	step(time.Hour, start.Add(4*time.Hour+30*time.Minute))
	// A bound in the ledger's time is as far away on the clock.
	if at := lt.local(start.Add(5 * time.Hour)); !at.Equal(clock.at.Add(30 * time.Minute)) {
		t.Fatalf("local = %s", at)
	}
}

// steadyWall is a clock that is set by hand, and knows how much time has passed.
type steadyWall struct {
	wallClock
	steady time.Duration
}

func (c *steadyWall) Steady() time.Duration { return c.steady }

// TestLedgerTimeKnowsWhatHasPassed: a process stands still for hours, and its
// clock is set back meanwhile. What has passed is known all the same.
func TestLedgerTimeKnowsWhatHasPassed(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := &steadyWall{wallClock: wallClock{at: start}}
	lt := ledgerTime{clock: clock}
	step := func(passed, wall, want time.Duration) {
		t.Helper()
		clock.at, clock.steady = start.Add(wall), clock.steady+passed
		if got := lt.now().Sub(start); got != want {
			t.Fatalf("after %s, the clock at %s: now = %s, want %s", clock.steady, wall, got, want)
		}
	}
	step(0, 0, 0)
	step(time.Hour, time.Hour, time.Hour)
	step(3*time.Hour, 30*time.Minute, 4*time.Hour)              // it stood still, and was set back
	step(time.Hour, 90*time.Minute, 4*time.Hour+30*time.Minute) // half speed from then on
	lt.see(start.Add(5 * time.Hour))
	step(0, 90*time.Minute, 5*time.Hour)
	step(4*time.Hour, 8*time.Hour, 8*time.Hour) // set right
}

// TestLedgerTimeKnowsHowFarItWasSetBack: what began before the clock was right may be
// older than it seems by that much; what began afterwards is not.
func TestLedgerTimeKnowsHowFarItWasSetBack(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := &wallClock{at: start}
	lt := ledgerTime{clock: clock}
	want := func(since, back time.Duration) {
		t.Helper()
		if got := lt.setBack(start.Add(since)); got != back {
			t.Errorf("at %s, since %s: %s, want %s", clock.at.Format(time.TimeOnly), since, got, back)
		}
	}
	want(0, 0)
	clock.at = start.Add(-maxSkew) // no more than replicas and vendors may differ
	want(0, 0)
	clock.at = start.Add(-3 * time.Hour)
	want(0, 3*time.Hour)
	clock.at = start.Add(10 * time.Hour) // long set right
	want(0, 3*time.Hour)
	want(time.Hour, 0)
	lt.see(start.Add(12 * time.Hour)) // somebody else's is ahead
	want(11*time.Hour, 3*time.Hour)
	want(13*time.Hour, 0)
}

// TestLedgerTimeOfTheMachine: the system's clock needs no method of that kind, as
// long as its times carry the monotonic reading.
func TestLedgerTimeOfTheMachine(t *testing.T) {
	t.Parallel()
	if now := postproof.SystemClock().Now(); now == now.Round(0) { //nolint:staticcheck // the readings are compared, not the moments
		t.Errorf("%s has no monotonic reading: what passes while the clock is set back would not be known", now)
	}
}

func TestPaceNeverExceedsTheRateInAnySpan(t *testing.T) {
	t.Parallel()
	for _, rate := range []postproof.Rate{{Requests: 1, Per: time.Second}, {Requests: 7, Per: time.Second}, {Requests: 300, Per: time.Minute}} {
		var l limiter
		l.init(rate)
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var taken []time.Time
		for len(taken) < 1000 {
			wait := l.take("submit", now)
			if wait <= 0 {
				taken = append(taken, now)
				continue
			}
			if len(taken)%100 == 0 {
				wait += 3 * rate.Per // a quiet time
			}
			now = now.Add(wait)
		}
		for i := range taken {
			if j := i + rate.Requests; j < len(taken) && taken[j].Sub(taken[i]) < rate.Per {
				t.Fatalf("%v: %d requests in %s", rate, rate.Requests+1, taken[j].Sub(taken[i]))
			}
		}
	}
}
