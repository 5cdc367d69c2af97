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
//
// Requests are paced evenly, with room for a small burst, so that no span of
// the rate's length ever holds more of them than the rate allows, wherever the
// vendor's own window begins.
type limiter struct {
	mu     sync.Mutex
	step   time.Duration // between two requests; 0 is no limit
	burst  time.Duration // how far ahead of the pace requests may be
	groups map[string]*pace
}

type pace struct {
	next time.Time // when the next request is due at an even pace
	shut time.Time // nothing before: the vendor said so
	// since is when the vendor began to answer "too many requests", zero when
	// its latest answer was another one.
	since time.Time
}

func (l *limiter) init(rate postproof.Rate) {
	l.groups = map[string]*pace{}
	if rate.Requests <= 0 || rate.Per <= 0 {
		return
	}
	burst := max(1, rate.Requests/10)
	l.step = rate.Per / time.Duration(max(1, rate.Requests-burst))
	l.burst = time.Duration(burst-1) * l.step
}

func (l *limiter) group(name string) *pace {
	p := l.groups[name]
	if p == nil {
		p = &pace{}
		l.groups[name] = p
	}
	return p
}

func (l *limiter) left(p *pace, now time.Time) time.Duration {
	return max(0, p.shut.Sub(now), p.next.Add(-l.burst).Sub(now))
}

// take reserves one request. A wait above zero means that nothing was reserved,
// and when to ask again.
func (l *limiter) take(group string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.group(group)
	if wait := l.left(p, now); wait > 0 {
		return wait
	}
	l.add(p, now, 1)
	return 0
}

// repeated counts requests that were made without being asked for: retries.
func (l *limiter) repeated(group string, now time.Time, n int) {
	if n <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(l.group(group), now, n)
}

func (l *limiter) add(p *pace, now time.Time, n int) {
	if l.step == 0 {
		return
	}
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(n) * l.step)
}

// wait returns how long a request would have to wait, and since when the vendor
// has answered "too many requests"; it reserves nothing.
func (l *limiter) wait(group string, now time.Time) (time.Duration, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.group(group)
	return l.left(p, now), p.since
}

// limited notes an answer "too many requests", with the wait that the vendor
// asked for, if any.
func (l *limiter) limited(group string, now time.Time, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.group(group)
	if p.since.IsZero() {
		p.since = now
	}
	if until := now.Add(wait); until.After(p.shut) {
		p.shut = until
	}
}

// read takes what an answer of any other kind says about the limit: the draft
// standard's and Lob's header names, a reset in seconds left or in seconds
// since 1970.
func (l *limiter) read(group string, h http.Header, now time.Time) {
	until := resetOf(h, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.group(group)
	p.since = time.Time{}
	if until.After(p.shut) {
		p.shut = until
	}
}

// resetOf is when a used-up limit is renewed, zero when it is not used up.
func resetOf(h http.Header, now time.Time) time.Time {
	remaining, ok := number(h, "Ratelimit-Remaining", "X-Rate-Limit-Remaining", "X-Ratelimit-Remaining")
	if !ok || remaining > 0 {
		return time.Time{}
	}
	reset, ok := number(h, "Ratelimit-Reset", "X-Rate-Limit-Reset", "X-Ratelimit-Reset")
	if !ok || reset <= 0 {
		return time.Time{}
	}
	wait := time.Duration(min(reset, 300)+1) * time.Second // it may be rounded down
	// Years: an absolute time, by the vendor's clock.
	if reset > 100_000_000 {
		reference := now
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			reference = date
		}
		wait = min(time.Unix(reset, 0).Sub(reference), 5*time.Minute)
	}
	return now.Add(wait)
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
