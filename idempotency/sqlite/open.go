package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

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
