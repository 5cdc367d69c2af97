package client

import (
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// A clock that is set while a poll is under way, by hours, says nothing of what a
// poll lasts: those that are put off behind it must not wait for days.
func TestPollCostOfAClockThatWasSet(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	turn := func(lasted ...time.Duration) time.Duration {
		var q pollQueue
		for _, d := range lasted {
			if !q.enter(now, now, 1) {
				t.Fatal("there is no place")
			}
			q.leave(d)
		}
		rec := &idempotency.Record{Due: now, PollAt: now}
		q.putOff(now, 1, rec)
		return q.putOff(now, 1, rec).Sub(now)
	}
	if want, got := turn(time.Second), turn(time.Second, 96*time.Hour); got != want {
		t.Errorf("the second turn is after %s, want %s", got, want)
	}
	if got := turn(96 * time.Hour); got != assumedCost {
		t.Errorf("the second turn is after %s, want %s", got, assumedCost)
	}
}
