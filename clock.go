package postproof

import (
	"context"
	"time"
)

// Clock is the time that the client, the stores and the simulators live by.
// Pure code takes a time instead. Implementations are safe for concurrent
// use; their time may jump, in both directions.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// After returns a channel that receives once, when d has passed on this
	// clock. It never blocks the sender.
	After(d time.Duration) <-chan time.Time
}

// SystemClock returns the machine's clock.
func SystemClock() Clock { return systemClock{} }

type systemClock struct{}

// Now implements [Clock].
func (systemClock) Now() time.Time { return time.Now() }

// After implements [Clock].
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Sleep waits until d has passed on the clock, or the context ends; then it
// returns the context's cause. A d that is not positive returns at once.
func Sleep(ctx context.Context, clock Clock, d time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-clock.After(d):
		return nil
	}
}
