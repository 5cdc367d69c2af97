package retry_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

func TestWaits(t *testing.T) {
	t.Parallel()
	half := func() float64 { return 0.5 }
	for name, tt := range map[string]struct {
		serve   func(int, net.Conn, []byte) bool
		elapsed time.Duration
		waits   []time.Duration
		stop    retry.Stop
		after   time.Duration
	}{
		"transient": {
			always(500, ""), 75 * time.Millisecond,
			[]time.Duration{0, 25 * time.Millisecond, 50 * time.Millisecond},
			retry.StopAttempts, 100 * time.Millisecond,
		},
		"throttle": {
			always(429, ""), 1500 * time.Millisecond,
			[]time.Duration{0, 500 * time.Millisecond, time.Second},
			retry.StopAttempts, 2 * time.Second,
		},
		"hint is a floor": {
			always(429, "", "Retry-After: 2"), 5500 * time.Millisecond,
			[]time.Duration{0, 2500 * time.Millisecond, 3 * time.Second},
			retry.StopAttempts, 4 * time.Second,
		},
		"hint above the limit": {
			always(429, "", "Retry-After: 3600"), 0,
			[]time.Duration{0},
			retry.StopHint, time.Hour + 500*time.Millisecond,
		},
		"hint that overflows": {
			always(429, "", "Retry-After: 9223372036854775807"), 0,
			[]time.Duration{0},
			retry.StopHint, postproof.MaxRetryAfter + 500*time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v := &vendor{serve: tt.serve}
				start := time.Now()
				resp, err := newSender(t, v, retry.Config{Rand: half}).Do(t.Context(), get())
				e, detail := failed(t, resp, err)
				if got := time.Since(start); got != tt.elapsed {
					t.Errorf("took %v, want %v", got, tt.elapsed)
				}
				var waits []time.Duration
				for _, a := range detail.Attempts {
					waits = append(waits, a.Wait)
				}
				if diff := cmp.Diff(tt.waits, waits); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
				if detail.Stop != tt.stop || e.RetryAfter != tt.after {
					t.Errorf("stop %v, retry after %v; want %v, %v", detail.Stop, e.RetryAfter, tt.stop, tt.after)
				}
			})
		})
	}
}

// The wait is compared with the deadline before it begins, and the last
// answer is not lost.
func TestUnreachableDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: always(429, "", "Retry-After: 4", "X-Request-Id: req_1")}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		resp, err := newSender(t, v, retry.Config{}).Do(ctx, get())
		e, detail := failed(t, resp, err)
		if got := time.Since(start); got != 0 {
			t.Errorf("gave up after %v, want at once", got)
		}
		if !errors.Is(err, context.DeadlineExceeded) || e.Code != postproof.CodeDeadlineExceeded || detail.Stop != retry.StopDeadline {
			t.Errorf("got %v, stop %v: %v", e.Code, detail.Stop, err)
		}
		if detail.Last == nil || e.HTTPStatus != 429 || e.RequestID != "req_1" || e.RetryAfter < 4*time.Second {
			t.Errorf("status %d, request %q, retry after %v; the last answer is lost", e.HTTPStatus, e.RequestID, e.RetryAfter)
		}
	})
}

// A retry needs the time of a typical attempt.
func TestTypicalAttemptMustFit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{serve: func(_ int, conn net.Conn, _ []byte) bool {
			time.Sleep(4 * time.Second)
			return answer(conn, 500, "")
		}}
		s := newSender(t, v, retry.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		resp, err := s.Do(ctx, get())
		_, detail := failed(t, resp, err)
		if detail.Stop != retry.StopDeadline || v.count() != 1 {
			t.Errorf("stop %v after %d sends, want deadline after 1", detail.Stop, v.count())
		}
	})
}
