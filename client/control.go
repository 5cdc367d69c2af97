package client

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// controls remembers a few pieces that a vendor accepted under the present
// account and mode, to prove that a look-up finds what is there. They lie apart
// in time, so that some are old enough to be listed however many are sent.
type controls struct {
	mu   sync.Mutex
	list []control // by time, oldest first
	// lost are those that the vendor's look-up did not find.
	lost lostRefs
}

type control struct {
	ref postproof.Ref
	at  time.Time // no later than the acceptance
}

const (
	maxControls    = 32
	controlSpacing = 5 * time.Minute
	// controlTries bounds the look-ups of control pieces for one of a job.
	controlTries = 4
	// maxLost bounds what is remembered of pieces that were not found.
	maxLost = 1024
)

// add remembers a piece. Of those that are closer together than the spacing
// only the latest moves on.
func (c *controls) add(ref postproof.Ref, at time.Time) {
	if ref == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost.has(ref) {
		return
	}
	n := len(c.list)
	if n > 0 && !at.After(c.list[n-1].at) { // a replay, or another goroutine was quicker
		if i, _ := slices.BinarySearchFunc(c.list, at, func(k control, at time.Time) int { return k.at.Compare(at) }); n < maxControls && !c.known(ref) {
			c.list = slices.Insert(c.list, i, control{ref, at})
		}
		return
	}
	switch {
	case c.known(ref):
	case n > 1 && c.list[n-1].at.Sub(c.list[n-2].at) < controlSpacing:
		c.list[n-1] = control{ref, at}
	case n == maxControls:
		c.list = append(slices.Delete(c.list, 0, 1), control{ref, at})
	default:
		c.list = append(c.list, control{ref, at})
	}
}

func (c *controls) known(ref postproof.Ref) bool {
	return slices.ContainsFunc(c.list, func(k control) bool { return k.ref == ref })
}

// since returns the oldest piece that was accepted after the time given: the
// longer it is there, the surer it can be found.
func (c *controls) since(at time.Time, not postproof.Ref) (control, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.list {
		if k.at.After(at) && k.ref != not {
			return k, true
		}
	}
	return control{}, false
}

// drop forgets a piece for good: the vendor does not find it.
func (c *controls) drop(ref postproof.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(k control) bool { return k.ref == ref })
	c.lost.add(ref)
}

func (c *controls) isLost(ref postproof.Ref) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost.has(ref)
}

// lostRefs are references that a vendor does not find. When they become too many it
// forgets them all: then some are asked about once more.
type lostRefs map[postproof.Ref]struct{}

func (l *lostRefs) add(ref postproof.Ref) {
	if *l == nil || len(*l) >= maxLost {
		*l = lostRefs{}
	}
	(*l)[ref] = struct{}{}
}

func (l *lostRefs) has(ref postproof.Ref) bool {
	_, ok := (*l)[ref]
	return ok
}

// control reports whether a piece that the vendor accepted after our last send
// is found by the same kind of look-up. Without such a piece an empty answer
// proves nothing. For a submission that a recovery doubts the last send is the
// recovery: a lost history may have sent until then, and a piece from before
// shows a list from before.
//
// One piece that is not found does not spoil the proof: a vendor keeps what it
// lists for a time only, and a piece may have been removed there. It is dropped
// and the next one tried. One that is younger than the vendor's settle time may
// just not be listed yet: then the answer proves nothing so far.
func (w *work) control(ctx context.Context, v *vendor, finder vendors.Finder, sub *idempotency.Submission) bool {
	after, scanned := sub.LastAt, false
	for range controlTries {
		k, ok := v.controls.since(after, sub.Ref)
		if !ok && !scanned {
			// Nothing that this process saw: another one may have had a piece
			// accepted.
			scanned = true
			w.findControls(ctx, v, after)
			k, ok = v.controls.since(after, sub.Ref)
		}
		if !ok {
			return false
		}
		found, asked := w.seesControl(ctx, v, finder, k.ref)
		switch {
		case found:
			return true
		case !asked, w.c.now().Before(k.at.Add(v.caps.Lookup.SettleTime())):
			return false
		}
		v.controls.drop(k.ref)
		w.c.logger.LogAttrs(ctx, slog.LevelWarn, "a vendor's look-up does not find a piece that it accepted: another one is tried as control",
			slog.String("vendor", v.name), slog.String("ref", string(k.ref)), slog.Time("accepted", k.at))
	}
	return false
}

// seesControl looks a control piece up. It reports whether it was found, and
// whether the vendor was asked at all and gave a whole answer.
func (w *work) seesControl(ctx context.Context, v *vendor, finder vendors.Finder, ref postproof.Ref) (there, asked bool) {
	k := &call{c: w.c, v: v}
	found, err := k.find(ctx, finder, ref)
	if err != nil || found == nil {
		return false, false
	}
	there = slices.ContainsFunc(found.Orders, func(o *vendors.Order) bool { return bearsRef(o, ref, w.rec.Mode) })
	return there, found.Complete
}

// enoughControls is how many pieces one search of the ledger brings.
const enoughControls = 8

// findControls searches the ledger for pieces that the vendor accepted after
// the time given, under the present account and mode.
func (w *work) findControls(ctx context.Context, v *vendor, after time.Time) {
	if !v.mayScan(w.c.now()) {
		return
	}
	n := 0
	q := idempotency.Query{Vendor: v.name, States: []idempotency.State{idempotency.Accepted, idempotency.Done}}
	for rec, err := range legible(ctx, w.c, w.c.store.Find(ctx, q)) {
		if err != nil {
			v.scanAgain()
			return
		}
		at := acceptedAfter(rec, v)
		if !at.After(after) || rec.ID == w.rec.ID || v.controls.isLost(rec.Receipt.Ref) {
			continue
		}
		v.controls.add(rec.Receipt.Ref, at)
		if n++; n == enoughControls {
			break
		}
	}
	if n > 0 {
		v.scanAgain()
	}
}

// acceptedAfter returns a moment after which the vendor accepted the piece that
// counts; zero when it is another vendor's, account's or mode's.
func acceptedAfter(rec *idempotency.Record, v *vendor) time.Time {
	if rec.Receipt.Vendor != v.name || rec.Mode != v.account.Mode {
		return time.Time{}
	}
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		if s.Vendor != v.name || !sameAccount(v, s.Account) || s.Ref != rec.Receipt.Ref {
			continue
		}
		// Of what a lost history sent only the vendor says when it took it, by a clock that
		// may be ahead, and the receipt may have when we heard of it: it is none.
		if at := rec.Receipt.AcceptedAt; at.Before(s.FirstAt) {
			return at
		}
		if sentByOthersFirst(s) {
			return time.Time{}
		}
		return s.FirstAt
	}
	return time.Time{}
}

// sentByOthersFirst reports whether the vendor answered our first bytes with a piece that
// it had: another history sent it, at a time that only the vendor's clock tells.
func sentByOthersFirst(s *idempotency.Submission) bool { return s.Veto && s.Sends == 1 }

// scanEvery is the least time between two searches of the whole ledger for a
// control piece, while they find nothing.
const scanEvery = 10 * time.Minute

func (v *vendor) mayScan(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Before(v.scanned.Add(scanEvery)) {
		return false
	}
	v.scanned = now
	return true
}

func (v *vendor) scanAgain() {
	v.mu.Lock()
	v.scanned = time.Time{}
	v.mu.Unlock()
}
