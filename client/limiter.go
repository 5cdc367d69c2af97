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
//
// The rate is the account's. Replicas that know of each other take an equal part
// of it; what answers say counts for each of them.
type limiter struct {
	mu     sync.Mutex
	rate   postproof.Rate // of the account; zero is no limit
	shares int            // the rate is divided by it
	step   time.Duration  // between two requests; 0 is no limit
	burst  time.Duration  // how far ahead of the pace requests may be
	joined time.Time      // no request was to be made before
	// looks are when the replicas were last counted, and the time before that.
	looks  [2]time.Time
	groups map[string]*pace
}

type pace struct {
	next time.Time // when the next request is due at an even pace
	shut time.Time // nothing before: the vendor said so
	hint span      // nothing before its end: the vendor said so to another replica
	// since is when the vendor began to answer "too many requests", zero when
	// its latest answer was another one.
	since time.Time
	// made is how many requests there were since the latest look, and between
	// that and the one before.
	made [2]int
}

func (l *limiter) init(rate postproof.Rate) {
	l.groups = map[string]*pace{}
	if rate.Requests <= 0 || rate.Per <= 0 {
		return
	}
	l.rate = rate
	l.share(1, time.Time{})
}

// rated reports whether there is a rate to share.
func (l *limiter) rated() bool { return l.rate != (postproof.Rate{}) }

// share divides the rate between so many replicas: whole requests, so that the
// sum never exceeds it. Where there are more replicas than requests each keeps
// one, in a time that is longer by as much.
//
// A replica that hears of others has used their part, too, since its look
// before: it waits until that would have been its own.
func (l *limiter) share(n int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rated() || n < 1 {
		return
	}
	if more := n > l.shares && l.shares > 0; n != l.shares {
		l.divide(n)
		for _, p := range l.groups {
			if more && !l.looks[0].IsZero() {
				since := l.looks[1]
				if since.IsZero() {
					since = l.looks[0]
				}
				fair := since.Add(time.Duration(p.made[0]+p.made[1]) * l.step)
				p.next = laterOf(p.next, earliest(fair, now.Add(l.rate.Per)).Add(l.burst))
			}
		}
	}
	if now.Sub(l.looks[0]) >= hintEvery || now.Before(l.looks[0]) {
		l.looks = [2]time.Time{now, l.looks[0]}
		for _, p := range l.groups {
			p.made = [2]int{0, p.made[0]}
		}
	}
}

func (l *limiter) divide(n int) {
	l.shares = n
	requests, per := l.rate.Requests/n, l.rate.Per
	if requests == 0 {
		requests, per = 1, per*time.Duration(n)/time.Duration(l.rate.Requests)
	}
	burst := max(1, requests/10)
	l.step = per / time.Duration(max(1, requests-burst))
	l.burst = time.Duration(burst-1) * l.step
}

// replicas is by how many the rate is divided.
func (l *limiter) replicas() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(1, l.shares)
}

// join makes no request before the time given, and none in a burst then: the
// replicas that are there already give of their part when they have heard of
// this one.
func (l *limiter) join(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.joined = at
	for _, p := range l.groups {
		l.begin(p)
	}
}

// begin has a group begin when the replica has joined.
func (l *limiter) begin(p *pace) {
	if first := l.joined.Add(l.burst); !l.joined.IsZero() && first.After(p.next) {
		p.next = first
	}
}

func (l *limiter) group(name string) *pace {
	p := l.groups[name]
	if p == nil {
		p = &pace{}
		l.begin(p)
		l.groups[name] = p
	}
	return p
}

func (l *limiter) left(p *pace, now time.Time) time.Duration {
	left := max(0, p.shut.Sub(now), p.next.Add(-l.burst).Sub(now))
	if p.hint.holds(now) {
		left = max(left, p.hint.until.Sub(now))
	}
	return left
}

// hinted notes what the vendor said to another replica; an empty span that it is
// over.
func (l *limiter) hinted(group string, s span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.group(group).hint = s
}

// hintedUntil is until when another replica's hint holds, zero when none does.
func (l *limiter) hintedUntil(group string, now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.groups[group]; p != nil && p.hint.holds(now) {
		return p.hint.until
	}
	return time.Time{}
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
	p.made[0] += n
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
// since 1970. It returns until when the limit is used up, zero when it is not.
func (l *limiter) read(group string, h http.Header, now time.Time) time.Time {
	until := resetOf(h, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.group(group)
	p.since = time.Time{}
	if until.After(p.shut) {
		p.shut = until
	}
	return until
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
