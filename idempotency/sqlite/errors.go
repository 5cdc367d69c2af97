package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postproof/postproof/idempotency"
)

// ErrReadOnly says that the store was opened with [WithReadOnly].
var ErrReadOnly = errors.New("sqlite: store is open for reading only")

// ErrReplaced says that the path leads to another file than the one that is open. What
// would be written now would be lost, so nothing is: close the store and open
// it again.
var ErrReplaced = errors.New("sqlite: the database file was replaced while it was open: open the store again")

var errNotLedger = errors.New("the file is a database, but not a postproof ledger")

// explain adds to an engine's error what it means here. The texts are
// SQLite's own, the same in every driver.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	says := func(text string) bool { return strings.Contains(err.Error(), text) }
	switch {
	case errors.Is(err, idempotency.ErrCorrupt):
		return fmt.Errorf("sqlite: %s: %w", doing, err)
	case errors.Is(err, idempotency.ErrInDoubt):
		return fmt.Errorf("sqlite: %s: the disk failed (see the cause): read again before anything is concluded: %w", doing, err)
	case says("file is not a database"):
		return fmt.Errorf("sqlite: %s: the file is not an SQLite database (or its first page is damaged): %w: %w", doing, idempotency.ErrCorrupt, err)
	case says("disk image is malformed"):
		return fmt.Errorf("sqlite: %s: the database is damaged: keep the file, restore a backup, then recover: %w: %w", doing, idempotency.ErrCorrupt, err)
	case says("database or disk is full"):
		return fmt.Errorf("sqlite: %s: the disk is full: nothing of this was written: %w", doing, err)
	case says("readonly database"):
		return fmt.Errorf("sqlite: %s: the file, or its folder, cannot be written: nothing of this was: %w", doing, err)
	case says("database is locked"):
		return fmt.Errorf("sqlite: %s: another process holds the write lock for longer than the busy timeout: %w", doing, err)
	}
	return fmt.Errorf("sqlite: %s: %w", doing, err)
}
