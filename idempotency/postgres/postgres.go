package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/combine"
	"github.com/postproof/postproof/idempotency/internal/pages"
)

// Store is a ledger in a PostgreSQL database. It implements
// [idempotency.Engine]: make one with [New], and [Store.Close] it. It is safe
// for concurrent use, and any number of processes may work on one ledger.
type Store struct {
	settings
	db     *sql.DB
	text   statements
	lock   int64
	writer *writer
	memory memory
	// claims has a connection of its own, so that claims do not wait for
	// commits. Whoever takes it from the channel uses it alone.
	claims chan *session
	closed chan struct{}
	close  func() error
}

var _ idempotency.Engine = (*Store)(nil)

// minConns is how many connections of the pool a store needs: one each for
// commits and claims that it keeps, and some for what only reads.
const minConns = 3

// New opens the ledger in a database of the caller's, or makes one, which needs
// [WithMode], and brings its schema up to date. The store keeps two connections of
// db, with settings of its own, until [Store.Close]; it leaves db open.
//
// The error is a [*postproof.Error] that says what is wrong and what to do. Nothing
// was sent. Its code is [postproof.CodeInvalidArgument] for an option, a pool or a
// server that cannot be used as it is set up ([ErrUnsafe]), and for a new ledger
// without a mode; [postproof.CodeConflict] for another mode;
// [postproof.CodeUnsupported], with [idempotency.ErrNewer], for a schema of a later
// version; [postproof.CodeUnauthenticated], [postproof.CodePermissionDenied] and
// [postproof.CodeNotFound] where the server says so of the role and the database;
// [postproof.CodeInternal], with [idempotency.ErrCorrupt], for what is damaged;
// [postproof.CodeUnavailable] where it may go well later.
func New(ctx context.Context, db *sql.DB, opts ...Option) (*Store, error) {
	set, err := newSettings(opts)
	if err != nil {
		return nil, notOpened(err)
	}
	if db == nil {
		return nil, notOpened(postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
			errors.New("there is no *sql.DB: open one with the driver of your choice, as sql.Open does")))
	}
	if most := db.Stats().MaxOpenConnections; most > 0 && most < minConns {
		return nil, notOpened(postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
			fmt.Errorf("the pool has at most %d connections: allow %d or more (SetMaxOpenConns)", most, minConns)))
	}
	s := &Store{settings: set, db: db, text: newStatements(&set), lock: lockOf(set.schema), closed: make(chan struct{}), claims: make(chan *session, 1)}
	s.writer = &writer{store: s, session: &session{db: db}}
	s.writer.batch = newBatch(s)
	s.claims <- &session{db: db}
	s.close = sync.OnceValue(s.shut)
	if err := s.start(ctx); err != nil {
		s.writer.drop()
		return nil, notOpened(cause(ctx, err))
	}
	s.writer.combiner = combine.New(combine.Config[operation]{
		Run: s.writer.run, Idle: s.writer.tidy, Weight: operation.weight, MaxWeight: maxBatch,
	})
	return s, nil
}

// start prepares the ledger. It is patient with a connection that was there and was
// lost, as in a failover, or while this process stood still; a server that cannot be
// reached at all is told of at once.
func (s *Store) start(ctx context.Context) error {
	var whole error
	passed := s.patiently(ctx, func() error {
		w := s.writer.session
		w.drop()
		whole = s.prepare(ctx)
		if w.c == nil {
			return nil
		}
		return whole
	})
	return cmp.Or(passed, whole)
}

// prepare makes the ledger, or brings it up to date, and looks whether the
// server is still the one that its history is of.
func (s *Store) prepare(ctx context.Context) (err error) {
	w := s.writer.session
	if err := w.open(ctx); err != nil {
		return err
	}
	var identity string
	if _, err := w.queryRow(ctx, []any{&identity}, "SELECT "+identityText); err != nil {
		if stateOf(err) == "42501" {
			err = fmt.Errorf("who the server is cannot be read; let an administrator say GRANT EXECUTE ON FUNCTION pg_control_system(), "+
				"pg_walfile_name(pg_lsn), pg_current_wal_insert_lsn() TO the role: %w", err)
		}
		return err
	}
	if err := w.begin(ctx, s.lock, 0); err != nil {
		return err
	}
	have, err := s.migrate(ctx, w)
	if err == nil && have == 0 {
		err = s.create(ctx, w)
	}
	if err == nil {
		err = s.checkMode(ctx, w)
	}
	if err == nil {
		_, err = s.checkHistory(ctx, w)
	}
	if err != nil {
		_ = w.script(context.WithoutCancel(ctx), "ROLLBACK") // the connection is closed next
		return err
	}
	return w.script(ctx, "COMMIT")
}

func newEpoch() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

func (s *Store) create(ctx context.Context, c *session) error {
	epoch := newEpoch()
	_, err := c.exec(ctx, s.in(`INSERT INTO @ledger (one, namespace, mode, created, epoch, recovered, newest, server, touched)
		SELECT 1, $1, $2, $3, $4, $4, $5, `+identityText+`, `+touchText),
		string(idempotency.NewNamespace()), string(s.mode), s.clock.Now().UnixNano(), epoch, int64(codec.Never))
	return err
}

func (s *Store) checkMode(ctx context.Context, c *session) error {
	var mode string
	found, err := c.queryRow(ctx, []any{&mode}, s.in("SELECT mode FROM @ledger"))
	switch {
	case err != nil:
		return err
	case !found:
		return errNoRow
	case s.mode != "" && string(s.mode) != mode:
		return postproof.NewError(postproof.CodeConflict, postproof.NotSent, fmt.Errorf(
			"the ledger's mode is %q and stays so, not %q: use another schema for the other mode (WithSchema)", mode, string(s.mode)))
	}
	return nil
}

// Close waits for the operations under way and gives the connections back;
// operations that come later return [idempotency.ErrClosed]. It may be called
// more than once. A commit that waits for a synchronous standby is under way
// until the standby is back, or the process ends.
func (s *Store) Close() error { return s.close() }

func (s *Store) shut() error {
	close(s.closed)
	s.writer.combiner.Close()
	s.writer.drop()
	(<-s.claims).drop()
	return nil
}

// usable returns an error when the store is closed or the context over.
func (s *Store) usable(ctx context.Context) error {
	select {
	case <-s.closed:
		return idempotency.ErrClosed
	default:
		return context.Cause(ctx)
	}
}

// read runs a query on some connection of the pool, again if the connection
// was lost, and returns what scan makes of each row.
func read[T any](ctx context.Context, s *Store, doing string, scan func(*sql.Rows) (T, error), text string, args ...any) (all []T, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	err = s.patiently(ctx, func() error {
		all = all[:0]
		rows, err := s.db.QueryContext(ctx, text, args...)
		if err != nil {
			return err
		}
		return scanAll(rows, func(rows *sql.Rows) error {
			one, err := scan(rows)
			all = append(all, one)
			return err
		})
	})
	if err != nil {
		return nil, explain(doing, cause(ctx, err))
	}
	return all, nil
}

// readRows is read where one row that is damaged keeps no other from being read.
func readRows[T any](ctx context.Context, s *Store, doing string, scan func(*sql.Rows) (T, error), text string, args ...any) ([]pages.Row[T], error) {
	return read(ctx, s, doing, func(rows *sql.Rows) (pages.Row[T], error) {
		row, err := pages.RowOf(scan(rows))
		row.Err = explain(doing, row.Err)
		return row, err
	}, text, args...)
}
