package postgres

import (
	"context"
	"database/sql"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// biteRows is how many rows one step of pruning takes at most: a few
// milliseconds for those who wait.
const biteRows = 100

// spareRows is how many damaged records may stand before those that are pruned.
const spareRows = 16

// bites runs a step of the writer until the limit is reached or nothing is
// left, and lets others in between. A limit of 0 means no limit.
func (s *Store) bites(ctx context.Context, doing string, limit int, step func(ctx context.Context, b *batch, most int) (int, error)) (int, error) {
	total := 0
	for limit <= 0 || total < limit {
		most := biteRows
		if limit > 0 {
			most = min(most, limit-total)
		}
		n := 0
		err := s.direct(ctx, doing, func(ctx context.Context, b *batch) (err error) {
			n, err = step(ctx, b, most)
			b.dirty = b.dirty || n > 0
			return err
		})
		if err != nil || n == 0 {
			return total, err
		}
		total += n
	}
	return total, nil
}

const (
	pruneText = `SELECT ` + codec.Columns + recordsAndJobs + ` WHERE prune_at < $1 AND version <= $2 AND state IN ('canceled', 'done', 'refused')
	ORDER BY prune_at LIMIT $3 FOR UPDATE OF records`
	forgetText = `DELETE FROM @entries WHERE num = ANY ($1::text::bigint[]) AND num <> 0`
)

// Prune implements [idempotency.Store].
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.bites(ctx, "prune", limit, func(ctx context.Context, b *batch, most int) (int, error) {
		var found []*codec.Stored
		if err := b.c.query(ctx, func(rows *sql.Rows) error {
			var raw codec.Stored
			err := rows.Scan(raw.Dest()...)
			found = append(found, &raw)
			return err
		}, s.text.prune, codec.Nanos(before), idempotency.RecordVersion, most+spareRows); err != nil || len(found) == 0 {
			return 0, err
		}
		var nums array
		var damaged error
		n := 0
		for _, raw := range found {
			r, err := raw.Record()
			if err != nil {
				damaged = err // it stays, and so does nothing else because of it
				continue
			}
			if n++; n > most {
				n = most
				break
			}
			b.changed = append(b.changed, &place{num: raw.Num, row: codec.Encode(r.Bury()), storedSum: codec.JobSum(r)})
			nums.int(raw.Num)
		}
		if n == 0 {
			return 0, damaged
		}
		if err := b.flush(ctx); err != nil {
			return 0, err
		}
		_, err := b.c.exec(ctx, s.text.forget, nums.String())
		return n, err
	})
}

// forgetHistory deletes the record's entries, those of changes before in the
// same transaction included.
func (b *batch) forgetHistory(ctx context.Context, p *place) error {
	if p.num == 0 {
		return nil
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	var nums array
	nums.int(p.num)
	_, err := b.c.exec(ctx, b.s.text.forget, nums.String())
	return err
}
