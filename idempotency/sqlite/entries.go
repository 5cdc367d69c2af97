package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// Entries implements [idempotency.Store].
func (s *Store) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	return func(yield func(idempotency.Entry, error) bool) {
		left := q.Limit
		for {
			page, err := s.entriesAfter(ctx, q)
			if err != nil {
				yield(idempotency.Entry{}, err)
				return
			}
			for i := range page {
				if q.Matches(&page[i]) {
					if !yield(page[i], nil) {
						return
					}
					if left--; left == 0 {
						return
					}
				}
			}
			if len(page) < pageSize {
				return
			}
			q.After = page[len(page)-1].Seq
		}
	}
}

// entriesAfter reads the next page; it may hold entries of other ids and
// kinds. There is one writer, and Seq is given inside its transaction: what a
// reader sees has no gap that is filled later.
func (s *Store) entriesAfter(ctx context.Context, q idempotency.EntryQuery) (page []idempotency.Entry, err error) {
	text := "SELECT e.seq, e.data, r.id FROM entries AS e LEFT JOIN records AS r ON r.num = e.num WHERE e.seq > ? ORDER BY e.seq LIMIT ?"
	args := []any{int64(q.After), pageSize}
	if q.ID != "" {
		// Entries under num 0 may be the record's from before it was there.
		text = `SELECT e.seq, e.data, r.id FROM entries AS e LEFT JOIN records AS r ON r.num = e.num
			WHERE e.num IN (0, (SELECT num FROM records WHERE id = ?)) AND e.seq > ? ORDER BY e.seq LIMIT ?`
		args = []any{codec.IDBytes(q.ID), int64(q.After), pageSize}
	}
	err = s.read(ctx, "entries", func(c *conn) error {
		return c.query(ctx, func(rows *sql.Rows) error {
			var seq int64
			var data, id []byte
			if err := rows.Scan(&seq, &data, &id); err != nil {
				return err
			}
			var e idempotency.Entry
			if err := json.Unmarshal(data, &e); err != nil {
				return fmt.Errorf("%w: entry %d: %w", idempotency.ErrCorrupt, seq, err)
			}
			e.Seq = uint64(seq)
			if e.ID == "" && id != nil {
				e.ID = codec.IDOf(id)
			}
			page = append(page, e)
			return nil
		}, text, args...)
	})
	return page, err
}
