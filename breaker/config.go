package breaker

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/postproof/postproof"
)

const (
	// maxHalfOpenCalls bounds the probes: the underlying breaker closes only
	// after as many successes in a row, so a large number would never close.
	maxHalfOpenCalls = 3
	// maxBuckets bounds the memory of a window.
	maxBuckets = 600
)

// Config holds the rules of every breaker of a [Set]. The zero value means
// the defaults; so does a zero field. All durations are on Clock.
type Config struct {
	// Window is the time over which the rates are computed. Default 60 s.
	Window time.Duration
	// BucketPeriod is the step in which the window rolls, Window/600 to
	// Window. A Window that is no multiple of it is rounded up to one.
	// Default a tenth of Window.
	BucketPeriod time.Duration
	// MinCalls is the number of judged calls (successes and failures) in the
	// window below which no rate is computed. Default 10.
	MinCalls int
	// FailureRate is the share of failed calls, in (0, 1], that opens the
	// breaker. Default 0.5.
	FailureRate float64
	// SlowCall is the duration from which a call counts as slow, whether it
	// succeeded or not. Default 15 s.
	SlowCall time.Duration
	// SlowCallRate is the share of slow calls, in (0, 1], that opens the
	// breaker. Default 0.8; negative turns the rule off.
	SlowCallRate float64
	// Consecutive is the number of failures in a row that opens the breaker,
	// however far apart they are: neither the window nor MinCalls applies.
	// Default 5; negative turns the rule off.
	Consecutive int
	// OpenFor is how long the breaker stays open the first time. It doubles
	// with each opening that follows without a stable close between, and is
	// drawn from the upper half, d/2 to d. Default 30 s.
	OpenFor time.Duration
	// OpenMax bounds the doubling, and what a vendor's Retry-After may ask
	// for. Up to a tenth of a Retry-After is added to it, so that replicas
	// that were told the same do not probe in step. Default 15 min, or
	// OpenFor if that is longer.
	OpenMax time.Duration
	// StableFor is how long the breaker must have been closed for the next
	// opening to start at OpenFor again. Default Window.
	StableFor time.Duration
	// HalfOpenCalls is the number of probes that may be out at once, and of
	// successes in a row that close the breaker: 1 to 3. Default 1.
	HalfOpenCalls int
	// HalfOpenFor is how long a probe may take. One that has not reported by
	// then is lost, and the breaker opens again. It must be longer than the
	// time limit of a call. Default 2 min.
	HalfOpenFor time.Duration
	// DryRun makes the breakers judge, count and report, and refuse nothing:
	// not even a breaker that was forced open.
	DryRun bool
	// Clock is the time of all decisions. It is read under a lock and must
	// not call back into the Set. Default [postproof.SystemClock].
	Clock postproof.Clock
	// Rand returns a number in [0, 1), for the jitter. It must be safe for
	// concurrent use and must not call back into the Set. Default
	// [rand.Float64].
	Rand func() float64
	// OnChange, if set, is told of every change of phase and every manual
	// operation, in order and one at a time, from a goroutine that holds no
	// lock: it may block and may call the Set. While it blocks, up to 1024
	// changes wait; more are dropped and counted in [Change.Dropped].
	OnChange func(Change)
}

// withDefaults fills the fields that were left zero.
func (c Config) withDefaults() Config {
	c.Window = cmp.Or(c.Window, time.Minute)
	c.BucketPeriod = cmp.Or(c.BucketPeriod, c.Window/10, c.Window)
	c.MinCalls = cmp.Or(c.MinCalls, 10)
	c.FailureRate = cmp.Or(c.FailureRate, 0.5)
	c.SlowCall = cmp.Or(c.SlowCall, 15*time.Second)
	c.SlowCallRate = cmp.Or(c.SlowCallRate, 0.8)
	c.Consecutive = cmp.Or(c.Consecutive, 5)
	c.OpenFor = cmp.Or(c.OpenFor, 30*time.Second)
	c.OpenMax = cmp.Or(c.OpenMax, max(15*time.Minute, c.OpenFor))
	c.StableFor = cmp.Or(c.StableFor, c.Window)
	c.HalfOpenCalls = cmp.Or(c.HalfOpenCalls, 1)
	c.HalfOpenFor = cmp.Or(c.HalfOpenFor, 2*time.Minute)
	if c.Clock == nil {
		c.Clock = postproof.SystemClock()
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}

// validate checks a filled Config and names the field that is wrong.
func (c Config) validate() error {
	bad := func(field string, value any, want string) error {
		return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
			fmt.Errorf("breaker: Config.%s is %v: want %s", field, value, want))
	}
	rate := func(f float64) bool { return !math.IsNaN(f) && f <= 1 }
	switch {
	case c.Window <= 0:
		return bad("Window", c.Window, "a positive duration")
	case c.BucketPeriod <= 0, c.BucketPeriod > c.Window:
		return bad("BucketPeriod", c.BucketPeriod, "a positive duration up to Window")
	case c.Window/c.BucketPeriod > maxBuckets:
		return bad("BucketPeriod", c.BucketPeriod, fmt.Sprintf("at least Window/%d", maxBuckets))
	case c.MinCalls < 1:
		return bad("MinCalls", c.MinCalls, "at least 1")
	case !rate(c.FailureRate) || c.FailureRate < 0:
		return bad("FailureRate", c.FailureRate, "a share in (0, 1]")
	case !rate(c.SlowCallRate):
		return bad("SlowCallRate", c.SlowCallRate, "a share in (0, 1], or a negative number for none")
	case c.SlowCall <= 0:
		return bad("SlowCall", c.SlowCall, "a positive duration")
	case c.OpenFor <= 0:
		return bad("OpenFor", c.OpenFor, "a positive duration")
	case c.OpenMax < c.OpenFor:
		return bad("OpenMax", c.OpenMax, "at least OpenFor")
	case c.StableFor <= 0:
		return bad("StableFor", c.StableFor, "a positive duration")
	case c.HalfOpenCalls < 1, c.HalfOpenCalls > maxHalfOpenCalls:
		return bad("HalfOpenCalls", c.HalfOpenCalls, fmt.Sprintf("1 to %d", maxHalfOpenCalls))
	case c.HalfOpenFor <= 0:
		return bad("HalfOpenFor", c.HalfOpenFor, "a positive duration")
	default:
		return nil
	}
}
