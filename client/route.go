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
	// until is when a vendor that is passed over for now may be tried; zero
	// when there is none.
	until time.Time
	// capped: at least one vendor was passed over only for its cap.
	capped bool
	// tried: at least one vendor was tried by this work already.
	tried bool
}

// route finds the first vendor that may take the job now.
func (w *work) route(now time.Time) (routing, error) {
	job, err := w.decoded()
	if err != nil {
		return routing{}, err
	}
	var r routing
	for _, v := range w.order() {
		reason, until := w.fits(v, job, now)
		switch {
		case reason == "":
			r.vendor = v
			return r, nil
		case !until.IsZero():
			if r.until.IsZero() || until.Before(r.until) {
				r.until = until
			}
		case w.capped[v.name]:
			r.capped = true
		case w.tried[v.name]:
			r.tried = true
			continue // its answer is in the history
		}
		r.skipped = append(r.skipped, idempotency.Entry{
			ID: w.rec.ID, At: now, Kind: "skipped", Generation: w.rec.Generation, Vendor: v.name, Note: reason,
		})
		if reason == waitForVendor {
			break // rather late at this vendor than elsewhere
		}
	}
	return r, nil
}

// waitForVendor is why a job stays with a vendor that is over its rate.
const waitForVendor = "over its rate limit: waits for it"

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

// fits returns why a vendor is passed over, "" when it is not, and until when;
// zero means for good.
func (w *work) fits(v *vendor, job *postproof.Job, now time.Time) (reason string, until time.Time) {
	if w.tried[v.name] {
		return "tried just now", time.Time{}
	}
	if w.capped[v.name] {
		return "its cap is reached", time.Time{}
	}
	if err := v.caps.Supports(job); err != nil {
		var e *postproof.Error
		errors.As(err, &e)
		return e.Err.Error(), time.Time{}
	}
	for i := range w.rec.Submissions {
		s := &w.rec.Submissions[i]
		if s.Vendor != v.name || s.Generation != w.rec.Generation {
			continue
		}
		if s.Fate != "" {
			return "its submission of this generation is dead", time.Time{}
		}
		if s.Join == postproof.Refused && !temporary(s.Code) {
			return "it refused the job: " + s.Code.String(), time.Time{}
		}
		if s.Account != v.account.Fingerprint && s.Join != postproof.NotSent {
			return "its credentials are of another account than before", time.Time{}
		}
	}
	if ahead := v.caps.Limits.SendAhead; ahead > 0 && job.SendDate.Sub(now) > ahead {
		return "it takes send dates only " + ahead.String() + " ahead", job.SendDate.Add(-ahead)
	}
	if stopped, why := v.stoppedUntil(now); !stopped.IsZero() {
		return "it refused the account: " + why, stopped
	}
	if b := w.c.breakers.State(v.name, postproof.OpSubmit.Group()); b.Phase == breaker.Open {
		until := b.Until
		if !until.After(now) {
			until = now.Add(time.Minute) // opened by hand
		}
		return "its breaker is open: " + string(b.Reason), until
	}
	switch wait := v.limits.wait(postproof.OpSubmit.Group(), now); {
	case wait > w.c.reroute:
		return "over its rate limit for longer than a job waits", now.Add(wait)
	case wait > 5*time.Second:
		return waitForVendor, now.Add(wait)
	}
	return "", time.Time{}
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
