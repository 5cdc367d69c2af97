package idempotency

import (
	"time"

	"github.com/postproof/postproof"
)

// The pace of polls where the vendor states none, and the longest waits between
// two of them. Behind callbacks a poll is the second line, and may come to lie
// days apart; without them it is all that we hear.
const (
	pollEvery    = 6 * time.Hour
	longestAlone = 24 * time.Hour
	longestSpare = 72 * time.Hour
)

// Expects returns until when the next news of an accepted piece should have come
// by itself: the time of its last status, the vendor's where it gives one, or its
// send date while it lies at the vendor until then ([Record.LiesUntil]), and
// the vendor's patience for that stage. After it the piece is silent and polled.
// False when nothing comes by itself: the vendor sends no callbacks, or states
// no patience for the stage; and when nothing more is expected at all.
func (m *Machine) Expects(r *Record) (until time.Time, ok bool) {
	since, patience := m.patience(r)
	if patience <= 0 {
		return time.Time{}, false
	}
	return later(since, r.LiesUntil()).Add(patience), true
}

// patience returns how long after which moment news of a piece should come by
// itself, if it has no send date; 0 when none does.
func (m *Machine) patience(r *Record) (since time.Time, patience time.Duration) {
	c := m.caps(r.Receipt.Vendor)
	if r.State != Accepted || r.Status.Stage.Terminal() || !calls(c) {
		return time.Time{}, 0
	}
	since = r.Status.SeenAt
	if at := r.Status.VendorTime; !at.IsZero() && at.Before(since) { // not a time to come
		since = at
	}
	return since, c.Callbacks.Patience[r.Status.Stage]
}

// calls reports whether the vendor tells of its events by itself.
func calls(c *postproof.Capabilities) bool {
	return c != nil && c.Callbacks.Auth != postproof.CallbackNone
}

// pollLater plans the next poll of a piece that was asked about, or told news
// of. It is due when the piece turns silent ([Machine.Expects]), and at the
// vendor's pace: never sooner after the last word, and slower each time that
// nothing new was learned, up to the longest wait. Nobody asks after the end. While
// it lies at its vendor until its send date it is asked about as if it had none,
// but for the waits, that grow on; after the date the pace begins anew.
func (t *transition) pollLater() {
	if t.r.Status.Stage.Terminal() {
		t.r.PollAt = time.Time{}
		t.settle()
		return
	}
	date, longest := t.r.LiesUntil(), time.Duration(0)
	lies := t.now.Before(date)
	if lies {
		longest = longestDated
	}
	at := t.now.Add(t.pace(longest))
	since, patience := t.m.patience(t.r)
	if !lies {
		since = later(since, date)
	}
	if until := since.Add(patience); patience > 0 && at.Before(until) {
		t.r.Tries = 0 // it is not silent yet
		at = until
	} else {
		t.r.Tries++
	}
	if lies && at.After(date) {
		t.r.Tries = 0
		at = t.firstAfter(date)
	}
	t.r.PollAt = at
	t.settle()
}

// pollAgain plans the next poll after one that failed. What was to be learned is
// still to be learned, so it does not wait for the silence.
func (t *transition) pollAgain(after time.Duration) {
	if t.r.Status.Stage.Terminal() {
		t.pollLater()
		return
	}
	at := t.now.Add(max(t.pace(0), after, t.m.backoff(t.r.ID, t.r.Tries+1)))
	t.r.Tries++
	if date := t.r.LiesUntil(); t.now.Before(date) && at.After(date) {
		t.r.Tries = 0
	}
	t.r.PollAt = at
	t.settle()
}

// pace is the wait before the next poll: the vendor's, twice as long after each
// poll in vain where callbacks tell as well, half as long again where nothing
// else does; at most the longest wait, or the one given if that is longer.
func (t *transition) pace(atMost time.Duration) time.Duration {
	c := t.m.caps(t.r.Receipt.Vendor)
	every, longest := pollEvery, longestAlone
	if c != nil && c.Poll > 0 {
		every = c.Poll
	}
	if calls(c) {
		longest = longestSpare
	}
	longest = max(longest, every, atMost) // also a vendor that is slower by itself
	for range min(t.r.Tries, 20) {
		if calls(c) {
			every = min(2*every, longest)
		} else {
			every = min(every+every/2, longest)
		}
	}
	return every
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
