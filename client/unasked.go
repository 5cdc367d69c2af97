package client

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// A worker that cannot ask a vendor, or not for the account, claims its pieces like
// any other: the queue does not know who can. So it gives them back soon, for whoever
// can to have a turn. That one is there is known from the hints: it takes back what
// this one tells of such pieces. Where nobody does they are asked for at the vendor's
// pace, as if it did not answer, so that what nobody can ask for costs little.

const (
	// nextWorker is the shortest time that a piece is left to others.
	nextWorker = time.Minute
	// nextTurn is about how long a job is left to others that no vendor of this client
	// takes.
	nextTurn = 15 * time.Second
	// turnOfEach is the part in that of each unknown outcome that this client cannot ask
	// about, up to nextWorker for all of them; longestTurn is the longest.
	turnOfEach  = 5 * time.Millisecond
	longestTurn = time.Hour
	// longestForAnother is the longest time that a piece is left to others.
	longestForAnother = 24 * time.Hour
	// answerFor is how long a client that was told of such pieces has to say that it
	// can ask for them, before nobody is taken to be there. Each client tells once: of
	// many that cannot ask, the last may meet the piece hours after the first.
	answerFor = 5 * nextWorker
	// longestOpen bounds that for a piece, where nobody can be told.
	longestOpen = 24 * time.Hour
	// ableFor is how long it is believed to be there: it says so as often as the
	// pieces are counted.
	ableFor = countAgain + time.Hour
	// longestWatch is the longest time between two looks of a watch.
	longestWatch = 72 * time.Hour
)

// meetUnasked notes that a piece cannot be asked for, and has people told of all such
// pieces.
func (c *Client) meetUnasked(ctx context.Context, v *vendor, sub *idempotency.Submission) {
	if v != nil {
		c.meetOther(ctx, v, sub.Account)
	} else {
		c.meetUnconfigured(ctx, sub.Vendor)
	}
}

// forAnother returns for how long a piece is left to others that this client cannot
// ask for and that has waited so long; 0 when nobody is known to be able to.
func (c *Client) forAnother(v *vendor, sub *idempotency.Submission, waited time.Duration) time.Duration {
	account := ""
	if v != nil {
		account = sub.Account
	}
	able, open := c.hints.able(otherAccountName(sub.Vendor, account), c.clock.Now())
	switch {
	case c.alone, able:
		// Of many workers one can, and each look is by any of them: by chance, so that it
		// is not the same one each time that happens to look first.
		wait := min(max(waited/8, nextWorker), longestForAnother)
		return wait/2 + rand.N(wait) //nolint:gosec // it spreads work, and guards nothing
	case open && waited < longestOpen:
		return max(answerFor, waited/8)
	default:
		return 0
	}
}

// isForOthers reports whether a job that no vendor of this client could ever take is
// left to other workers. Whoever it was handed in to has a vendor for it: so this client
// is an older one or a newer one, as while a vendor is rolled out, or is for other
// mail. Nobody knows who is there: when it was left for as long as a job waits for a
// vendor it is refused.
func (w *work) isForOthers() bool {
	job, err := w.decoded()
	if err != nil || w.fresh || w.c.possible(job) == nil {
		return false
	}
	since, left := leftSince(w.rec)
	return !left || w.c.now().Before(since.Add(w.c.reroute))
}

// leave gives a job back for others to have a turn. The history tells why once.
func (w *work) leave(ctx context.Context, r routing) error {
	now := w.c.now()
	since, left := leftSince(w.rec)
	ev := idempotency.Postpone{Until: now.Add(nextTurn/2 + rand.N(nextTurn))} //nolint:gosec // it spreads work, and guards nothing
	if left {
		ev.Awaits = awaitsOthers + since.Format(time.RFC3339)
		return w.apply(ctx, ev)
	}
	ev.Awaits, ev.Note = awaitsOthers+now.UTC().Format(time.RFC3339), "no vendor of this worker takes it: it is left to others"
	return w.applyWith(ctx, r.skipped, ev)
}

// awaitsOthers stands before the time since when a job is left to others.
const awaitsOthers = "another worker since "

// leftSince returns since when a job is left to others; false when it is not.
func leftSince(rec *idempotency.Record) (time.Time, bool) {
	text, ok := strings.CutPrefix(rec.Awaits, awaitsOthers)
	at, err := time.Parse(time.RFC3339, text)
	return at, ok && err == nil
}

// onlyForOthers reports whether what is next for an unknown outcome takes a vendor, or
// credentials of an account, that this client does not have.
func (c *Client) onlyForOthers(rec *idempotency.Record, a *idempotency.Step) bool {
	if rec.State != idempotency.Unknown {
		return false
	}
	s := &a.Submission
	v := c.byName[s.Vendor]
	switch a.Do {
	case idempotency.DoHold:
		return a.Reason == idempotency.HoldVendorGone
	case idempotency.DoResend:
		return !sameAccount(v, s.Account)
	case idempotency.DoLookUp:
		return !s.Dead() && s.Account != "" && v != nil && !sameAccount(v, s.Account)
	default:
		return false
	}
}

// askable returns a submission in doubt that this client can look up beside one that it
// cannot; nil if there is none.
func (c *Client) askable(rec *idempotency.Record) *idempotency.Submission {
	for _, s := range rec.Live() {
		if v := c.byName[s.Vendor]; sameAccount(v, s.Account) && v.finder() != nil {
			return s
		}
	}
	return nil
}

// leaveUnknown gives an unknown outcome back that this client cannot ask about, for
// others to have a turn, and holds it when nobody has come.
func (w *work) leaveUnknown(ctx context.Context, sub *idempotency.Submission) error {
	v := w.c.byName[sub.Vendor]
	w.c.meetUnasked(ctx, v, sub)
	if ev, ok := w.c.turnOfOthers(w.rec, v, sub); ok {
		return w.apply(ctx, ev)
	}
	return w.apply(ctx, idempotency.PutOnHold{Reason: idempotency.HoldVendorGone, Note: cannotAsk(v, sub)})
}

// turnOfOthers is the next turn of others for an unknown outcome that this client cannot ask
// about; false when it was left to them for as long as a job waits for a vendor, and
// nobody says to be able to. Who has asked in vain begins that time anew: whatever
// happens to a record ends what it awaits. Its deadline ends all of it.
func (c *Client) turnOfOthers(rec *idempotency.Record, v *vendor, sub *idempotency.Submission) (idempotency.Postpone, bool) {
	now := c.now()
	ev := idempotency.Postpone{}
	since, again := leftSince(rec)
	if !again {
		since, ev.Note = now, cannotAsk(v, sub)+"; it is left to others"
	}
	account := ""
	if v != nil {
		account = sub.Account
	}
	waited := now.Sub(since)
	if able, _ := c.hints.able(otherAccountName(sub.Vendor, account), c.clock.Now()); waited >= c.reroute && !able {
		return ev, false
	}
	// A campaign of them is no reason to write to the ledger without end.
	crowd := min(time.Duration(c.metUnasked(v, sub))*turnOfEach, nextWorker)
	wait := min(max(nextTurn, crowd, waited/32), longestTurn)
	ev.Until = now.Add(wait/2 + rand.N(wait)) //nolint:gosec // it spreads work, and guards nothing
	ev.Awaits = awaitsOthers + since.UTC().Format(time.RFC3339)
	return ev, true
}

// metUnasked returns how many pieces there were that are as the submission, when they
// were last counted.
func (c *Client) metUnasked(v *vendor, sub *idempotency.Submission) int64 {
	if v == nil {
		return c.strangers.pieces(sub.Vendor)
	}
	return v.others.pieces(sub.Account)
}

// countsUnasked reports whether it is time to count the pieces that are as the
// submission.
func (c *Client) countsUnasked(v *vendor, sub *idempotency.Submission, now time.Time) bool {
	if v == nil {
		return c.strangers.counts(sub.Vendor, now)
	}
	return v.others.counting.waits(now)
}

// unpolled is what becomes of a piece that is due to be polled and cannot be.
func (c *Client) unpolled(v *vendor, sub *idempotency.Submission, rec *idempotency.Record) idempotency.Event {
	now := c.now()
	if wait := c.forAnother(v, sub, now.Sub(rec.PollAt)); wait > 0 {
		return idempotency.Postpone{Until: now.Add(wait)}
	}
	return idempotency.Observe{Vendor: sub.Vendor, Ref: sub.Ref, VendorID: sub.VendorID, Failed: true}
}

// watched is for how long a look of a watch has been due, by the watch's own pace:
// counted back from its end, since it may have begun long before a send date. Until
// the last days before that the pace is a slow one.
func (c *Client) watched(sub *idempotency.Submission) time.Duration {
	full := c.machine.WithDefaults()
	every, lasts := full.WatchEvery, full.WatchFor
	passed := c.now().Sub(sub.WatchUntil.Add(-lasts))
	if passed < -lasts {
		every = max(every, longestWatch)
	}
	return (passed%every + every) % every
}

// able reports whether a client said of late that it can ask for the pieces that the
// setting is about, and else whether one may still say so.
func (h *hints) able(name string, now time.Time) (able, open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[name]
	if t == nil {
		return false, true // nobody was told yet
	}
	return t.able.holds(now), t.asked.holds(now)
}
