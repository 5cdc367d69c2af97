package retry

import "time"

// fullJitter returns a wait between 0 and min(limit, base·2ⁿ), n counting
// from 0. Full jitter spreads a fleet best when all its members failed in the
// same moment.
func fullJitter(base, limit time.Duration, n int, random func() float64) time.Duration {
	ceiling := limit
	// base·2ⁿ overflows for large n; compare by shifting the limit instead.
	if n < 63 && base <= limit>>n {
		ceiling = base << n
	}
	return min(max(time.Duration(random()*float64(ceiling)), 0), ceiling)
}
