package idempotency

import "slices"

// A vendor is asked before its time for two reasons, that do the same to a record
// and are not worth the same. Who wishes to know ([Refresh]) is one of us: a piece
// at its end is asked about once more, and who asks is told when there is nobody
// to ask. A word that nobody has signed ([Observe] with Hint) may be anybody's: it
// opens nothing that has ended, is about the submission that it names and no
// other, and is no error where it has no meaning. Neither brings a send forward.

// refresh has the vendor asked now: nothing but the time of the next question
// changes. A piece that reached its end is asked about once more: a return may
// overrule it.
func (t *transition) refresh() error {
	switch t.r.State {
	case Done:
		t.enter(Accepted)
		t.note(EntryAskedAgain, "after the end")
	case Accepted, Unknown:
	default:
		return t.no(0, "there is no piece to ask about")
	}
	if !t.ask() {
		return t.no(0, "there is no piece to ask about")
	}
	return nil
}

// hint has the vendor asked now, because of a word that nobody has signed. It
// says nothing of where the piece is, and takes no lease away.
func (t *transition) hint(s *Submission) {
	if (t.r.State == Accepted && t.holds(s) && !t.r.Status.Stage.Terminal()) || (t.r.State == Unknown && !s.Dead()) {
		t.ask()
	}
}

// ask brings the next question forward to now; false where what comes next for an
// unknown outcome is another send. No wait becomes longer by it.
func (t *transition) ask() bool {
	r := t.r
	switch {
	case r.State == Unknown && t.resends():
		return false
	case r.State == Unknown:
	case r.PollAt.IsZero(), r.PollAt.After(t.now):
		r.PollAt = t.now
	}
	r.Due = earlier(r.Due, t.now)
	return true
}

// resends reports whether another send may come next for an unknown outcome: a
// question does not bring that about sooner.
func (t *transition) resends() bool {
	return slices.ContainsFunc(t.r.Live(), func(s *Submission) bool { return t.m.mayResend(t.r, s, t.now) })
}
