package sqlite

import (
	"context"
	"database/sql"
	"iter"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/pages"
)

// Entries implements [idempotency.Store].
func (s *Store) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	return pages.Entries(q, pageSize, func(q idempotency.EntryQuery) ([]idempotency.Entry, error) {
		return s.entriesAfter(ctx, q)
	})
}

// entriesAfter reads the next page; it may hold entries of other ids and
// kinds. There is one writer, and Seq is given inside its transaction: what a
// reader sees has no gap that is filled later.
func (s *Store) entriesAfter(ctx context.Context, q idempotency.EntryQuery) (page []idempotency.Entry, err error) {
	text := "SELECT e.seq, e.data, r.id FROM entries AS e LEFT JOIN records AS r ON r.num = e.num WHERE e.seq > ? ORDER BY e.seq LIMIT +?"
	args := []any{int64(q.After), pageSize}
	err = s.read(ctx, "entries", func(c *conn) error {
		if q.ID != "" {
			id, tail := codec.IDBytes(q.ID), int64(0)
			if _, err := c.queryRow(ctx, []any{&tail}, "SELECT tail FROM records WHERE key = ? AND id = ?", codec.Key(id), id); err != nil {
				return err
			}
			text, args = historyText, []any{tail, int64(q.After), id, pageSize}
		}
		return c.query(ctx, func(rows *sql.Rows) error {
			var seq int64
			var data, id []byte
			if err := rows.Scan(&seq, &data, &id); err != nil {
				return err
			}
			e, err := codec.DecodeEntry(uint64(seq), data, id)
			page = append(page, e)
			return err
		}, text, args...)
	})
	return page, err
}

// historyText is a record's entries, and those of none: they may be the
// record's from before it was there, and then say so themselves.
const historyText = chainText + `SELECT seq, data, CASE WHEN num <> 0 THEN ?3 END FROM entries
	WHERE seq IN (SELECT seq FROM chain UNION ALL SELECT seq FROM entries WHERE num = 0 AND seq > ?2) ORDER BY seq LIMIT +?4`
