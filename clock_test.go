package postproof_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
)

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := postproof.SystemClock()
		start := clock.Now()
		if err := postproof.Sleep(t.Context(), clock, time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("slept %v, %v", time.Since(start), err)
		}
		if err := postproof.Sleep(t.Context(), clock, -1); err != nil || time.Since(start) != time.Hour {
			t.Errorf("a wait in the past took until %v, %v", time.Since(start), err)
		}

		why := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Minute)
			cancel(why)
		}()
		if err := postproof.Sleep(ctx, clock, time.Hour); !errors.Is(err, why) || time.Since(start) != time.Hour+time.Minute {
			t.Errorf("a canceled wait ended after %v with %v", time.Since(start), err)
		}
		for _, d := range []time.Duration{0, time.Hour} {
			if err := postproof.Sleep(ctx, clock, d); !errors.Is(err, why) {
				t.Errorf("with a canceled context: %v", err)
			}
		}
	})
}
