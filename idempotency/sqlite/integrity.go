package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	"github.com/postproof/postproof/idempotency"
)

// checkLength finds a database file that was cut off: SQLite would notice only
// when it needs a page that is gone. A log beside the file may hold what is
// missing, so then it is left to the engine.
func checkLength(path string) error {
	f, err := os.Open(path) //nolint:gosec // the caller names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	if wal, err := os.Stat(path + walSuffix); err == nil && wal.Size() > 0 {
		return nil
	}
	var header [32]byte
	if _, err := io.ReadFull(f, header[:]); err != nil || string(header[:15]) != "SQLite format 3" {
		return nil // the engine says it better
	}
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 {
		page = 1 << 16
	}
	if want := int64(binary.BigEndian.Uint32(header[28:])) * page; info.Size() < want {
		return fmt.Errorf("%w: the file has %d of %d bytes: it was cut off; restore a backup, then recover", idempotency.ErrCorrupt, info.Size(), want)
	}
	return nil
}

// checkOrphan finds a database that is gone, or empty, while its marker or its log are
// there. The engine would take the log for that of another one and delete it, with all
// that was acknowledged and not moved yet, before anybody could put the database back.
func checkOrphan(path string) error {
	// Whoever is making a ledger at this moment makes the database first, so that is
	// looked at last.
	m, marked, err := readMarker(path)
	if err != nil {
		return err
	}
	wal, err := os.Stat(path + walSuffix)
	logged := err == nil && wal.Size() > 0
	if !logged && (!marked || m.Session == 0) {
		return nil
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Size() > 0:
		return nil
	}
	return errOrphan
}

// findPath asks the engine for the file: it knows, whoever named it. The engine does
// not look into the file for that.
func (s *Store) findPath(ctx context.Context, c *conn) error {
	var main sql.NullString
	if err := c.query(ctx, func(rows *sql.Rows) error {
		var n int
		var name string
		var path sql.NullString
		err := rows.Scan(&n, &name, &path)
		if name == "main" {
			main = path
		}
		return err
	}, "PRAGMA database_list"); err != nil {
		return err
	}
	if main.String == "" {
		return fmt.Errorf("the database is not a file: %w", errNoFile)
	}
	s.path = main.String
	if err := checkOrphan(s.path); err != nil {
		return err
	}
	switch info, err := os.Stat(s.path); {
	case errors.Is(err, fs.ErrNotExist): // it is made by the first write
	case err != nil:
		return err
	case links(info) > 1:
		return errLinked
	}
	return nil
}

// checkBase finds a database file that was put back beside the log of a newer
// one: SQLite would mix the two. It reads the main file without the log, and
// compares how far it has come with how far the log says it has.
// Only Open can, which knows how to open the file in another way.
func (s *Store) checkBase(ctx context.Context, c *conn) error {
	if !s.owned {
		return nil
	}
	var base int64
	if _, err := c.queryRow(ctx, []any{&base}, "SELECT base FROM ledger"); err != nil || base == 0 {
		return err
	}
	bare, err := sql.Open(driverName, dsn(s.path, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
	if err != nil {
		return err
	}
	defer bare.Close()
	var commits int64
	if err := bare.QueryRowContext(ctx, "SELECT commits FROM ledger").Scan(&commits); err != nil {
		return nil // a crash in the middle of a checkpoint leaves the main file unreadable by itself
	}
	if commits < base {
		return fmt.Errorf("%w: the database file is older than the log beside it: restore it again, and remove its -wal and -shm files", idempotency.ErrCorrupt)
	}
	return nil
}
