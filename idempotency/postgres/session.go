package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// session is one connection that the store keeps, with its settings made and
// its statements prepared. It is used by one goroutine at a time, and opened
// again when it was lost.
type session struct {
	db    *sql.DB
	c     *sql.Conn // nil when it is not open
	stmts map[string]*sql.Stmt
	back  backend
}

// backend is the server's process behind a connection. A process id alone may
// be another's by now.
type backend struct {
	pid     int64
	started string
}

// settingsText makes the settings of a session. The store's statements are
// written for them: each statement sees what was committed before it began;
// plans are made once, and by the indexes, whatever the statistics of a young
// table say; nobody waits for a lock for ever; and a process that is frozen in
// the midst of a transaction does not keep the others from their work.
//
// A plan that was made while a table was empty may read all of it, once for each
// row of a join, when it has grown. So the statements leave the server no choice:
// rows are named by = ANY of an array, and looked up one by one with LATERAL and
// a LIMIT; what hashes and merges whole tables is off.
const settingsText = `SELECT
	set_config('default_transaction_isolation', 'read committed', false),
	set_config('default_transaction_read_only', 'off', false),
	set_config('default_transaction_deferrable', 'off', false),
	set_config('plan_cache_mode', 'force_generic_plan', false),
	set_config('jit', 'off', false),
	set_config('enable_seqscan', 'off', false),
	set_config('enable_bitmapscan', 'off', false),
	set_config('enable_hashjoin', 'off', false),
	set_config('enable_mergejoin', 'off', false),
	set_config('lock_timeout', $1, false),
	set_config('statement_timeout', $2, false),
	set_config('idle_in_transaction_session_timeout', $3, false)`

const (
	// lockTimeout is how long the ledger's lock is waited for at a time.
	lockTimeout = "5s"
	// rowTimeout is how long who has it waits for others: a claim at work, or a
	// caller's own transaction that has enqueued the same key.
	rowTimeout       = "200ms"
	statementTimeout = "60s"
	// idleTimeout is how long a transaction of the store's may wait for its
	// next statement: some round trips.
	idleTimeout = "1s"
	// slowest is how many bytes of a long statement come in within a second, where the
	// network is slow: the server takes the time for idle.
	slowest = 512 << 10
)

// open opens the session if need be.
func (s *session) open(ctx context.Context) error {
	if s.c != nil {
		return nil
	}
	c, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	s.c, s.stmts = c, make(map[string]*sql.Stmt)
	if err := s.prepare(ctx); err != nil {
		s.drop()
		return err
	}
	return nil
}

func (s *session) prepare(ctx context.Context) error {
	var have server
	if err := s.c.QueryRowContext(ctx, serverText).Scan(have.dest()...); err != nil {
		return err
	}
	if err := have.check(); err != nil {
		return err
	}
	s.back = have.backend
	rows, err := s.c.QueryContext(ctx, settingsText, lockTimeout, statementTimeout, idleTimeout)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() { // the settings are made as the row is
	}
	return rows.Err()
}

// drop closes the connection: with our settings it is of no use to others of
// the pool.
func (s *session) drop() {
	if s.c == nil {
		return
	}
	// Statements go with their connection. Closing them would ask a server that
	// may be gone.
	_ = s.c.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.c.Close()
	s.c, s.stmts = nil, nil
}

func (s *session) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if st := s.stmts[text]; st != nil {
		return st, nil
	}
	st, err := s.c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.stmts[text] = st
	return st, nil
}

// script runs statements without arguments, in one round trip.
func (s *session) script(ctx context.Context, text string) error {
	_, err := s.c.ExecContext(ctx, text)
	return err
}

// exec runs a statement and returns how many rows it changed.
func (s *session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	st, err := s.stmt(ctx, text) //nolint:sqlclosecheck // kept until the connection is closed
	if err != nil {
		return 0, err
	}
	result, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query runs a query and calls scan for each row.
func (s *session) query(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error {
	st, err := s.stmt(ctx, text) //nolint:sqlclosecheck // kept until the connection is closed
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return scanAll(rows, scan)
}

// queryRow scans the only row of a query, and reports whether there is one.
func (s *session) queryRow(ctx context.Context, dest []any, text string, args ...any) (found bool, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	}, text, args...)
	return found, err
}

// begin starts a transaction and takes the ledger's lock, in one round trip.
// What is read after it is what all others have written before. From then on
// it only waits for a short time: who has the lock holds up everybody. A statement of
// so many bytes is to come.
func (s *session) begin(ctx context.Context, lock int64, bytes int) error {
	text := fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d); SET LOCAL lock_timeout = '%s'", lock, rowTimeout)
	if more := bytes / slowest; more > 0 {
		text += fmt.Sprintf("; SET LOCAL idle_in_transaction_session_timeout = '%ds'", 1+more)
	}
	return s.script(ctx, text)
}

func scanAll(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
