package breaker_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
)

func TestConfigErrorsNameTheField(t *testing.T) {
	t.Parallel()
	for field, config := range map[string]breaker.Config{
		"Window":        {Window: -1},
		"BucketPeriod":  {Window: time.Hour, BucketPeriod: time.Millisecond},
		"MinCalls":      {MinCalls: -1},
		"FailureRate":   {FailureRate: 1.01},
		"SlowCallRate":  {SlowCallRate: 2},
		"SlowCall":      {SlowCall: -1},
		"OpenFor":       {OpenFor: -1},
		"OpenMax":       {OpenFor: time.Minute, OpenMax: time.Second},
		"StableFor":     {StableFor: -1},
		"HalfOpenCalls": {HalfOpenCalls: 4},
		"HalfOpenFor":   {HalfOpenFor: -1},
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			_, err := breaker.New(config)
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "Config."+field+" ") {
				t.Fatalf("New() error = %v, want invalid_argument for %s", err, field)
			}
		})
	}
}

func TestOpenError(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{OpenFor: time.Minute, Clock: clock, Rand: noJitter})
	report(t, set, 5, failure())
	want := clock.Now().Add(time.Minute)
	clock.move(20 * time.Second)
	open := wantRefused(t, set)
	if !open.RetryAt().Equal(want) || open.Reason != breaker.ReasonConsecutive {
		t.Errorf("retry at %s (%s), want %s", open.RetryAt(), open.Reason, want)
	}
	if got := postproof.RetryAfterOf(open); got != 40*time.Second {
		t.Errorf("retry after %s, want 40s", got)
	}
	if postproof.CodeOf(open) != postproof.CodeUnavailable || postproof.DeliveryOf(open) != postproof.NotSent {
		t.Errorf("code %s, delivery %s, want unavailable, not_sent", postproof.CodeOf(open), postproof.DeliveryOf(open))
	}
	const text = "lob: submit: unavailable (not_sent): breaker is open (consecutive_failures)"
	if diff := cmp.Diff(text, open.Error()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestGroupsAreSeparate(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{})
	report(t, set, 5, failure())
	for _, other := range [][2]string{{"lob", "read"}, {"pcm", "submit"}} {
		done, err := set.Allow(other[0], other[1])
		if err != nil {
			t.Fatalf("%v was refused: %v", other, err)
		}
		done(success())
	}
	_ = wantRefused(t, set)
}

// openTime fails the closed or half-open breaker and returns how long it
// stays open; it ends half-open.
func openTime(t *testing.T, set *breaker.Set, clock *manualClock, o breaker.Outcome) time.Duration {
	t.Helper()
	for set.State("lob", "submit").Phase != breaker.Open {
		report(t, set, 1, o)
	}
	d := set.State("lob", "submit").Until.Sub(clock.Now())
	clock.move(d - 1)
	_ = wantRefused(t, set)
	clock.move(1)
	wantPhase(t, set, breaker.HalfOpen, breaker.ReasonOpenTimeOver)
	return d
}

func TestOpenTimeGrowsAndResets(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{OpenFor: 30 * time.Second, OpenMax: 100 * time.Second, Clock: clock, Rand: noJitter})
	var got []time.Duration
	for range 4 {
		got = append(got, openTime(t, set, clock, failure()))
	}
	report(t, set, 1, success()) // closed, but not for long
	clock.move(59 * time.Second)
	got = append(got, openTime(t, set, clock, failure()))
	report(t, set, 1, success())
	clock.move(time.Minute)
	got = append(got, openTime(t, set, clock, failure()))
	const s = time.Second
	if diff := cmp.Diff([]time.Duration{30 * s, 60 * s, 100 * s, 100 * s, 100 * s, 30 * s}, got); diff != "" {
		t.Fatalf("open times (-want +got):\n%s", diff)
	}
}

func TestOpenTimeHasJitterAndHonoursRetryAfter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rand float64
		wish time.Duration
		want time.Duration
	}{
		"no wish, longest":  {rand: 0, want: 40 * time.Second},
		"no wish, half way": {rand: 0.5, want: 30 * time.Second},
		"shorter wish":      {rand: 0, wish: 10 * time.Second, want: 40 * time.Second},
		"longer wish":       {rand: 0.5, wish: 100 * time.Second, want: 105 * time.Second},
		"absurd wish":       {rand: 0.5, wish: 484289 * time.Hour, want: 210 * time.Second},
		"negative wish":     {rand: 0, wish: -time.Hour, want: 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newManualClock()
			set := newSet(t, breaker.Config{
				OpenFor: 40 * time.Second, OpenMax: 200 * time.Second, Clock: clock,
				Rand: func() float64 { return tc.rand },
			})
			got := openTime(t, set, clock, breaker.Outcome{Kind: breaker.Failure, RetryAfter: tc.wish})
			if got != tc.want {
				t.Fatalf("open for %s, want %s", got, tc.want)
			}
		})
	}
}

func TestEventsInOrderAndOutsideTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var got []string
		set := newSet(t, breaker.Config{OpenFor: time.Minute, Rand: noJitter, OnChange: func(c breaker.Change) {
			<-release // a receiver that stalls
			got = append(got, c.From.String()+">"+c.To.String()+" "+string(c.Reason)+" "+c.Note)
			if c.Reason == breaker.ReasonConsecutive && c.Counts.Consecutive != 5 {
				t.Errorf("opened with counts %+v, want 5 in a row", c.Counts)
			}
		}})
		report(t, set, 5, failure())
		time.Sleep(time.Minute)
		report(t, set, 1, success())
		set.ForceOpen("lob", "submit", "recall")
		set.Release("lob", "submit")
		close(release)
		synctest.Wait()
		want := []string{
			"closed>open consecutive_failures ", "open>half_open open_time_over ",
			"half_open>closed probes_succeeded ", "closed>open forced recall", "open>half_open released ",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
	})
}

func TestStalledReceiverIsToldWhatItMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var seen, dropped uint64
		set := newSet(t, breaker.Config{OnChange: func(c breaker.Change) {
			<-release
			seen++
			dropped += c.Dropped
		}})
		for range 2000 {
			set.ForceOpen("lob", "submit", "")
		}
		close(release)
		synctest.Wait()
		set.ForceOpen("lob", "submit", "")
		synctest.Wait()
		if dropped == 0 || seen+dropped != 2001 {
			t.Fatalf("seen %d + dropped %d, want 2001, some dropped", seen, dropped)
		}
	})
}

func TestManualOperation(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{Clock: clock})
	set.Release("lob", "submit") // not forced: nothing happens
	wantPhase(t, set, breaker.Closed, "")

	set.ForceOpen("lob", "submit", "recall of the artwork")
	clock.move(1000 * time.Hour)
	open := wantRefused(t, set)
	if !open.RetryAt().IsZero() || open.Note != "recall of the artwork" {
		t.Fatalf("retry at %s, note %q, want none and the reason", open.RetryAt(), open.Note)
	}
	set.Release("lob", "submit")
	wantPhase(t, set, breaker.HalfOpen, breaker.ReasonReleased)
	report(t, set, 1, success())
	wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)

	set.ForceClosed("lob", "submit", "false alarm")
	report(t, set, 100, failure())
	wantPhase(t, set, breaker.Closed, breaker.ReasonForced)
	set.Release("lob", "submit")
	report(t, set, 4, failure())
	wantPhase(t, set, breaker.Closed, breaker.ReasonReleased)
	report(t, set, 1, failure())
	wantPhase(t, set, breaker.Open, breaker.ReasonConsecutive)
}

func TestDryRunRefusesNothing(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{DryRun: true, Clock: newManualClock()})
	report(t, set, 25, failure())
	got := set.State("lob", "submit")
	if got.Phase != breaker.Open || got.Totals.Refused != 20 || got.Totals.Late != 0 {
		t.Fatalf("state %+v, want open, with 20 that would have been refused", got)
	}
}

func TestClockJumpsBack(t *testing.T) {
	t.Parallel()
	clock := newManualClock()
	set := newSet(t, breaker.Config{OpenFor: time.Minute, Clock: clock, Rand: noJitter})
	report(t, set, 5, failure())
	clock.move(-24 * time.Hour)
	_ = wantRefused(t, set)
	clock.move(time.Minute)
	report(t, set, 1, success())
	wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)
}

// The machine below reads the time of the bubble, which stands still here
// while the clock of the set jumps.
func TestClockOfItsOwnInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := newManualClock()
		set := newSet(t, breaker.Config{OpenFor: time.Minute, Clock: clock})
		report(t, set, 5, failure())
		clock.move(time.Minute)
		report(t, set, 1, success())
		wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)
	})
}

// An hour of an outage, 200 times as fast. A bubble makes it exact.
func TestScaledClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := scaledClock{start: time.Now(), scale: 200}
		set := newSet(t, breaker.Config{OpenFor: time.Minute, Clock: clock, Rand: noJitter})
		for range 10 { // 20 failures a minute of the clock would be 10 in its window
			report(t, set, 1, success())
			<-clock.After(2 * time.Minute)
		}
		report(t, set, 5, failure())
		<-clock.After(59 * time.Second)
		_ = wantRefused(t, set)
		<-clock.After(time.Second)
		report(t, set, 1, success())
		wantPhase(t, set, breaker.Closed, breaker.ReasonProbesSucceeded)
		if got := time.Since(clock.start); got > 10*time.Second {
			t.Fatalf("took %s of the machine's time, want 200 times less than 21 minutes", got)
		}
	})
}

func TestUnusedBreakerIsClosed(t *testing.T) {
	t.Parallel()
	set := newSet(t, breaker.Config{})
	if diff := cmp.Diff(breaker.State{Vendor: "lob", Group: "submit"}, set.State("lob", "submit")); diff != "" {
		t.Fatalf("state (-want +got):\n%s", diff)
	}
	if got := set.States(); len(got) != 0 {
		t.Fatalf("looking made %d breakers", len(got))
	}
	if _, err := set.Allow("lob", "submit"); errors.Is(err, breaker.ErrOpen) {
		t.Fatal("a new breaker is open")
	}
}
