package retry

import (
	"math"
	"testing"
	"time"
)

func TestFullJitterStaysInItsRange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		base, limit time.Duration
		n           int
		random      float64
		want        time.Duration
	}{
		{50 * time.Millisecond, 20 * time.Second, 0, 0, 0},
		{50 * time.Millisecond, 20 * time.Second, 0, 0.5, 25 * time.Millisecond},
		{50 * time.Millisecond, 20 * time.Second, 3, 0.5, 200 * time.Millisecond},
		{50 * time.Millisecond, 20 * time.Second, 9, 0.5, 10 * time.Second},
		{time.Second, 20 * time.Second, 62, 0.5, 10 * time.Second},
		{time.Second, 20 * time.Second, 64, 0.5, 10 * time.Second},
		{time.Second, 20 * time.Second, math.MaxInt, 0.5, 10 * time.Second},
		{time.Second, math.MaxInt64, 40, 0, 0},
		{50 * time.Millisecond, 20 * time.Second, 0, 7, 50 * time.Millisecond},
		{50 * time.Millisecond, 20 * time.Second, 0, -7, 0},
	} {
		if got := fullJitter(tt.base, tt.limit, tt.n, func() float64 { return tt.random }); got != tt.want {
			t.Errorf("fullJitter(%v, %v, %d) at %v: got %v, want %v", tt.base, tt.limit, tt.n, tt.random, got, tt.want)
		}
	}
}
