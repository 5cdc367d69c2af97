package client

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/idempotency"
)

// heed is another replica's hint about a vendor's submissions, which this one
// heeds: that replica's breaker is open, or its account was refused. Both say
// what that replica met; this one may be better off. So one submission goes
// nevertheless, and when the vendor answers it well the hint is forgotten.
//
// A rate limit is the vendor's own word, and known to the limiter only.
type heed struct {
	span

	reason TroubleReason
	since  time.Time // when the trouble began, on the clock
	by     string

	mu sync.Mutex
	// probe is the job that goes nevertheless, probed since when. Spent: it did
	// not go well, and there is no second one. Off: the vendor works from here.
	probe      idempotency.ID
	probed     time.Time
	spent, off bool
}

// probeFor is how long a probe may take before another job may try.
const probeFor = 2 * time.Minute

// lets reports whether the job may go nevertheless, and else whether that is
// still undecided.
func (h *heed) lets(id idempotency.ID, now time.Time) (ok, undecided bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	lost := now.Before(h.probed) || now.Sub(h.probed) >= probeFor
	switch {
	case h.off:
		return true, false
	case h.spent:
		return false, false
	case h.probe == "", h.probe == id, lost:
		h.probe, h.probed = id, now
		return true, false
	default:
		return false, true
	}
}

// answered notes what the vendor answered to any submission meanwhile. It
// reports whether that ends the hint.
func (h *heed) answered(well bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	fresh := well && !h.off
	h.off = h.off || well
	h.spent = true
	return fresh
}

// heeded says whether another replica's hint keeps the job from the vendor.
func (w *work) heeded(v *vendor, now, local time.Time) fit {
	h := v.heed.Load()
	if h == nil || !h.holds(local) {
		return fit{}
	}
	ok, undecided := h.lets(w.rec.ID, local)
	if ok {
		return fit{}
	}
	f := fit{as: wait, reason: "another replica met its " + string(h.reason), until: now.Add(h.until.Sub(local))}
	patience := now.Add(h.since.Add(w.c.reroute).Sub(local))
	switch {
	case h.reason == TroubleBreaker, h.reason == TroubleAccount && !now.Before(patience):
		f.as = later // as this replica's own would be
	case h.reason == TroubleAccount && patience.Before(f.until):
		f.until = patience
	}
	if soon := now.Add(15 * time.Second); undecided && soon.Before(f.until) {
		f.until = soon
	}
	return f
}

// learnFrom takes what a submission's answer says about the hint that is heeded.
func (c *Client) learnFrom(ctx context.Context, v *vendor, ans *idempotency.Answer) {
	h := v.heed.Load()
	if h == nil || (ans.Sends == 0 && (ans.Code == postproof.CodeRateLimited || ans.Code == postproof.CodeCanceled)) {
		return // nobody was asked
	}
	well := ans.Delivery == postproof.Accepted || (ans.Delivery == postproof.Refused && !temporary(ans.Code))
	if h.answered(well) && h.holds(c.clock.Now()) {
		c.logger.LogAttrs(ctx, slog.LevelInfo, "a vendor works from here: another replica's hint is not heeded",
			slog.String("vendor", v.name), slog.String("reason", string(h.reason)), slog.String("by", h.by))
		c.wakeUp()
	}
}

// hint returns until when and why another replica's hint keeps submissions back.
func (v *vendor) hint(now time.Time) (time.Time, string) {
	if h := v.heed.Load(); h != nil && h.holds(now) && !h.isOff() {
		return h.until, string(h.reason) + ", told by " + h.by
	}
	if until := v.limits.hintedUntil(submitGroup, now); !until.IsZero() {
		return until, string(TroubleRateLimit)
	}
	return time.Time{}, ""
}

func (h *heed) isOff() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.off
}

// mostHinted is the longest that a hint of the reason is heeded: no longer than
// this replica itself would leave the vendor alone.
func (c *Client) mostHinted(reason TroubleReason) time.Duration {
	switch reason {
	case TroubleAccount:
		return c.stopFor
	case TroubleOtherAccount, TroubleNoAdapter:
		return accountTroubleFor // no vendor is left alone for it
	default: // as long as a breaker's
	}
	if most := c.breaker.OpenMax; most > 0 {
		return most
	}
	return max(15*time.Minute, c.breaker.OpenFor)
}

// heedsFormer reports whether a hint counts that was told under a former name of the
// account. A limit is the account's, and a breaker opens for the vendor's sake: both
// outlast a rotation. A refusal is of the former credentials, as is to be expected
// when they end, and says nothing of the present ones. Such a hint only makes a wait
// longer: what is told under the present name is newer, and its end is its own.
func heedsFormer(t hintTarget, said *hint, s span, now time.Time) bool {
	switch said.Reason {
	case TroubleRateLimit:
		return t.v.limits.hintedUntil(t.group, now).Before(s.until)
	case TroubleBreaker:
		h := t.v.heed.Load()
		return h == nil || !h.holds(now) || h.until.Before(s.until)
	default:
		return false
	}
}

// take takes a hint that is new here. It reports whether it is heeded.
func (c *Client) take(v *vendor, group string, h *hint, s span, now time.Time) bool {
	switch h.Reason {
	case troubleOver:
		v.limits.hinted(group, span{})
		if group == submitGroup {
			v.heed.Store(nil)
		}
		c.wakeUp()
		return false
	case TroubleBreaker, TroubleAccount:
		if group != submitGroup || !s.holds(now) {
			return false
		}
		at := &heed{span: s, reason: h.Reason, by: h.By, since: now}
		if began := h.At.Sub(h.Since); !h.Since.IsZero() && began > 0 {
			at.since = now.Add(-min(began, 30*24*time.Hour))
		}
		v.heed.Store(at)
		return true
	default:
		v.limits.hinted(group, s)
		return s.holds(now)
	}
}

// submitGroup is the operation group of submissions.
const submitGroup = "submit"

// hintBreaker tells the others that the breaker of submissions has opened. Not
// when it refuses nothing, nor when a person opened it: that has no end, and may
// have reasons that hold for this replica only.
func (c *Client) hintBreaker(ch breaker.Change) {
	v := c.byName[ch.Vendor]
	if v == nil || ch.Group != submitGroup || c.breaker.DryRun {
		return
	}
	switch ch.To {
	case breaker.Open:
		c.tellOthers(v, ch.Group, TroubleBreaker, ch.Until.Sub(c.clock.Now()), 0)
	case breaker.Closed:
		c.tellOver(v, ch.Group, TroubleBreaker)
	case breaker.HalfOpen:
	}
}

// tellOthers has the other replicas told that a vendor is not to be tried for a
// while; since when it is in trouble, if that is known. It never waits.
func (c *Client) tellOthers(v *vendor, group string, reason TroubleReason, lasts, trouble time.Duration) {
	if c.hints.say(c, v, group, reason, lasts, trouble) {
		c.exchange()
	}
}

// tellOver takes back what was told.
func (c *Client) tellOver(v *vendor, group string, reason TroubleReason) {
	if c.hints.over(c, v, group, reason) {
		c.exchange()
	}
}
