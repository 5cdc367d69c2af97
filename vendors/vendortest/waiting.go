package vendortest

import (
	"sync"
	"time"

	"github.com/postproof/postproof"
)

// Waiting returns a clock for an adapter that waits between two requests, as for an
// address list that the vendor is still checking: a wait is over at once, and moves
// the simulator's clock on by as long. It begins at [AnswerDate].
func Waiting(sim Simulator) postproof.Clock {
	begin, err := time.Parse(time.RFC1123, AnswerDate)
	if err != nil {
		panic(err) // a constant of this package
	}
	return &waiting{sim: sim, now: begin}
}

type waiting struct {
	sim Simulator

	mu  sync.Mutex
	now time.Time
}

// Now implements [postproof.Clock].
func (w *waiting) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// After implements [postproof.Clock].
func (w *waiting) After(d time.Duration) <-chan time.Time {
	w.mu.Lock()
	w.now = w.now.Add(max(d, 0))
	over := w.now
	w.mu.Unlock()
	w.sim.Advance(max(d, 0)) // not under the lock: the simulator may read the clock
	c := make(chan time.Time, 1)
	c <- over
	return c
}
