package client

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// What Enqueue has read is put in the order of the ids before it is stored, up to
// so many jobs and bytes, and no longer than that. A ledger finds jobs by their
// ids, which are all over the place: out of order, each job writes pages of its
// own in every index of them, the more so the larger the ledger is; in order,
// neighbors share them.
const (
	backlogJobs  = 16 << 10
	backlogBytes = 16 << 20
	backlogAge   = time.Second
)

// backlog is what Enqueue has read and not stored.
type backlog struct {
	c    *Client
	into Tx
	out  *Enqueued

	jobs  []queued
	bytes int
	// began is when the first of it was planned, and the time of all of it: so they
	// are due in the order in which they are stored, and whoever sends them finds
	// neighbors together.
	began time.Time
	// artErased is the version of [artErasedSetting] that all of it was planned at.
	artErased uint64
}

type queued struct {
	index int
	rec   *idempotency.Record
	epoch string          // in which it was planned
	piece postproof.Piece // with its markup
}

// all stores the jobs. What was read before an error is stored, unless it is the
// ledger's.
func (b *backlog) all(ctx context.Context, jobs iter.Seq2[postproof.Job, error]) error {
	c, index := b.c, -1
	var err error
	if _, b.artErased, err = c.readArtErased(ctx, "enqueue"); err != nil {
		return err
	}
	for job, err := range jobs {
		index++
		if err != nil {
			return errors.Join(err, b.flush(ctx))
		}
		now := c.now()
		if len(b.jobs) > 0 && now.Sub(b.began) >= backlogAge {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
		if len(b.jobs) == 0 {
			b.began = now
		}
		err = job.Validate()
		shared := err == nil && c.art.known(&job) // a bad job may have no piece
		var rec *idempotency.Record
		if err == nil {
			rec, err = c.plan(ctx, &job, b.began)
		}
		switch {
		case errors.Is(err, ErrEpochChanged), postproof.CodeOf(err) == postproof.CodeUnavailable:
			return errors.Join(err, b.flush(ctx))
		case err != nil:
			b.out.reject(index, job.Key, err)
			continue
		}
		id := c.id() // before the doubts are looked at, which are read before it
		if id.EpochChanged() {
			return errors.Join(c.epochError("enqueue"), b.flush(ctx))
		}
		if c.doubts() {
			if rec, err = c.doubt(rec); err != nil {
				return errors.Join(err, b.flush(ctx))
			}
		}
		b.jobs = append(b.jobs, queued{index, rec, id.Epoch, job.Piece})
		if html, ok := job.Piece.Art().(postproof.HTML); ok && !shared {
			b.bytes += len(html.Front) + len(html.Back) // it is kept until it is stored
		}
		if b.bytes += len(rec.Job); len(b.jobs) >= backlogJobs || b.bytes >= backlogBytes {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
	}
	return b.flush(ctx)
}

// flush commits what is there, a batch at a time. Of jobs with one id the one
// that was read first comes first.
func (b *backlog) flush(ctx context.Context) error {
	slices.SortStableFunc(b.jobs, func(a, b queued) int { return cmp.Compare(a.rec.ID, b.rec.ID) })
	for batch := range slices.Chunk(b.jobs, enqueueBatch) {
		if err := b.c.flush(ctx, b.into, b.out, batch); err != nil {
			return err
		}
	}
	if len(b.jobs) > 0 {
		if err := b.mendArt(ctx); err != nil {
			return err
		}
	}
	clear(b.jobs) // what is stored need not be kept
	b.jobs, b.bytes = b.jobs[:0], 0
	return nil
}
