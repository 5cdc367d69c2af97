package sqlite

import (
	"context"
	"errors"

	"github.com/postproof/postproof/idempotency"
)

var (
	_ idempotency.Scrubber    = (*Store)(nil)
	_ idempotency.BlobRemover = (*Store)(nil)
)

// scrubOp works on the files, so it cannot be part of a transaction.
type scrubOp struct {
	outcome
	whole bool
}

func (*scrubOp) weight() int { return maxBatch }

// apply is never called: the writer takes these out.
func (*scrubOp) apply(context.Context, *batch) error { return nil }

func isScrub(op operation) bool { _, ok := op.(*scrubOp); return ok }

var errLogInUse = errors.New("the log is in use by another process, or by a long read: what was deleted is still in it; try again")

// Scrub implements [idempotency.Scrubber]. What is deleted is overwritten in its
// page at once (PRAGMA secure_delete); Scrub moves the log into the main file and
// cuts it to nothing, and deletes what killed processes have left of uploads of
// artwork, an hour after its last byte. With whole it rewrites the main file before (VACUUM): pages
// that were split or merged may have left a copy of a row in their gaps. That
// takes room for a second copy, and for a third in the folder for temporary
// files, and nobody writes meanwhile.
func (s *Store) Scrub(ctx context.Context, whole bool) error {
	op := &scrubOp{whole: whole}
	if err := s.do(ctx, "scrub", op, &op.outcome); err != nil {
		return err
	}
	return explain("scrub", s.sweepUploads())
}

// scrub runs between two transactions.
func (w *writer) scrub(ctx context.Context, whole bool) error {
	if err := w.stillThere(); err != nil {
		return err
	}
	w.log.await() // it would be in the way
	if whole {
		if err := w.vacuum(ctx); err != nil {
			return err
		}
	}
	var busy, log, done int64
	found, err := w.queryRow(ctx, []any{&busy, &log, &done}, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err != nil {
		return err
	}
	if !found || busy != 0 || log != done {
		return errLogInUse
	}
	w.batch.based, w.log.commits, w.log.pages = w.head.commits, 0, 0
	return nil
}

// vacuum keeps the copy that it makes on the way out of memory.
func (w *writer) vacuum(ctx context.Context) (err error) {
	if _, err := w.c.ExecContext(ctx, "PRAGMA temp_store = FILE"); err != nil {
		return err
	}
	defer func() {
		_, back := w.c.ExecContext(ctx, "PRAGMA temp_store = MEMORY")
		err = errors.Join(err, back)
	}()
	_, err = w.c.ExecContext(ctx, "VACUUM")
	return err
}
