package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/pages"
)

// ErrReadOnly says that the store was opened with [WithReadOnly].
var ErrReadOnly = errors.New("sqlite: store is open for reading only")

// ErrReplaced says that the path leads to another file than the one that is open. What
// would be written now would be lost, so nothing is: it wraps [idempotency.ErrReopen].
var ErrReplaced = fmt.Errorf("sqlite: the database file was replaced while it was open: %w", idempotency.ErrReopen)

var errMarkerReplaced = fmt.Errorf("the marker beside the database (%s) was removed or replaced: %w", markerSuffix, ErrReplaced)

var errLogReplaced = fmt.Errorf("the log beside the database (%s) was removed or replaced: close the store, which saves what is in it: %w", walSuffix, ErrReplaced)

var (
	errNotLedger = errors.New("the file is a database, but not a postproof ledger: it is left as it is; give the path of another file")
	errNoFile    = errors.New("want the path of a file; for a ledger without one use idempotency.NewMemory")
	errLinked    = errors.New("the file has more than one name (hard links): SQLite keeps a log beside each name, and who opens another one overwrites what " +
		"is acknowledged here: remove the other names; if they are meant as a backup, make one with VACUUM INTO instead")
	errNoFolder = errors.New("the path does not fit what is on the disk")
)

// explain adds to an engine's error what was being done, and what it means here.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlite: %s: %w", doing, meaning(err))
}

// notOpened is the error of a ledger that could not be opened: it says what class
// it is of, and that nothing was sent.
func notOpened(err error) error {
	for { // joined with nothing, it is the error itself
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) != 1 {
			break
		}
		err = joined.Unwrap()[0]
	}
	out := &postproof.Error{Code: postproof.CodeOf(err), Delivery: postproof.NotSent, Op: "sqlite: open", Err: meaning(err)}
	if e, ok := err.(*postproof.Error); ok { //nolint:errorlint // what wraps one has more to say
		out.Err = e.Err
	}
	if out.Code != postproof.CodeUnknown {
		return out
	}
	switch {
	case errors.Is(err, errNotLedger), errors.Is(err, errNoFile), errors.Is(err, errNoFolder):
		out.Code = postproof.CodeInvalidArgument
	case errors.Is(err, fs.ErrNotExist):
		out.Code = postproof.CodeNotFound
	case errors.Is(err, fs.ErrPermission), says(err, "readonly database"), says(err, "unable to open database file"):
		out.Code = postproof.CodePermissionDenied
	case errors.Is(err, idempotency.ErrNewer):
		out.Code = postproof.CodeUnsupported
	case errors.Is(out.Err, idempotency.ErrCorrupt):
		out.Code = postproof.CodeInternal
	case errors.Is(err, errOrphan), errors.Is(err, errLinked):
		out.Code = postproof.CodeConflict
	default:
		out.Code = postproof.CodeUnavailable
	}
	return out
}

func says(err error, text string) bool { return strings.Contains(err.Error(), text) }

// meaning adds to an engine's error what it means here. The texts are SQLite's
// own, the same in every driver.
func meaning(err error) error {
	switch {
	case errors.Is(err, idempotency.ErrCorrupt):
		return err
	case errors.Is(err, idempotency.ErrInDoubt):
		return fmt.Errorf("the disk failed (see the cause): read again before anything is concluded: %w", err)
	case says(err, "file is not a database"):
		return fmt.Errorf("the file is not an SQLite database (or its first page is damaged): %w: %w", idempotency.ErrCorrupt, err)
	case says(err, "disk image is malformed"):
		return fmt.Errorf("the database is damaged: keep the file, restore a backup, then recover: %w: %w", idempotency.ErrCorrupt, err)
	case says(err, "database or disk is full"):
		return fmt.Errorf("the disk is full: nothing of this was written: %w", err)
	case says(err, "readonly database"):
		return fmt.Errorf("the file, or its folder, cannot be written: nothing of this was: %w", err)
	case says(err, "unable to open database file"):
		return fmt.Errorf("the file cannot be opened: see that this user may read and write it and make files in its folder: %w", err)
	case says(err, "database is locked"):
		return fmt.Errorf("another process holds the write lock for longer than the busy timeout: %w", err)
	}
	return err
}

// damagedIn has the error of a row that is damaged say where it was met.
func damagedIn[T any](doing string, row pages.Row[T]) pages.Row[T] {
	row.Err = explain(doing, row.Err)
	return row
}
