package idempotency

import (
	"errors"
	"fmt"
)

// DamagedError says that one record, entry or message is not what was written: the
// disk, or a hand, has changed it. It is [ErrCorrupt], and names exactly one of
// them. A list yields it in the place of what it is about and goes on behind it
// when its reader goes on: one damaged thing keeps nothing else from anybody.
//
// What a list cannot decide of it, such as the campaign of a record that cannot be
// read, counts as a match: nothing may be hidden by damage.
type DamagedError struct {
	// Record, Entry or Message is what is damaged; an entry may name its record, too.
	Record  ID
	Entry   uint64 // its Seq
	Message uint64 // its ID
	// Err is what was found to be wrong. It quotes nothing of the content.
	Err error
}

// Error names what is damaged, and says what to do about it.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%v): everything else can be read; %s: %v", e.What(), e.Err, e.Advice(), ErrCorrupt)
}

// What names what is damaged, as in "message 7".
func (e *DamagedError) What() string {
	switch {
	case e.Message != 0:
		return fmt.Sprintf("message %d", e.Message)
	case e.Entry != 0:
		return fmt.Sprintf("entry %d", e.Entry)
	default:
		return "record " + string(e.Record)
	}
}

// Advice says what to do about it. The row of a record is never put back alone: an old
// one beside newer ones would be sent once more.
func (e *DamagedError) Advice() string {
	switch {
	case e.Message != 0:
		return "put its row back from a backup and replay it, or delete the row: its vendor is asked about the piece anyway"
	case e.Entry != 0:
		return "what it told can only be read in a backup"
	default:
		return "it is neither sent nor followed: keep a copy of the database, restore a backup of all of it, then recover; never put back the one row"
	}
}

// Unwrap returns [ErrCorrupt] and what was found to be wrong.
func (e *DamagedError) Unwrap() []error { return []error{ErrCorrupt, e.Err} }

// AsDamaged returns what is damaged when the error is about one thing only, so that
// there is more behind it; nil for any other error, [ErrCorrupt] of a whole file
// included.
func AsDamaged(err error) *DamagedError {
	one, _ := errors.AsType[*DamagedError](err)
	return one
}
