package snapshot

import (
	"context"
	"io"
	"iter"
)

// Store keeps the files of snapshots. It deals in bytes; what they mean, and
// whether they are still the ones that were written, is up to this package.
//
// Implementations are safe for concurrent use, by several processes where the
// medium is shared.
type Store interface {
	// Begin starts a snapshot that nobody can see yet.
	Begin(ctx context.Context) (Draft, error)
	// Open returns a file of a snapshot. It returns an error that wraps
	// [ErrNotFound] when there is no such snapshot, and [ErrCorrupt] when the
	// snapshot is there and the file is not.
	Open(ctx context.Context, id ID, file string) (io.ReadCloser, error)
	// Remove makes a snapshot disappear, all of its files at once: for those who
	// open it from then on it was never there. It is durable when Remove returns;
	// an interrupted one is finished by the next. One that is not there is no
	// error. Readers that have a file open may read it to its end.
	Remove(ctx context.Context, id ID) error
	// List yields the ids of all snapshots in ascending order, without
	// verifying them.
	List(ctx context.Context) iter.Seq2[ID, error]
}

// Draft is a snapshot in the making. It is used by one goroutine and must end
// in Commit or Discard.
type Draft interface {
	// Create starts a file. It is complete when it was closed without an
	// error.
	Create(name string) (io.WriteCloser, error)
	// Commit makes all files appear under the id at once and durably, or not
	// at all. When the id exists already, it stays as it is, and Commit
	// reports false: the same id is the same content.
	Commit(ctx context.Context, id ID) (created bool, err error)
	// Discard removes the draft. After Commit it does nothing.
	Discard() error
}
