package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "github.com/ncruces/go-sqlite3/driver" // the default engine, pure Go

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// driverName is what the default engine calls itself.
const driverName = "sqlite3"

// Store is a ledger in one SQLite file. It implements [idempotency.Engine]:
// make one with [Open] or [New], and [Store.Close] it. It is safe for
// concurrent use, and several processes may have the same file open.
type Store struct {
	settings
	db      *sql.DB
	owned   bool
	path    string
	writer  *writer // nil when reading only
	readers chan *conn
	opened  int // readers
	marker  *marker
	closed  chan struct{}
	close   func() error
}

var _ idempotency.Engine = (*Store)(nil)

// Open opens the ledger at the path, or makes one, which needs [WithMode]. The
// folder must exist and be on a local disk. Beside the file there will be
// those of SQLite (-wal, -shm), the marker (-epoch), the artwork (-blobs), and
// the client's spool (-spool, see [Store.SpoolDir]).
//
// The error is a [*postproof.Error] that says what is wrong and what to do. Nothing
// was sent. Its code is [postproof.CodeNotFound] where the folder, or a ledger that is
// only to be read, is missing; [postproof.CodePermissionDenied] where the file or its
// folder may not be used; [postproof.CodeInvalidArgument] for a folder in place of a
// file, another program's database, an unknown mode, or a new ledger without one;
// [postproof.CodeConflict] for another mode, for a marker that has lost its
// database, and for a file with several names; [postproof.CodeUnsupported], with [idempotency.ErrNewer], for a database of
// a later version; [postproof.CodeInternal], with [idempotency.ErrCorrupt], for what is
// damaged, or no database at all; [postproof.CodeUnavailable] where it may go well
// later, as with a full disk or a lock that another process holds.
func Open(ctx context.Context, path string, opts ...Option) (*Store, error) {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") {
		return nil, notOpened(errNoFile)
	}
	set, err := newSettings(opts)
	if err != nil {
		return nil, notOpened(err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, notOpened(err)
	}
	if err := checkThere(full, set.readOnly); err != nil {
		return nil, notOpened(err)
	}
	// The log is beside the file itself, not beside a link that leads to it.
	if at, err := filepath.EvalSymlinks(full); err == nil {
		full = at
	}
	if err := cmp.Or(checkLength(full), checkOrphan(full)); err != nil {
		return nil, notOpened(err)
	}
	query := url.Values{"_pragma": {"busy_timeout(" + itoa(set.busy.Milliseconds()) + ")"}}
	if set.readOnly {
		query.Set("mode", "ro")
	}
	db, err := sql.Open(driverName, dsn(full, query))
	if err != nil {
		return nil, notOpened(err)
	}
	return open(ctx, db, set, true)
}

// checkThere says what to do about a folder that is missing, which the engine
// calls a file that it cannot open.
func checkThere(path string, readOnly bool) error {
	folder := filepath.Dir(path)
	switch info, err := os.Stat(folder); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %s: make it first, or correct the path: %w", folder, fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("the ledger's folder cannot be looked at: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is a file: the ledger needs a folder to be in", errNoFolder, folder)
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return fmt.Errorf("%w: %s is a folder: give the path of a file in it", errNoFolder, path)
	case readOnly && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no ledger at %s, and one that is only read is not made: %w", path, fs.ErrNotExist)
	}
	return nil
}

func dsn(path string, query url.Values) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	return u.String()
}

// New opens the ledger in a database of the caller's: another driver, or other
// settings of it. It keeps some connections of db until [Store.Close], one for
// the writer, one for each reader and one that moves the log, sets their pragmas,
// and leaves db open. Where db has no connection left for the log the writer moves
// it by itself, and callers wait for that.
//
// The data source must be a file. A database file that was put back beside a
// newer log is not recognized, as [Open] does. Its errors are those of Open.
func New(ctx context.Context, db *sql.DB, opts ...Option) (*Store, error) {
	if db == nil {
		return nil, notOpened(postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
			errors.New("there is no *sql.DB: open one with the driver of your choice, or give Open the path of a file")))
	}
	set, err := newSettings(opts)
	if err != nil {
		return nil, notOpened(err)
	}
	return open(ctx, db, set, false)
}

// open makes a store on db; an owned db is closed with it.
func open(ctx context.Context, db *sql.DB, set settings, owned bool) (_ *Store, err error) {
	s := &Store{settings: set, db: db, owned: owned, closed: make(chan struct{}), readers: make(chan *conn, set.readers)}
	s.close = sync.OnceValue(s.shut)
	defer func() {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause // instead of what it did to a query
			}
			if e := s.Close(); e != nil {
				err = errors.Join(err, e)
			}
			err = notOpened(err)
		}
	}()
	if set.mode != "" {
		if err := set.mode.Validate(); err != nil {
			return nil, err
		}
	}
	first, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	if set.readOnly {
		s.lend(first)
		if err := s.openReader(ctx, first); err != nil {
			return nil, err
		}
	} else {
		s.writer = &writer{conn: first, busy: set.busy}
		if err := s.openWriter(ctx); err != nil {
			return nil, err
		}
	}
	for s.opened < set.readers {
		c, err := s.connect(ctx)
		if err != nil {
			return nil, err
		}
		s.lend(c)
		if err := c.pragma(ctx, set.busy, readerCacheKiB, false); err != nil {
			return nil, err
		}
	}
	if err := s.openMover(ctx); err != nil {
		return nil, err
	}
	return s, s.openBlobs(ctx)
}

// Close waits for the operations under way and closes the ledger; operations
// that come later return [idempotency.ErrClosed]. It may be called more than
// once.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	close(s.closed)
	var errs []error
	if w := s.writer; w != nil {
		if w.combiner != nil {
			w.combiner.Close()
			if w.stillThere() == nil {
				errs = append(errs, s.syncMarker(context.Background()))
			}
		}
		if w.log.mover != nil {
			errs = append(errs, w.log.mover.close())
		}
	}
	for range s.opened {
		errs = append(errs, (<-s.readers).close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.marker != nil {
		errs = append(errs, s.marker.close())
	}
	if s.owned {
		errs = append(errs, s.db.Close())
	}
	return explain("close", errors.Join(errs...))
}

// read lends a reader's connection to fn.
func (s *Store) read(ctx context.Context, doing string, fn func(*conn) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	select {
	case <-s.closed:
		return idempotency.ErrClosed
	default:
	}
	select {
	case c := <-s.readers:
		defer func() { s.readers <- c }()
		if err := fn(c); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return explain(doing, err)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return idempotency.ErrClosed
	}
}
