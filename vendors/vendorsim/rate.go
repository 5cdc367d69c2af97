package vendorsim

import (
	"sync"
	"time"
)

// limiter counts requests in fixed windows of time, one count for each name.
type limiter struct {
	limit int
	per   time.Duration

	mu      sync.Mutex
	windows map[string]*rateWindow
}

type rateWindow struct {
	start time.Time
	used  int
}

// newLimiter returns nil, which allows everything, for a negative limit.
func newLimiter(limit int, per time.Duration) *limiter {
	if limit < 0 {
		return nil
	}
	return &limiter{limit: limit, per: per, windows: map[string]*rateWindow{}}
}

// take counts a request and returns how many are left in the window, or -1
// when it is over the limit, and when the window ends.
func (l *limiter) take(name string, now time.Time) (left int, reset time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[name]
	if w == nil || now.Sub(w.start) >= l.per || now.Before(w.start) {
		w = &rateWindow{start: now}
		l.windows[name] = w
	}
	end := w.start.Add(l.per)
	if w.used >= l.limit {
		return -1, end
	}
	w.used++
	return l.limit - w.used, end
}
