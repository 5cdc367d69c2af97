package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/postproof/postproof/client"
)

// A run that was throttled too much is let go on: it does not sleep out what the former
// throttle had it wait.
func TestReplayThrottleThatIsLoosened(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, c := b.t, b.client
		wait := begin(t, c, plan(t, c, replayOf(takeList(t, list(50)), "run")), client.ReplayOptions{Rate: 0.0001})
		time.Sleep(time.Minute)
		if n := progressOf(t, c, "run").Handed; n != 1 {
			t.Fatalf("%d jobs in a minute, want one: the test looks at nothing", n)
		}
		if err := c.ThrottleReplay(t.Context(), "run", 10, client.Actor{By: "ann", Why: "it was a slip"}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("49 jobs at 10 a second took %s", took)
		}
	})
}

// However little a run may hand over, it is not everything.
func TestReplayThrottleThatIsTiny(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, c := b.t, b.client
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := c.RunReplay(ctx, plan(t, c, replayOf(takeList(t, list(50)), "run")), client.Actor{By: "ann"}, client.ReplayOptions{Rate: 1e-12})
		if n := progressOf(t, c, "run").Handed; n != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d jobs in an hour, %v, want one", n, err)
		}
	})
}
