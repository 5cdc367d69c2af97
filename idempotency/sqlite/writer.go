package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/combine"
)

// maxBatch is how many changes one transaction has at most; an operation that
// is taken is not divided.
const maxBatch = 512

// operation is what a caller asks of the writer. Its steps may be run more
// than once, when the transaction of its batch failed.
type operation interface {
	// weight is how many changes it makes, about.
	weight() int
	// apply does the work inside the transaction. An error undoes the
	// transaction: that a change may not be made is no error.
	apply(ctx context.Context, b *batch) error
	// settle keeps the error for the caller; nil when all is durable.
	settle(err error)
}

// outcome is an operation's error.
type outcome struct{ err error }

func (o *outcome) settle(err error) { o.err = err }

// directOp works on the database itself, after the changes of its batch.
type directOp struct {
	outcome
	do func(ctx context.Context, b *batch) error
}

func (o *directOp) weight() int { return 16 }

func (o *directOp) apply(ctx context.Context, b *batch) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	b.forget() // it goes past what is loaded
	return o.do(ctx, b)
}

// writer is the only one who writes: one connection, and one goroutine that
// takes what callers have queued.
type writer struct {
	*conn
	combiner *combine.Combiner[operation]
	batch    *batch
	head     head // after the last commit of ours
	path     string
	inode    string
	wal      string // the inode of its log; empty where there are none
	marker   *marker
	// busy is how long the write lock is waited for.
	busy time.Duration
	// inVain is when the turn was last waited for in vain.
	inVain time.Time
	log    logCare
}

func (w *writer) start() {
	w.batch = newBatch(w.conn)
	w.combiner = combine.New(combine.Config[operation]{
		Run: w.run, Idle: w.careForLog, Weight: operation.weight, MaxWeight: maxBatch,
	})
}

// run carries out the operations in one transaction. If one of them fails, which no
// change should be able to cause, each gets a transaction of its own. If the lock is
// not to be had, all have waited for it. If the commit itself fails nobody can know.
// In both cases nothing is run again.
func (w *writer) run(ops []operation) {
	ctx := context.Background()
	if i := slices.IndexFunc(ops, isScrub); i >= 0 {
		scrub, _ := ops[i].(*scrubOp)
		if rest := slices.DeleteFunc(slices.Clone(ops), isScrub); len(rest) > 0 {
			w.run(rest)
		}
		for _, op := range ops {
			if other, ok := op.(*scrubOp); ok {
				scrub.whole = scrub.whole || other.whole
			}
		}
		err := w.scrub(ctx, scrub.whole)
		for _, op := range ops {
			if isScrub(op) {
				op.settle(err)
			}
		}
		return
	}
	shared, err := w.transact(ctx, ops)
	if err == nil || shared || len(ops) == 1 {
		for _, op := range ops {
			op.settle(err)
		}
		return
	}
	for _, op := range ops {
		_, err := w.transact(ctx, []operation{op})
		op.settle(err)
	}
}

// transact reports with shared that the error is no single operation's: it came before
// them, or the transaction may have been made although there is one.
func (w *writer) transact(ctx context.Context, ops []operation) (shared bool, err error) {
	if err := w.stillThere(); err != nil {
		return true, err
	}
	if err := w.begin(ctx); err != nil {
		return true, err
	}
	b := w.batch
	if err := w.work(ctx, b, ops); err != nil {
		b.undo()
		_, rollback := w.exec(ctx, "ROLLBACK")
		return false, errors.Join(err, rollback)
	}
	if _, err := w.exec(ctx, "COMMIT"); err != nil {
		b.undo()
		// An engine that could not commit may still be inside the transaction.
		_, _ = w.exec(ctx, "ROLLBACK")
		if !w.overwritten(ctx) {
			err = fmt.Errorf("%w: %w", idempotency.ErrInDoubt, err)
		}
		return true, fmt.Errorf("commit: %w", err)
	}
	if !b.dirty {
		return false, nil
	}
	alone := b.head.commits == w.head.commits+1
	w.head = b.head
	w.log.wrote(ops)
	if err := w.marker.note(b.head.commits, alone); err != nil {
		// The transaction is durable, but a backup restored from now on might
		// not be noticed: say so to the callers, who read what is there.
		return true, fmt.Errorf("marker: %w", err)
	}
	return false, nil
}

// overwritten makes sure that a transaction is undone whose COMMIT failed. All of it
// may stand in the log, and only its sync have failed: when the process dies then,
// the next one finds it there, and takes it for made. Any other commit overwrites it,
// but one that changes nothing, which the engine does not write.
func (w *writer) overwritten(ctx context.Context) bool {
	err := w.locked(ctx, true, func(c *conn) error {
		_, err := c.exec(ctx, "UPDATE ledger SET commits = commits + 1")
		return err
	})
	if err != nil {
		_, _ = w.exec(ctx, "ROLLBACK") // as above
	}
	return err == nil
}

func (w *writer) work(ctx context.Context, b *batch, ops []operation) error {
	if err := w.stillThere(); err != nil { // the lock may have been waited for
		return err
	}
	if err := b.begin(ctx); err != nil {
		return err
	}
	if b.head.commits < w.head.commits {
		return ErrReplaced // by an older one, in place
	}
	if err := b.load(ctx, ops); err != nil {
		return err
	}
	// Changes come first, so that what was loaded for them stays true.
	for _, changes := range []bool{true, false} {
		for _, op := range ops {
			if _, ok := op.(*commitOp); ok == changes {
				if err := op.apply(ctx, b); err != nil {
					return err
				}
			}
		}
	}
	return b.finish(ctx)
}

// walSuffix is what SQLite adds to the database's path for its log.
const walSuffix = "-wal"

// stillThere returns an error when the path leads to another file than the one
// that is open: what is written to that one is lost. So it does for the log and the
// marker.
func (w *writer) stillThere() error {
	info, err := os.Stat(w.path)
	if err != nil {
		return errors.Join(ErrReplaced, err)
	}
	if inode, _ := fileID(info); inode != w.inode {
		return ErrReplaced
	}
	// As long as it is open the log is one file, and who opens the database after this
	// process was killed looks for what was acknowledged in the one at its path.
	if w.wal != "" {
		info, err := os.Stat(w.path + walSuffix)
		if err != nil {
			return errors.Join(errLogReplaced, err)
		}
		if inode, _ := fileID(info); inode != w.wal {
			return errLogReplaced
		}
	}
	// Without the marker that is there, what is written from now on could be set back
	// to a backup, and nobody would notice.
	info, err = os.Stat(w.marker.path)
	if err != nil {
		return errors.Join(errMarkerReplaced, err)
	}
	if self, _ := fileID(info); self != w.marker.last.Self {
		return errMarkerReplaced
	}
	return nil
}

// locked runs fn with the write lock, outside the combiner.
func (w *writer) locked(ctx context.Context, commit bool, fn func(*conn) error) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	if err := fn(w.conn); err != nil {
		_, rollback := w.exec(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, rollback)
	}
	end := "COMMIT"
	if !commit {
		end = "ROLLBACK"
	}
	_, err := w.exec(ctx, end)
	return err
}

// do runs an operation and returns its error.
func (s *Store) do(ctx context.Context, doing string, op operation, result *outcome) error {
	if s.readOnly {
		return ErrReadOnly
	}
	ok, err := s.writer.combiner.Do(ctx, op)
	switch {
	case err != nil:
		return err
	case !ok:
		return idempotency.ErrClosed
	}
	return explain(doing, result.err)
}

// direct runs fn inside a transaction of the writer.
func (s *Store) direct(ctx context.Context, doing string, fn func(context.Context, *batch) error) error {
	op := &directOp{do: fn}
	return s.do(ctx, doing, op, &op.outcome)
}
