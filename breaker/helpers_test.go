package breaker_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof/breaker"
)

// manualClock stands still until it is moved, like a simulator's.
type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func newManualClock() *manualClock {
	return &manualClock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) After(time.Duration) <-chan time.Time { panic("not used") }

func (c *manualClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// scaledClock runs faster than the machine's.
type scaledClock struct {
	start time.Time
	scale int64
}

func (c scaledClock) Now() time.Time {
	return c.start.Add(time.Since(c.start) * time.Duration(c.scale))
}

func (c scaledClock) After(d time.Duration) <-chan time.Time {
	return time.After(d / time.Duration(c.scale))
}

// noJitter makes the open time exactly OpenFor, doubled as often as needed.
func noJitter() float64 { return 0 }

func newSet(t *testing.T, config breaker.Config) *breaker.Set {
	t.Helper()
	set, err := breaker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// mustAllow is for calls that have to pass.
func mustAllow(t *testing.T, set *breaker.Set) func(breaker.Outcome) {
	t.Helper()
	done, err := set.Allow("lob", "submit")
	if err != nil {
		t.Fatalf("a call was refused: %v, state %+v", err, set.State("lob", "submit"))
	}
	return done
}

func report(t *testing.T, set *breaker.Set, n int, o breaker.Outcome) {
	t.Helper()
	for range n {
		mustAllow(t, set)(o)
	}
}

func wantRefused(t *testing.T, set *breaker.Set) *breaker.OpenError {
	t.Helper()
	_, err := set.Allow("lob", "submit")
	if !errors.Is(err, breaker.ErrOpen) {
		t.Fatalf("Allow() error = %v, want ErrOpen, state %+v", err, set.State("lob", "submit"))
	}
	open, ok := errors.AsType[*breaker.OpenError](err)
	if !ok {
		t.Fatalf("Allow() error is a %T, want an OpenError", err)
	}
	return open
}

func wantPhase(t *testing.T, set *breaker.Set, want breaker.Phase, reason breaker.Reason) {
	t.Helper()
	got := set.State("lob", "submit")
	if got.Phase != want || got.Reason != reason {
		t.Fatalf("phase %s (%s), want %s (%s); state %+v", got.Phase, got.Reason, want, reason, got)
	}
}

func failure() breaker.Outcome { return breaker.Outcome{Kind: breaker.Failure} }
func success() breaker.Outcome { return breaker.Outcome{Kind: breaker.Success} }
