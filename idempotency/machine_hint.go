package idempotency

import "time"

// hintPause is how long after the last change of a record a hint makes its
// vendor be asked, at the earliest: who can send hints must not be able to make
// us ask as often as they like.
const hintPause = time.Minute

// hint brings the next look at a vendor forward, because of a word that nobody
// has signed. It says nothing of where the piece is, takes no lease away, and
// makes no wait longer.
func (t *transition) hint(s *Submission) {
	soon := later(t.now, t.r.UpdatedAt.Add(hintPause))
	sooner := func(at *time.Time) {
		if at.After(soon) {
			*at = soon
		}
	}
	if !s.NextWatch.IsZero() {
		sooner(&s.NextWatch)
	}
	switch {
	case t.r.State == Accepted && t.holds(s) && !t.r.Status.Stage.Terminal():
		sooner(&t.r.PollAt)
		sooner(&t.r.Due)
	case t.r.State == Unknown && !s.Dead():
		sooner(&t.r.Due)
	}
}
