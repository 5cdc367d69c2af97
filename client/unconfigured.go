package client

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// UnconfiguredVendor is a vendor that has pieces, or may have them, and that the client
// has no adapter of: it cannot ask about them.
type UnconfiguredVendor struct {
	Name string
	// Pieces is how many there were when they were last counted, at least.
	Pieces int64
	// Since is when this client met the first of them.
	Since time.Time
}

// maxMet bounds how many vendors, and how many accounts of one, are remembered that
// there are no credentials of: more than anybody has, whatever a ledger says.
const maxMet = 64

// unconfigured are the vendors that a client met and has no adapter of.
type unconfigured struct {
	mu    sync.Mutex
	known map[string]*unconfiguredVendor
}

type unconfiguredVendor struct {
	UnconfiguredVendor

	counting seldomDone
	counted  time.Time
}

// meet returns what is known of a vendor, nil when there is no room for one more.
func (u *unconfigured) meet(name string, now time.Time) *unconfiguredVendor {
	u.mu.Lock()
	defer u.mu.Unlock()
	v := u.known[name]
	if v == nil && len(u.known) < maxMet {
		v = &unconfiguredVendor{UnconfiguredVendor: UnconfiguredVendor{Name: name, Since: now}}
		if u.known == nil {
			u.known = map[string]*unconfiguredVendor{}
		}
		u.known[name] = v
	}
	return v
}

// counts reports whether the vendor's pieces are to be counted when the next one is
// met. That reads the ledger, and is no work for whoever deals it out.
func (u *unconfigured) counts(name string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	v := u.known[name]
	if v == nil {
		return len(u.known) < maxMet
	}
	return !now.Before(v.counted.Add(countAgain))
}

// pieces returns how many a vendor had when they were last counted.
func (u *unconfigured) pieces(name string) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if v := u.known[name]; v != nil {
		return v.Pieces
	}
	return 0
}

// set notes a count, and reports whether it is the first.
func (u *unconfigured) set(v *unconfiguredVendor, pieces int64, now time.Time) (out UnconfiguredVendor, first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	first = v.counted.IsZero()
	v.Pieces, v.counted = pieces, now
	return v.UnconfiguredVendor, first
}

// UnconfiguredVendors returns the vendors of pieces that this client was to ask about and
// has no adapter of, by name; at most 64. They were taken away from [New], or
// are other workers': its pieces are asked for by whoever has the adapter, and by
// nobody if none has. Accepted ones are held at the end of their time
// ([idempotency.HoldDeadline]), unknown ones when they were left to other workers for
// as long as a job waits for a vendor ([WithRerouteAfter], [idempotency.HoldVendorGone]),
// and the note says why. What was met stays in it for as
// long as the client lives. [Client.Troubles] has it, too, for as long as no client
// on the ledger has the adapter.
func (c *Client) UnconfiguredVendors() []UnconfiguredVendor {
	u := &c.strangers
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []UnconfiguredVendor
	for _, name := range slices.Sorted(maps.Keys(u.known)) {
		if v := u.known[name]; !v.counted.IsZero() {
			all = append(all, v.UnconfiguredVendor)
		}
	}
	return all
}

// meetUnconfigured notes that a piece cannot be asked for, because its vendor has no
// adapter, and has people told of all such pieces: once in the log, and for as long as
// there are some in [Client.Troubles].
func (c *Client) meetUnconfigured(ctx context.Context, name string) {
	now := c.now()
	v := c.strangers.meet(name, now)
	if v == nil {
		return
	}
	c.countUnasked(ctx, name, unaskedNoAdapter)
	if !v.counting.due(now, countAgain) {
		return
	}
	pieces := int64(0)
	for rec, err := range legible(ctx, c, c.store.Find(ctx, mayBeAt(name))) {
		if err != nil {
			break // at least those that were counted
		}
		if slices.ContainsFunc(rec.Submissions, func(s idempotency.Submission) bool { return s.Vendor == name && isOpen(rec, &s) }) {
			pieces++
		}
	}
	known, first := c.strangers.set(v, max(pieces, 1), now)
	if first {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "pieces are with a vendor that is not configured, or may be: this client cannot ask about them; give its adapter back to a worker until they are through",
			slog.String("vendor", name), slog.Int64("pieces", known.Pieces))
	}
	c.tellPieces(otherAccountName(name, ""), TroubleNoAdapter, known.Pieces, known.Since)
}
