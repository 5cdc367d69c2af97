package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/combine"
	"github.com/postproof/postproof/idempotency/internal/portion"
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

func (o *directOp) apply(ctx context.Context, b *batch) error { return o.do(ctx, b) }

// writer commits: one connection, and one goroutine that takes what callers
// have queued.
type writer struct {
	*session
	store    *Store
	combiner *combine.Combiner[operation]
	batch    *batch
	// ghost is the server's process of a connection that was lost in the midst of
	// a transaction: it may still hold the ledger's lock.
	ghost backend
	// last is the latest transaction that was made, and when that was.
	last struct {
		token int64
		at    time.Time
	}
	// begun is when the transaction under way began, begunAt by the store's clock.
	begun, begunAt time.Time
	// checked is the connection on which it was last seen.
	checked backend
	// known is the ledger's epoch and server, the latter empty if it has another, as
	// they were last seen, and the connection on which they were.
	known struct {
		epoch, server string
		on            backend
	}
	// missed is how many transactions were last not made by commitNow, sulk for how
	// many more it is not tried.
	missed, sulk int
	// untidy counts transactions since the last tidying.
	untidy int
}

// run carries out the operations in one transaction. If it fails for another
// reason than a lost connection or a collision, which no change should be able
// to cause, each gets a transaction of its own.
func (w *writer) run(ops []operation) {
	err := w.transact(ops)
	if err == nil || len(ops) == 1 || passing(err) || errors.Is(err, ErrInDoubt) {
		for _, op := range ops {
			op.settle(err)
		}
		return
	}
	for _, op := range ops {
		op.settle(w.transact([]operation{op}))
	}
}

// transact carries out the operations in one transaction, again if it was
// proven that it was not made.
func (w *writer) transact(ops []operation) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return w.store.patiently(ctx, func() error { return w.try(ctx, ops) })
}

// bytesOf is how much artwork goes into a transaction.
func bytesOf(ops []operation) (n int) {
	for _, op := range ops {
		switch o := op.(type) {
		case *commitOp:
			n += portion.Bytes(o.changes)
		case *putOp:
			n = max(n, len(o.message.Body)) // each has a statement of its own
		}
	}
	return n
}

// try is one try of a transaction. After a passing error it was not made.
func (w *writer) try(ctx context.Context, ops []operation) error {
	if err := w.reopen(ctx); err != nil {
		return err
	}
	w.begun, w.begunAt = time.Now(), w.store.clock.Now()
	if made, err := w.commitNow(ctx, ops); made || err != nil {
		if made {
			w.done()
		}
		return err
	}
	if err := w.begin(ctx, w.store.lock, bytesOf(ops)); err != nil {
		w.abort(ctx, err)
		return err
	}
	b := w.batch
	b.begin()
	err := w.recall(ctx, b)
	if err == nil {
		err = b.work(ctx, ops)
	}
	if err != nil {
		w.abort(ctx, err)
		if stateOf(err) == stateLockTimeout {
			return &blockedError{err}
		}
		return err
	}
	if b.epoch != w.known.epoch {
		w.store.memory.forget()
	}
	w.known.epoch, w.known.server, w.known.on = b.epoch, b.server, w.back
	if !b.dirty {
		w.checked = w.back
		w.abort(ctx, nil)
		return nil
	}
	// The row by which the transaction is known was stored with its records, or
	// goes with the COMMIT: one round trip less.
	end := "COMMIT"
	if b.noted == codec.Never || b.noted < b.newest {
		end = fmt.Sprintf(w.store.text.commit, b.token, b.newest)
	}
	if err := w.script(ctx, end); err != nil {
		w.give()
		if err := w.settleDoubt(ctx, b.token, err); err != nil {
			return err
		}
	}
	w.done()
	return nil
}

// done notes that the batch is durable.
func (w *writer) done() {
	w.checked, w.last.token, w.last.at = w.back, w.batch.token, time.Now()
	w.untidy++
	w.store.memory.learn(w.batch.places)
}

// recall looks on a new connection whether the ledger still has the latest
// transaction. It has not when the server's files were set back to an earlier
// moment meanwhile, which nothing else tells.
func (w *writer) recall(ctx context.Context, b *batch) error {
	if w.checked == w.back {
		return nil
	}
	// The server may hand out the numbers of our block again: a sequence that it
	// had not written down yet, or one that was restored, begins before them.
	b.free = block{}
	w.store.memory.forget()
	if w.last.token != 0 && time.Since(w.last.at) < keepCommits/2 {
		made := false
		if _, err := w.queryRow(ctx, []any{&made}, w.store.text.made, w.last.token); err != nil {
			return err
		}
		if !made {
			b.dirty = true
			if _, err := w.store.breakHistory(ctx, w.session, "the ledger lacks a transaction that it had acknowledged: it was set back to an earlier moment"); err != nil {
				return err
			}
		}
	}
	return nil
}

// abort ends the transaction, or the connection if that cannot be done. Without
// a COMMIT nothing was made.
func (w *writer) abort(ctx context.Context, err error) {
	if lost(err) || w.script(ctx, "ROLLBACK") != nil {
		w.give()
	}
}

// give gives the connection up, but not its memory.
func (w *writer) give() {
	if w.c != nil {
		w.ghost = w.back
	}
	w.drop()
}

// endText ends the server's process, if it still waits on the connection that
// was lost: it would keep its locks until the server notices.
const endText = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	WHERE pid = $1 AND backend_start = $2::text::timestamptz AND pid <> pg_backend_pid()`

// reopen opens the connection if need be, and makes sure that the one before
// holds nothing up.
func (w *writer) reopen(ctx context.Context) error {
	if err := w.open(ctx); err != nil || w.ghost.pid == 0 {
		return err
	}
	var ended int64
	if _, err := w.queryRow(ctx, []any{&ended}, endText, w.ghost.pid, w.ghost.started); err != nil {
		w.drop()
		return err
	}
	w.ghost = backend{}
	return nil
}

// settleDoubt finds out whether a transaction was made whose COMMIT was not
// answered: it makes sure that the server's process has come to its end, and
// then looks for the row that the transaction added. It returns nil if it was
// made, the error if it was not, and [ErrInDoubt] if nobody can say.
//
// The row is kept for some minutes only. Who asks later, as after a long patience or a
// process that stood still, learns nothing from its not being there. Both clocks tell:
// the one that never runs back may stand still with the machine.
func (w *writer) settleDoubt(ctx context.Context, token int64, broken error) error {
	made := false
	err := w.store.patiently(ctx, func() error {
		if err := w.reopen(ctx); err != nil {
			return err
		}
		err := w.ask(ctx, token, &made)
		if err == nil && made {
			return w.followed(ctx)
		}
		w.abort(ctx, err)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w: %w", ErrInDoubt, err, broken)
	case made:
		return nil
	case max(time.Since(w.begun), w.store.clock.Now().Sub(w.begunAt)) > keepCommits/2:
		return fmt.Errorf("%w: too late to find out whether it was made: %w", ErrInDoubt, broken)
	case passing(broken):
		return broken
	}
	return fmt.Errorf("%w: %w", errUndone, broken)
}

// errUndone makes what ended a transaction without trace worth another try.
var errUndone = fmt.Errorf("the transaction was not made: %w", errStandby)

func (w *writer) ask(ctx context.Context, token int64, made *bool) error {
	// The transaction held the ledger's lock. Who has it now comes after it.
	if err := w.begin(ctx, w.store.lock, 0); err != nil {
		return err
	}
	_, err := w.queryRow(ctx, []any{made}, w.store.text.made, token)
	return err
}

// followed makes a transaction that comes after the one that was found, and waits for
// its COMMIT. Where a standby has to have what is acknowledged, the server's process
// that was ended may have waited for that: then all can see its transaction, and the
// standby may not have it. The log is sent in order.
func (w *writer) followed(ctx context.Context) error {
	err := w.script(ctx, fmt.Sprintf(w.store.text.commit, 0, w.batch.newest))
	if err != nil {
		w.give()
	}
	return err
}

// patiently runs a try until it goes well, fails for good, or patience is at
// its end.
func (s *Store) patiently(ctx context.Context, try func() error) error {
	wait := 2 * time.Millisecond
	for start := time.Now(); ; {
		err := try()
		if err == nil || !passing(err) || time.Since(start) > s.patience || ctx.Err() != nil {
			return err
		}
		select {
		case <-s.closed: // one try is enough then
			return err
		default:
		}
		if postproof.Sleep(ctx, postproof.SystemClock(), wait) != nil {
			return err
		}
		wait = min(2*wait, 500*time.Millisecond)
	}
}

// newToken names a transaction.
func newToken() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return int64(binary.BigEndian.Uint64(b[:]))
}

// do runs an operation and returns its error.
func (s *Store) do(ctx context.Context, doing string, op operation, result *outcome) error {
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
