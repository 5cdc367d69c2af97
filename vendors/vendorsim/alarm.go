package vendorsim

import (
	"time"

	"github.com/postproof/postproof"
)

// alarm waits on a clock. It asks for a new channel only when the time to wait
// for is another one: a clock keeps what it gave out until it has rung.
type alarm struct {
	clock postproof.Clock
	at    time.Time
	ch    <-chan time.Time
}

// in returns a channel that receives when the wait from now is over; nil, which
// never does, for [forever].
func (a *alarm) in(now time.Time, wait time.Duration) <-chan time.Time {
	if wait == forever {
		return nil
	}
	wait = max(wait, time.Millisecond)
	if at := now.Add(wait); a.ch == nil || !at.Equal(a.at) {
		a.at = at
		if c, ok := a.clock.(*Clock); ok { // it may have been moved since now
			a.ch = c.at(at)
		} else {
			a.ch = a.clock.After(wait)
		}
	}
	return a.ch
}

// rang says that the channel has received.
func (a *alarm) rang() { a.ch = nil }
