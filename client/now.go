package client

import (
	"context"
	"log/slog"
	"sync/atomic"
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
type ledgerTime struct {
	clock postproof.Clock
	high  atomic.Int64 // the newest time returned or seen, in nanoseconds
	lead  atomic.Pointer[lead]
}

// lead is a moment at which the ledger's time was ahead of the clock.
type lead struct{ ledger, local time.Time }

func (t *ledgerTime) now() time.Time {
	local := t.clock.Now()
	now := local
	if l := t.lead.Load(); l != nil {
		if ahead := l.ledger.Add(max(0, local.Sub(l.local)) / 2); ahead.After(now) {
			now = ahead
		}
	}
	high := t.high.Load()
	for now.UnixNano() > high {
		if t.high.CompareAndSwap(high, now.UnixNano()) {
			return now
		}
		high = t.high.Load()
	}
	if behind := time.Duration(high - now.UnixNano()); behind > 0 {
		now = time.Unix(0, high).In(local.Location())
		if behind > time.Millisecond { // less is another goroutine's haste
			t.lead.Store(&lead{ledger: now, local: local})
		}
	}
	return now
}

// see takes note of a time that was read from the ledger or from a vendor.
func (t *ledgerTime) see(at time.Time) {
	if at.IsZero() {
		return
	}
	for n := at.UnixNano(); ; {
		high := t.high.Load()
		if n <= high || t.high.CompareAndSwap(high, n) {
			return
		}
	}
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
