package client

import (
	"errors"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/idempotency"
)

// routing is the answer of the router.
type routing struct {
	vendor *vendor
	// skipped says for each vendor passed over why.
	skipped []idempotency.Entry
	// until is when a vendor that is passed over for now may be tried, and
	// waitsFor is that vendor; zero when there is none.
	until    time.Time
	waitsFor *vendor
	// tried, capped: at least one vendor was passed over only because this work
	// tried it already, or because its cap is reached.
	tried, capped bool
}

// fit says whether a vendor may take a job now.
type fit struct {
	as fitness
	// reason is empty when it fits.
	reason string
	// until is for later and wait.
	until time.Time
}

// fitness is what the router does with a vendor.
type fitness int

const (
	fits   fitness = iota
	never          // it cannot take this job: the next vendor
	later          // not now: the next vendor
	wait           // not now, and rather late there than elsewhere
	tried          // this work has tried it: the next vendor
	capped         // its cap is reached: the next vendor
)

// route finds the first vendor that may take the job now. Vendors that are out
// of order are passed over. For one that asks to wait, or that refuses the
// account, the job waits: those are no reasons to send every piece elsewhere.
func (w *work) route(now time.Time) (routing, error) {
	job, err := w.decoded()
	if err != nil {
		return routing{}, err
	}
	var r routing
	for _, v := range w.order() {
		f := w.fit(v, job, now)
		if f.as == fits {
			r.vendor = v
			return r, nil
		}
		r.tried = r.tried || f.as == tried
		r.capped = r.capped || f.as == capped
		if !f.until.IsZero() && (r.until.IsZero() || f.until.Before(r.until)) {
			r.until, r.waitsFor = f.until, v
		}
		if f.as != tried { // its answer is in the history
			r.skipped = append(r.skipped, w.skipped(v, now, f.reason))
		}
		if f.as == wait {
			break
		}
	}
	return r, nil
}

func (w *work) skipped(v *vendor, now time.Time, reason string) idempotency.Entry {
	return idempotency.Entry{ID: w.rec.ID, At: now, Kind: idempotency.EntrySkipped, Generation: w.rec.Generation, Vendor: v.name, Note: reason}
}

// order is the order of failover, vendors at which an earlier generation failed
// late behind the others.
func (w *work) order() []*vendor {
	failed := func(v *vendor) bool {
		for i := range w.rec.Submissions {
			if s := &w.rec.Submissions[i]; s.Vendor == v.name && s.Fate == idempotency.FateFailed {
				return true
			}
		}
		return false
	}
	all := w.c.vendors
	for i, v := range all {
		if !failed(v) {
			continue
		}
		out := append(make([]*vendor, 0, len(all)), all[:i]...)
		last := []*vendor{v}
		for _, v := range all[i+1:] {
			if failed(v) {
				last = append(last, v)
			} else {
				out = append(out, v)
			}
		}
		return append(out, last...)
	}
	return all
}

// fit says whether a vendor may take the job now.
func (w *work) fit(v *vendor, job *postproof.Job, now time.Time) fit {
	if of := controlFor(job.Key); of != v.name && w.c.byName[of] != nil {
		// Elsewhere it shows nothing; and a history that was lost may have sent it there
		// under the same key.
		return fit{as: never, reason: "the control piece is for " + of}
	}
	if reason := w.unfit[v.name]; reason != "" {
		return fit{as: never, reason: reason}
	}
	if w.capped[v.name] != "" {
		return fit{as: capped, reason: "its cap is reached"}
	}
	if err := v.caps.Supports(job); err != nil {
		reason := "does not support the job"
		if e, ok := errors.AsType[*postproof.Error](err); ok && e.Err != nil {
			reason = e.Err.Error()
		}
		return fit{as: never, reason: reason}
	}
	if reason := w.burnt(v); reason != "" {
		return fit{as: never, reason: reason}
	}
	if p := w.look().vendor(v.name); p != nil {
		e := PausedError{*p}
		return fit{as: later, reason: e.Error(), until: now.Add(pauseWait(now.Sub(w.rec.PlannedAt)))}
	}
	if ahead := v.caps.Limits.SendAhead; ahead > 0 && job.SendDate.Sub(now) > ahead {
		return fit{as: later, reason: "it takes send dates only " + ahead.String() + " ahead", until: job.SendDate.Add(-ahead)}
	}
	return w.passable(v, now)
}

// burnt returns why this generation of the job cannot go to the vendor again.
func (w *work) burnt(v *vendor) string {
	for i := range w.rec.Submissions {
		s := &w.rec.Submissions[i]
		switch {
		case s.Vendor != v.name || s.Generation != w.rec.Generation:
		case s.Fate != "":
			return "its submission of this generation is dead"
		case s.Join == postproof.Refused && !temporary(s.Code):
			return "it refused the job: " + s.Code.String()
		}
	}
	return ""
}

// passable says whether the vendor takes anything now.
func (w *work) passable(v *vendor, now time.Time) fit {
	c := w.c
	if stop := v.stopped(now); !stop.since.IsZero() {
		f := fit{as: later, reason: "it refuses the account: " + stop.reason, until: stop.until}
		if patience := stop.since.Add(c.reroute); now.Before(patience) {
			f.as = wait
			if patience.Before(f.until) {
				f.until = patience
			}
		}
		return f
	}
	local := c.clock.Now() // limits live by the clock, as the waits for them do
	pause, limited := v.limits.wait(postproof.OpSubmit.Group(), local)
	impatient := pause > c.reroute || (!limited.IsZero() && local.Sub(limited) >= c.reroute)
	switch {
	case pause > maxThrottle && impatient:
		return fit{as: later, reason: "over its rate limit for longer than a job waits", until: now.Add(pause)}
	case pause > maxThrottle, !limited.IsZero() && w.tried[v.name] != "" && !impatient:
		return fit{as: wait, reason: "over its rate limit: waits for it", until: now.Add(max(pause, time.Second))}
	case w.tried[v.name] != "" && c.patient(v, now):
		return fit{as: wait, reason: "it refuses the account: waits for it", until: now.Add(time.Second)}
	case w.tried[v.name] != "":
		return fit{as: tried, reason: "tried just now"}
	}
	switch b := c.breakerOf(v, postproof.OpSubmit); {
	case b.Phase == breaker.Open:
		until := now.Add(time.Minute) // opened by hand
		if left := b.Until.Sub(local); left > 0 {
			until = now.Add(left)
		}
		return fit{as: later, reason: "its breaker is open: " + string(b.Reason), until: until}
	case b.Phase == breaker.HalfOpen && b.Probes > 0:
		return fit{as: later, reason: "its breaker is being probed", until: now.Add(15 * time.Second)}
	}
	return w.heeded(v, now, local)
}

// patient reports whether jobs still wait for a vendor that refuses the
// account.
func (c *Client) patient(v *vendor, now time.Time) bool {
	since := v.refusing()
	return !since.IsZero() && now.Before(since.Add(c.reroute))
}

// temporary reports whether a refusal was about the moment or the account.
func temporary(c postproof.Code) bool {
	switch c {
	case postproof.CodeRateLimited, postproof.CodeUnavailable, postproof.CodeUnauthenticated, postproof.CodePermissionDenied:
		return true
	default:
		return false
	}
}
