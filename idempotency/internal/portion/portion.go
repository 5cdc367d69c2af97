// Package portion divides lists of changes into what one transaction can hold.
package portion

import (
	"iter"

	"github.com/postproof/postproof/idempotency"
)

const (
	// maxChanges is how many changes are in one part.
	maxChanges = 1024
	// maxBytes is how much artwork may be in one part, unless one change alone has
	// more: a server takes no statement of a gigabyte, holds all of it in memory, and
	// all others wait while it comes in.
	maxBytes = 4 << 20
	// changeBytes is how much of a job weighs as much as a change does. Jobs with
	// artwork of usual size weigh nothing.
	changeBytes = 8 << 10
)

// Of returns the list in parts, each with the place of its first change.
func Of(changes []idempotency.Change) iter.Seq2[int, []idempotency.Change] {
	return func(yield func(int, []idempotency.Change) bool) {
		for done := 0; done < len(changes); {
			n := fitting(changes[done:])
			if !yield(done, changes[done:done+n]) {
				return
			}
			done += n
		}
	}
}

// fitting returns how many changes at the beginning of the list make a part.
func fitting(changes []idempotency.Change) int {
	size := 0
	for i := range changes {
		size += jobBytes(&changes[i])
		if i == maxChanges || i > 0 && size > maxBytes {
			return i
		}
	}
	return len(changes)
}

// Weight is what the changes weigh where a transaction is for a number of them.
func Weight(changes []idempotency.Change) int { return len(changes) + Bytes(changes)/changeBytes }

// Bytes is how long the changes' jobs are.
func Bytes(changes []idempotency.Change) (n int) {
	for i := range changes {
		n += jobBytes(&changes[i])
	}
	return n
}

func jobBytes(c *idempotency.Change) int {
	if c.Record == nil {
		return 0
	}
	return len(c.Record.Job)
}
