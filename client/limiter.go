package client

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/postproof/postproof"
)

// limiter keeps a vendor's rate limits, one an operation group: what the vendor
// states, corrected by what its answers say. The zero value limits nothing.
type limiter struct {
	mu     sync.Mutex
	rate   postproof.Rate
	groups map[string]*window
}

type window struct {
	start time.Time // of the present window
	used  int
	shut  time.Time // nothing before: the vendor said so
}

func (l *limiter) init(rate postproof.Rate) {
	l.rate, l.groups = rate, map[string]*window{}
}

func (l *limiter) group(name string) *window {
	w := l.groups[name]
	if w == nil {
		w = &window{}
		l.groups[name] = w
	}
	return w
}

// take reserves one request. A wait above zero means that nothing was reserved,
// and when to ask again.
func (l *limiter) take(group string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.group(group)
	if wait := w.shut.Sub(now); wait > 0 {
		return wait
	}
	if l.rate.Requests <= 0 || l.rate.Per <= 0 {
		return 0
	}
	if age := now.Sub(w.start); age >= l.rate.Per || age < 0 {
		w.start, w.used = now, 0
	}
	if w.used >= l.rate.Requests {
		return w.start.Add(l.rate.Per).Sub(now)
	}
	w.used++
	return 0
}

// wait returns how long a request would have to wait, and reserves nothing.
func (l *limiter) wait(group string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.group(group)
	if wait := w.shut.Sub(now); wait > 0 {
		return wait
	}
	if l.rate.Requests > 0 && w.used >= l.rate.Requests {
		return max(0, w.start.Add(l.rate.Per).Sub(now))
	}
	return 0
}

// pause shuts the group for a time: the vendor asked for it.
func (l *limiter) pause(group string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.group(group); until.After(w.shut) {
		w.shut = until
	}
}

// read takes what an answer's headers say: the draft standard's and Lob's
// names, a reset in seconds left or in seconds since 1970.
func (l *limiter) read(group string, h http.Header, now time.Time) {
	remaining, ok := number(h, "Ratelimit-Remaining", "X-Rate-Limit-Remaining", "X-Ratelimit-Remaining")
	if !ok || remaining > 0 {
		return
	}
	reset, ok := number(h, "Ratelimit-Reset", "X-Rate-Limit-Reset", "X-Ratelimit-Reset")
	if !ok || reset <= 0 {
		return
	}
	wait := time.Duration(reset) * time.Second
	if reset > 1_000_000_000 { // an absolute time, by the vendor's clock
		reference := now
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			reference = date
		}
		wait = time.Unix(reset, 0).Sub(reference)
	}
	if wait > 0 {
		l.pause(group, now.Add(min(wait, 5*time.Minute)))
	}
}

func number(h http.Header, names ...string) (int64, bool) {
	for _, name := range names {
		if v := h[name]; len(v) > 0 {
			n, err := strconv.ParseInt(v[0], 10, 64)
			return n, err == nil && n < 1<<40
		}
	}
	return 0, false
}
