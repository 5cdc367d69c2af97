package vendorsim

import (
	"testing"
	"time"
)

// TestAlarmAfterTheClockWasMoved: between reading the clock and setting the alarm
// it may be moved, and nobody moves it again.
func TestAlarmAfterTheClockWasMoved(t *testing.T) {
	t.Parallel()
	clock := NewClock(time.Date(2026, time.March, 3, 9, 0, 0, 0, time.UTC), 0)
	a := alarm{clock: clock}
	now := clock.Now()
	clock.Advance(time.Minute)
	select {
	case <-a.in(now, time.Minute):
	default:
		t.Error("the alarm does not ring for what is due by now")
	}
	a.rang()
	select {
	case <-a.in(clock.Now(), time.Minute):
		t.Error("the alarm rings too early")
	default:
	}
}
