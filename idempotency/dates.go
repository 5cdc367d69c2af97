package idempotency

import (
	"time"

	"github.com/postproof/postproof"
)

// A piece with a send date lies at its vendor until then: that nothing is heard of
// it is no silence, and that it has no status of the mail is no loss. So what is to
// come by itself, how long it is followed for, and how long a vendor is watched for
// another one, count from the date. What a vendor may still do before it does not
// wait: it is asked, more and more seldom.

// longestDated is the longest wait between two polls of a piece that lies at its
// vendor: one that was canceled there is to be known of in time to send another.
const longestDated = 7 * 24 * time.Hour

// LiesUntil returns the send date of the piece that counts, for as long as its
// vendor has not told that it was mailed: it lies there until then. Zero where it
// is to be mailed as soon as possible. What is expected of the piece counts from
// here, or from its last word if that is later ([Machine.Expects]).
func (r *Record) LiesUntil() time.Time {
	if r.Status.Stage.Rank() >= postproof.StageMailed.Rank() {
		return time.Time{}
	}
	return r.sendDate(r.holding())
}

// holding returns the submission of the receipt; nil when there is none.
func (r *Record) holding() *Submission {
	for i := range r.Submissions {
		if s := &r.Submissions[i]; r.counts(s) {
			return s
		}
	}
	return nil
}

// sendDate returns when the piece of a submission is to be mailed. One that nobody
// wrote the date of was sent by a history that was lost, or with a date that had
// passed: then it is the job's, unless that is another one by now.
func (r *Record) sendDate(s *Submission) time.Time {
	switch {
	case s == nil:
		return time.Time{}
	case s.SendDate.IsZero() && !s.Amended:
		return r.SendDate
	default:
		return s.SendDate
	}
}

// firstAfter returns when a piece is first asked about after its send date, if
// nothing is heard of it: when the first news should have come by itself, else at
// the pace.
func (t *transition) firstAfter(date time.Time) time.Time {
	if until, ok := t.m.Expects(t.r); ok {
		return until
	}
	return date.Add(t.pace(0))
}

// watchWait is the time to the next look of a watch. Late arrivals come soon, and
// can be canceled until the send date: between the first days and the last ones
// before it the looks lie further and further apart.
func (t *transition) watchWait(s *Submission) time.Duration {
	full := t.m.WithDefaults()
	every, lasts := full.WatchEvery, full.WatchFor
	passed := t.now.Sub(s.LastAt)
	left := t.r.sendDate(s).Add(-lasts).Sub(t.now) // to the last days
	if passed < lasts || left <= every {
		return every
	}
	return min(max(every, min(passed/6, longestSpare)), left)
}

// cancelUntil returns the last moment at which a cancellation should be sent: within
// the vendor's window from the acceptance, and while the piece lies there for its date.
func cancelUntil(c *postproof.Capabilities, r *Record, s *Submission, accepted time.Time) time.Time {
	return later(c.Cancel.Until(accepted), c.Cancel.UntilSent(r.sendDate(s)))
}
