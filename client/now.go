package client

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/postproof/postproof"
)

// maxSkew is how far ahead of the ledger's time a vendor's clock may be to be
// believed. It is below the margin that is taken off every key window, so that
// a window measured from a time that ran ahead still closes before the vendor's.
const maxSkew = 10 * time.Minute

// ledgerTime is the time of the ledger: it never runs back (rule 11). Where a
// later time was seen than the clock shows, it goes on from there at half
// speed until the clock has caught up: standing still would stop every wait,
// and going on at full speed would keep the difference for ever.
//
// A clock that is set back while nobody looks takes nothing away: what has passed
// since the last look is told by the clock's monotonic reading. Else a process
// that stood still for hours, and whose clock was set back meanwhile, would take a
// vendor's key for younger than it is.
type ledgerTime struct {
	clock postproof.Clock

	mu sync.Mutex
	// at is the newest time returned or read; seen and steady are the clock as it
	// was then, and ahead says that at was later than seen.
	at     time.Time
	seen   time.Time
	steady time.Duration
	ahead  bool
	// back is the most that the clock was behind at, where that was more than maxSkew,
	// and backAt the newest time at which it was.
	back   time.Duration
	backAt time.Time
}

// steadyClock is a clock whose times have no monotonic reading, and that tells
// by itself how much time has passed.
type steadyClock interface{ Steady() time.Duration }

func (t *ledgerTime) now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tick()
}

// tick brings the time up to date; the caller holds the lock.
func (t *ledgerTime) tick() time.Time {
	local := t.clock.Now()
	passed := local.Sub(t.seen) // by the monotonic reading, if there is one
	if c, ok := t.clock.(steadyClock); ok {
		steady := c.Steady()
		passed, t.steady = steady-t.steady, steady
	}
	if t.seen.IsZero() {
		passed = 0
	}
	passed = max(passed, 0)
	if t.ahead {
		passed /= 2
	}
	at := t.at.Add(passed)
	// Compared by the wall: where the clock was set back its monotonic reading
	// says nothing of it.
	if wall := local.Round(0); !at.After(wall) {
		t.at, t.ahead = wall, false
	} else {
		// Half speed only where it matters: a step of the wall in the midst of its
		// last digits is no difference.
		t.at, t.ahead = at, at.Sub(wall) > time.Millisecond
		t.fellBack(wall)
	}
	t.seen = local
	return t.at
}

// fellBack notes how far the clock is behind; the caller holds the lock.
func (t *ledgerTime) fellBack(wall time.Time) {
	if by := t.at.Sub(wall); by > maxSkew {
		t.back, t.backAt = max(t.back, by), t.at
	}
}

// setBack is by how much the time since the one given may be longer than it seems:
// the clock was set back since, or had yet to be.
func (t *ledgerTime) setBack(since time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tick()
	if since.After(t.backAt) {
		return 0
	}
	return t.back
}

// see takes note of a time that was read from the ledger or from a vendor.
func (t *ledgerTime) see(at time.Time) {
	if at.IsZero() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !at.After(t.at) || !at.After(t.tick()) {
		return
	}
	t.at = at.Round(0)
	t.ahead = t.at.After(t.seen.Round(0))
}

// local returns the moment on the clock that a moment of the ledger's time
// stands for: what is below the client, retries and breakers, lives by the
// clock.
func (t *ledgerTime) local(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return t.clock.Now().Add(at.Sub(t.now()))
}

// now is the time of the ledger.
func (c *Client) now() time.Time { return c.time.now() }

// see takes note of a time that was read from the ledger.
func (c *Client) see(at time.Time) { c.time.see(at) }

// seeVendor takes note of a vendor's clock.
func (c *Client) seeVendor(ctx context.Context, v *vendor, date time.Time) {
	if date.IsZero() {
		return
	}
	if ahead := date.Sub(c.now()); ahead > maxSkew {
		if !v.skewed.Swap(true) {
			c.logger.LogAttrs(ctx, slog.LevelError, "a vendor's clock is far ahead of ours: it is ignored; check both",
				slog.String("vendor", v.name), slog.Duration("ahead", ahead))
		}
		return
	}
	c.time.see(date)
}

// seldomDone is when something that this process does now and then is next due.
type seldomDone struct {
	mu   sync.Mutex
	next time.Time
}

// due reports whether it is to be done now, and by the caller alone; again after
// the time given.
func (i *seldomDone) due(now time.Time, every time.Duration) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now.Before(i.next) {
		return false
	}
	i.next = now.Add(every)
	return true
}

// waits reports whether it is to be done.
func (i *seldomDone) waits(now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return !now.Before(i.next)
}
