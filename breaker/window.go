package breaker

import "time"

// window counts calls over a rolling time, in buckets, on the caller's clock.
// gobreaker has such a window, too, but on the machine's time and without
// slow calls.
type window struct {
	period  time.Duration
	buckets []Counts // Consecutive is not used
	total   Counts
	start   time.Time // of the current bucket
	current int
}

func newWindow(span, period time.Duration) window {
	return window{period: period, buckets: make([]Counts, (span+period-1)/period)}
}

// reset empties the window, which then starts at now.
func (w *window) reset(now time.Time) {
	clear(w.buckets)
	w.total, w.start, w.current = Counts{}, now, 0
}

// roll forgets the buckets that now is past.
func (w *window) roll(now time.Time) {
	steps := int64(now.Sub(w.start) / w.period)
	if steps <= 0 {
		return
	}
	if steps >= int64(len(w.buckets)) {
		w.reset(now)
		return
	}
	w.start = w.start.Add(time.Duration(steps) * w.period)
	for range steps {
		w.current = (w.current + 1) % len(w.buckets)
		old := &w.buckets[w.current]
		w.total.Calls -= old.Calls
		w.total.Failures -= old.Failures
		w.total.Slow -= old.Slow
		w.total.Excluded -= old.Excluded
		*old = Counts{}
	}
}

// add counts one call at now.
func (w *window) add(now time.Time, kind Kind, slow bool) {
	w.roll(now)
	for _, c := range []*Counts{&w.total, &w.buckets[w.current]} {
		if kind == Excluded {
			c.Excluded++
			continue
		}
		c.Calls++
		if kind == Failure {
			c.Failures++
		}
		if slow {
			c.Slow++
		}
	}
}
