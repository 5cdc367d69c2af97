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
	// more: a server takes no statement of a gigabyte, and holds all of it in memory.
	maxBytes = 32 << 20
	// changeBytes is how much of a job weighs as much as a change does. Jobs with
	// artwork of usual size weigh nothing.
	changeBytes = 64 << 10
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
func Weight(changes []idempotency.Change) int {
	size := 0
	for i := range changes {
		size += jobBytes(&changes[i])
	}
	return len(changes) + size/changeBytes
}

func jobBytes(c *idempotency.Change) int {
	if c.Record == nil {
		return 0
	}
	return len(c.Record.Job)
}
