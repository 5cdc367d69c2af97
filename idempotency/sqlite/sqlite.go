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
	"time"

	_ "github.com/ncruces/go-sqlite3/driver" // the default engine, pure Go

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
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

// openMover opens the connection that moves the log, unless db has none left for
// it.
func (s *Store) openMover(ctx context.Context) error {
	if limit := s.db.Stats().MaxOpenConnections; s.readOnly || limit > 0 && limit < s.opened+2 {
		return nil
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if err := c.pragma(ctx, s.busy, moverCacheKiB, true); err != nil {
		return errors.Join(err, c.close())
	}
	s.writer.log.mover = startMover(c) //nolint:contextcheck // it works until the store is closed
	return nil
}

// lend adds a reader.
func (s *Store) lend(c *conn) {
	s.opened++
	s.readers <- c
}

func (s *Store) connect(ctx context.Context) (*conn, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, stmts: make(map[stmtKey]*sql.Stmt)}, nil
}

func (s *Store) openReader(ctx context.Context, c *conn) error {
	if err := s.findPath(ctx, c); err != nil {
		return err
	}
	if err := c.pragma(ctx, s.busy, readerCacheKiB, false); err != nil {
		return err
	}
	switch version, err := c.schemaOf(ctx); {
	case err != nil:
		return err
	case version == 0:
		return errNotLedger
	}
	if err := s.checkBase(ctx, c); err != nil {
		return err
	}
	var mode string
	if _, err := c.queryRow(ctx, []any{&mode}, "SELECT mode FROM ledger"); err != nil {
		return err
	}
	return s.checkMode(mode)
}

func (s *Store) checkMode(have string) error {
	if s.mode != "" && string(s.mode) != have {
		return postproof.NewError(postproof.CodeConflict, postproof.NotSent, fmt.Errorf(
			"the ledger's mode is %q and stays so, not %q: use another file for the other mode", have, string(s.mode)))
	}
	return nil
}

func (s *Store) openWriter(ctx context.Context) error {
	w := s.writer
	if _, err := w.c.ExecContext(ctx, "PRAGMA busy_timeout = "+itoa(s.busy.Milliseconds())); err != nil {
		return err
	}
	if err := s.findPath(ctx, w.conn); err != nil {
		return err
	}
	// A database of someone else's is left as it is.
	have, err := w.schemaOf(ctx)
	if err != nil {
		return err
	}
	if have > 0 { // before anything moves the log
		if err := s.checkBase(ctx, w.conn); err != nil {
			return err
		}
	}
	if err := s.enterWAL(ctx); err != nil {
		return err
	}
	if err := w.locked(ctx, true, func(c *conn) error { return s.prepare(ctx, c) }); err != nil {
		return err
	}
	if err := s.startSession(ctx); err != nil {
		return err
	}
	w.path, w.marker, w.inode = s.path, s.marker, s.marker.last.Inode
	if info, err := os.Stat(s.path + walSuffix); err == nil { // the session was written to it
		w.wal, _ = fileID(info)
	}
	// From here on the writer itself waits for the lock, in turn with others.
	if _, err := w.c.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return err
	}
	w.start()
	return nil
}

// enterWAL sets the pragmas. Changing the journal mode takes the whole file
// for a moment, and SQLite does not wait for that by itself.
func (s *Store) enterWAL(ctx context.Context) error {
	for until := time.Now().Add(s.busy); ; {
		err := s.writer.pragma(ctx, s.busy, writerCacheKiB, true)
		if err == nil || !strings.Contains(err.Error(), "locked") || time.Now().After(until) {
			return err
		}
		if err := postproof.Sleep(ctx, postproof.SystemClock(), 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// prepare makes the ledger, or brings it up to date.
func (s *Store) prepare(ctx context.Context, c *conn) error {
	have, err := c.schemaOf(ctx)
	if err != nil {
		return err
	}
	now := s.clock.Now().UnixNano()
	if have == 0 {
		if s.mode == "" {
			return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
				errors.New("there is no ledger yet: to make one, say with WithMode which mode it has for ever"))
		}
		if m, found, err := readMarker(s.path); err != nil {
			return err
		} else if found && m.Session > 0 {
			return errOrphan
		}
	}
	if have < schemaVersion {
		if err := c.migrate(ctx, have, now); err != nil {
			return err
		}
	}
	if have == 0 {
		epoch := newEpoch()
		if _, err := c.exec(ctx, `INSERT INTO ledger VALUES (1, ?, ?, ?, ?, ?, 0, 0, 0, ?, 0, 0)`,
			string(idempotency.NewNamespace()), string(s.mode), now, epoch, epoch, int64(codec.Never)); err != nil {
			return err
		}
	}
	var mode string
	found, err := c.queryRow(ctx, []any{&mode}, "SELECT mode FROM ledger")
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: the ledger has lost its row", idempotency.ErrCorrupt)
	}
	return s.checkMode(mode)
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
