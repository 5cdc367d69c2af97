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
// by itself: the time of its last status, the vendor's where it gives one, and
// the vendor's patience for that stage. After it the piece is silent and polled.
// False when nothing comes by itself: the vendor sends no callbacks, or states
// no patience for the stage; and when nothing more is expected at all.
func (m *Machine) Expects(r *Record) (until time.Time, ok bool) {
	c := m.caps(r.Receipt.Vendor)
	if r.State != Accepted || r.Status.Stage.Terminal() || !calls(c) {
		return time.Time{}, false
	}
	patience := c.Callbacks.Patience[r.Status.Stage]
	if patience <= 0 {
		return time.Time{}, false
	}
	since := r.Status.SeenAt
	if at := r.Status.VendorTime; !at.IsZero() && at.Before(since) { // not a time to come
		since = at
	}
	return since.Add(patience), true
}

// calls reports whether the vendor tells of its events by itself.
func calls(c *postproof.Capabilities) bool {
	return c != nil && c.Callbacks.Auth != postproof.CallbackNone
}

// pollLater plans the next poll of a piece that was asked about, or told news
// of. It is due when the piece turns silent ([Machine.Expects]), and at the
// vendor's pace: never sooner after the last word, and slower each time that
// nothing new was learned, up to the longest wait. Nobody asks after the end.
func (t *transition) pollLater() {
	if t.r.Status.Stage.Terminal() {
		t.r.PollAt = time.Time{}
		t.settle()
		return
	}
	at := t.now.Add(t.pace())
	if until, ok := t.m.Expects(t.r); ok && at.Before(until) {
		t.r.Tries = 0 // it is not silent yet
		at = until
	} else {
		t.r.Tries++
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
	at := t.now.Add(max(t.pace(), after, t.m.backoff(t.r.ID, t.r.Tries+1)))
	t.r.Tries++
	t.r.PollAt = at
	t.settle()
}

// pace is the wait before the next poll: the vendor's, twice as long after each
// poll in vain where callbacks tell as well, half as long again where nothing
// else does.
func (t *transition) pace() time.Duration {
	c := t.m.caps(t.r.Receipt.Vendor)
	every, longest := pollEvery, longestAlone
	if c != nil && c.Poll > 0 {
		every = c.Poll
	}
	if calls(c) {
		longest = longestSpare
	}
	longest = max(longest, every) // a vendor that is slower by itself
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
