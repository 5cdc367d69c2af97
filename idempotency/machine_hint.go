package idempotency

// hint has the vendor asked now, because of a word that nobody has signed. It
// says nothing of where the piece is, takes no lease away, makes no wait longer,
// and brings no send forward.
func (t *transition) hint(s *Submission) {
	switch {
	case t.r.State == Accepted && t.holds(s) && !t.r.Status.Stage.Terminal():
		if t.r.PollAt.After(t.now) {
			t.r.PollAt = t.now
		}
	case t.r.State == Unknown && !s.Dead() && !t.m.mayResend(t.r, s, t.now):
	default:
		return
	}
	if t.r.Due.After(t.now) {
		t.r.Due = t.now
	}
}
