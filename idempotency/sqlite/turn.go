package sqlite

import (
	"context"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

const (
	// firstWait and longestWait bound the time between two tries of a lock that
	// another process has: about what one of its transactions takes.
	firstWait   = 100 * time.Microsecond
	longestWait = 2 * time.Millisecond
	// turnWait is how long the turn is waited for at most. It is no more than a
	// courtesy: a process that is frozen while it has the turn must not stop the
	// others.
	turnWait = time.Second
	// sulk is how long the turn is not waited for after it was in vain.
	sulk = 10 * time.Second
)

// begin takes the write lock, and waits for it up to the busy timeout.
//
// SQLite's lock knows no order: who asks for it again at once gets it before
// those who look now and then whether it is free. A process at full work would
// starve the others past their timeouts. So whoever wants the lock takes the turn
// first, a lock on the marker, and gives it up when it has the write lock. While
// somebody has the turn and waits, the process at work cannot take it for its
// next transaction, and the lock is free when the other one looks. Alone, that is
// two calls of the system for a transaction.
func (w *writer) begin(ctx context.Context) error {
	start, wait, mine := time.Now(), firstWait, false
	patience := min(turnWait, w.busy/2)
	if start.Sub(w.inVain) < sulk {
		patience = 0
	}
	defer func() {
		if mine {
			w.marker.giveTurn()
		}
	}()
	turns := w.marker != nil // not yet while the store is opened
	for {
		if turns && !mine {
			mine = w.marker.takeTurn()
		}
		waited := time.Since(start)
		if mine || !turns || waited > patience {
			if turns && !mine && patience > 0 {
				w.inVain = time.Now()
			}
			_, err := w.exec(ctx, "BEGIN IMMEDIATE")
			if err == nil || !strings.Contains(err.Error(), "database is locked") || waited > w.busy {
				return err
			}
		}
		if err := postproof.Sleep(ctx, postproof.SystemClock(), wait); err != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
}
