package idempotency

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// Reachable returns the highest generation that a lost history can have come to
// by itself, from the record as it is now and within the time given, at the
// vendors named. What it can have sent are the generations from the record's to
// this one ([Suspect]). A person may have begun more: each amendment and each
// decision to send anew is one.
//
// A generation ends in three ways. It dies after it was sent, or its request cannot be
// made again: that happens until MaxGenerations were spent. Or it was refused for so
// long that the window of its key closed: that takes a window each time, and such a job
// stays planned at most PlannedFor for each generation that died, and until its send
// date. Or it was refused with a send date that has passed when it is sent again,
// without it: that happens once.
func (m *Machine) Reachable(r *Record, within time.Duration, vendors ...string) int {
	deaths := max(0, m.WithDefaults().MaxGenerations-1-r.spent())
	renewals := m.renewals(r, within, deaths, vendors)
	present := func(is func(*Submission) bool) bool {
		return slices.ContainsFunc(r.Submissions, func(s Submission) bool { return s.Generation == r.Generation && is(&s) })
	}
	if present(func(s *Submission) bool { return s.FirstAt.IsZero() && !s.Dead() }) {
		deaths++ // doubted since an earlier recovery: its death counts for nothing
	}
	if within > 0 && present(func(s *Submission) bool { return s.Join == postproof.Refused }) {
		renewals++ // its window may have been about to close
	}
	if within > 0 && (r.SendDate.After(r.CreatedAt) || present(func(s *Submission) bool { return !s.SendDate.IsZero() })) {
		renewals++
	}
	return r.Generation + deaths + renewals
}

// renewals is how often the shortest window of a key can have closed on a
// refused send.
func (m *Machine) renewals(r *Record, within time.Duration, deaths int, vendors []string) int {
	var window time.Duration
	for _, v := range vendors {
		if c := m.caps(v); c != nil && c.Idempotency.Kind != postproof.IdempotencyNone {
			if w := c.Idempotency.Window - c.Idempotency.Margin; w > 0 && (window == 0 || w < window) {
				window = w
			}
		}
	}
	if window == 0 || within <= 0 {
		return 0
	}
	planned := time.Duration(deaths+1)*m.WithDefaults().PlannedFor + max(0, r.SendDate.Sub(r.CreatedAt))
	return int(min(within, planned) / window)
}

// DoubtedFrom returns the lowest generation that a recovery has to doubt: the
// record's, or an earlier one that an earlier recovery only suspected ([Suspect]). A
// vendor that was not asked then may have the piece under any of these.
func (r *Record) DoubtedFrom() int {
	from := r.Generation
	for i := range r.Submissions {
		if s := &r.Submissions[i]; s.FirstAt.IsZero() {
			from = min(from, s.Generation)
		}
	}
	return from
}

// spent counts the generations that were sent and came to nothing: those that died, and
// those that were refused for the moment, and given up since the request could not be
// made again ([CannotBuild]).
func (r *Record) spent() int {
	var dead []int
	for i := range r.Submissions {
		s := &r.Submissions[i]
		died := s.Fate != "" && s.Fate != FateDecided
		madeAnew := s.Fate == "" && s.Join == postproof.Refused && s.NoResend
		if !s.FirstAt.IsZero() && (died || madeAnew) && !slices.Contains(dead, s.Generation) {
			dead = append(dead, s.Generation)
		}
	}
	return len(dead)
}
