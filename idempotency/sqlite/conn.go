package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"
)

// conn is one connection with its pragmas set and its statements kept. It is
// used by one goroutine at a time.
//
// The statements write LIMIT +? and priority = +? where a bare parameter would do:
// the engine looks at what it is, and makes a new plan for other values.
type conn struct {
	c     *sql.Conn
	stmts map[stmtKey]*sql.Stmt
	args  []any
}

// stmtKey is a statement's text, and how often the part in braces is repeated.
type stmtKey struct {
	text  string
	times int
}

// maxTimes is how often a part is repeated at most. Only powers of two are
// used: few statements to prepare, and few rounds for many rows.
const maxTimes = 64

// maxRows is how many rows one statement writes at most. More at a time gain
// nothing.
const maxRows = 32

// expand repeats the part of the text in braces, with commas.
func expand(text string, times int) string {
	head, rest, ok := strings.Cut(text, "{")
	if !ok {
		return text
	}
	part, tail, _ := strings.Cut(rest, "}")
	return head + strings.Repeat(part+",", times-1) + part + tail
}

func (c *conn) stmt(ctx context.Context, text string, times int) (*sql.Stmt, error) {
	key := stmtKey{text, times}
	if s := c.stmts[key]; s != nil {
		return s, nil
	}
	s, err := c.c.PrepareContext(ctx, expand(text, times))
	if err != nil {
		return nil, err
	}
	c.stmts[key] = s
	return s, nil
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(ctx context.Context, text string, args ...any) (int64, error) {
	s, err := c.stmt(ctx, text, 1) //nolint:sqlclosecheck // kept until the connection is closed
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insert is exec of a statement that makes at most one row, and returns the
// number of the row, too; 0 when there is none.
func (c *conn) insert(ctx context.Context, text string, args ...any) (id, n int64, err error) {
	s, err := c.stmt(ctx, text, 1) //nolint:sqlclosecheck // kept until the connection is closed
	if err != nil {
		return 0, 0, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, 0, err
	}
	if n, err = result.RowsAffected(); err != nil || n == 0 {
		return 0, n, err
	}
	id, err = result.LastInsertId()
	return id, n, err
}

// query runs a query and calls scan for each row.
func (c *conn) query(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error {
	return c.queryTimes(ctx, scan, text, 1, args)
}

// queryIn runs a query for many keys, which belong to the part in braces.
func (c *conn) queryIn(ctx context.Context, scan func(*sql.Rows) error, text string, keys []any) error {
	return c.queryMany(ctx, scan, text, maxTimes, keys)
}

// queryMany is queryIn with another limit for the keys of one statement.
func (c *conn) queryMany(ctx context.Context, scan func(*sql.Rows) error, text string, most int, keys []any) error {
	for len(keys) > 0 {
		n := min(most, len(keys))
		step := 1
		for step < n {
			step *= 2
		}
		args := append(c.args[:0], keys[:n]...)
		for len(args) < step {
			args = append(args, nil) // is equal to nothing
		}
		c.args = args
		if err := c.queryTimes(ctx, scan, text, step, args); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// execIn runs a statement for many keys, which belong to the part in braces
// and come behind the other arguments.
func (c *conn) execIn(ctx context.Context, text string, first, keys []any) error {
	for len(keys) > 0 {
		n := min(maxTimes, len(keys))
		step := 1
		for step < n {
			step *= 2
		}
		args := append(append(c.args[:0], first...), keys[:n]...)
		for len(args) < len(first)+step {
			args = append(args, nil) // is equal to nothing
		}
		c.args = args
		s, err := c.stmt(ctx, text, step) //nolint:sqlclosecheck // kept until the connection is closed
		if err != nil {
			return err
		}
		if _, err := s.ExecContext(ctx, args...); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// execRows runs a statement for many rows, each of so many values, which belong
// to the part in braces.
func (c *conn) execRows(ctx context.Context, text string, width int, values []any) error {
	for len(values) > 0 {
		step := maxRows
		for step*width > len(values) {
			step /= 2
		}
		s, err := c.stmt(ctx, text, step) //nolint:sqlclosecheck // kept until the connection is closed
		if err != nil {
			return err
		}
		if _, err := s.ExecContext(ctx, values[:step*width]...); err != nil {
			return err
		}
		values = values[step*width:]
	}
	return nil
}

func (c *conn) queryTimes(ctx context.Context, scan func(*sql.Rows) error, text string, times int, args []any) error {
	s, err := c.stmt(ctx, text, times) //nolint:sqlclosecheck // kept until the connection is closed
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// queryRow scans the only row of a query, and reports whether there is one.
func (c *conn) queryRow(ctx context.Context, dest []any, text string, args ...any) (found bool, err error) {
	err = c.query(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	}, text, args...)
	return found, err
}

// close gives the statements back before the connection: the other way round,
// database/sql waits for ever.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	clear(c.stmts)
	return errors.Join(append(errs, c.c.Close())...)
}

// pragma sets what the connection must have and reads back what the promise
// hangs on, whatever the driver or the data source name say.
func (c *conn) pragma(ctx context.Context, busy time.Duration, cacheKiB int, writable bool) error {
	statements := []string{
		"PRAGMA busy_timeout = " + itoa(busy.Milliseconds()),
		"PRAGMA temp_store = MEMORY",
		"PRAGMA mmap_size = 0",
		"PRAGMA cache_size = -" + itoa(int64(cacheKiB)),
		"PRAGMA trusted_schema = OFF",
	}
	if writable {
		statements = append(
			statements,
			"PRAGMA journal_mode = WAL",
			"PRAGMA synchronous = FULL",
			"PRAGMA wal_autocheckpoint = "+itoa(checkpointPages),
			"PRAGMA journal_size_limit = "+itoa(journalBytes),
			"PRAGMA secure_delete = ON", // what is deleted is overwritten
		)
	} else {
		statements = append(statements, "PRAGMA query_only = ON")
	}
	for _, s := range statements {
		if _, err := c.c.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	if !writable {
		return nil
	}
	var journal string
	if err := c.c.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return err
	}
	if journal != "wal" {
		return errors.New(`journal_mode is "` + journal + `" and cannot be set to "wal": use a file on a local disk`)
	}
	var synchronous int64
	if err := c.c.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
	}
	if synchronous < 2 {
		return errors.New("synchronous is below FULL and cannot be raised: what is acknowledged could be lost")
	}
	return nil
}

const (
	// checkpointPages is how long the log grows before a commit has to move it into
	// the main file. It is large: a page that is changed again and again is moved
	// once, those of an index come in their order and side by side, and each time
	// costs three syncs. Mostly the mover is faster.
	checkpointPages = 16000
	// journalBytes is what is left of the log after a checkpoint.
	journalBytes = 64 << 20

	// writerCacheKiB: a commit that split a page of an index walks through all of
	// the cache. What is written is at the ends of tables, or anywhere in indexes
	// that have no end.
	writerCacheKiB = 4 << 10
	// readerCacheKiB is small: there are several readers, and the pages are in
	// the system's cache as well.
	readerCacheKiB = 2 << 10
	// moverCacheKiB: it reads no pages by themselves.
	moverCacheKiB = 64
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
