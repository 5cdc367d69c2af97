package postgres

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
	return func(yield func(idempotency.Entry, error) bool) {
		if err := s.placeEntries(ctx); err != nil {
			yield(idempotency.Entry{}, err)
			return
		}
		pages.Entries(q, pageSize, func(q idempotency.EntryQuery) ([]pages.Row[idempotency.Entry], error) {
			return s.entriesAfter(ctx, q)
		})(yield)
	}
}

// placeEntries gives their places to the entries of transactions that enqueued
// by themselves, and are committed by now: they could not take the lock under
// which places are given.
func (s *Store) placeEntries(ctx context.Context) error {
	waiting, err := read(ctx, s, "entries", func(rows *sql.Rows) (yes bool, err error) {
		return yes, rows.Scan(&yes)
	}, s.text.waiting)
	if err != nil || !waiting[0] {
		return err
	}
	for {
		var n int64
		if err := s.direct(ctx, "entries", func(ctx context.Context, b *batch) (err error) {
			n, err = b.c.exec(ctx, s.text.place)
			b.dirty = b.dirty || n > 0
			return err
		}); err != nil || n < placeBite {
			return err
		}
	}
}

const (
	// placeBite is of how many records entries get their places in one step:
	// waitingNumsText has the number, too.
	placeBite = 500

	waitingText = `SELECT EXISTS (SELECT FROM @entries WHERE seq IS NULL)`
	placeText   = `UPDATE @entries SET seq = nextval('@places') WHERE seq IS NULL AND num = ANY (` + waitingNumsText + `)`
	// waitingNumsText is one condition for an index to be read by, not a join.
	waitingNumsText = `ARRAY(SELECT num FROM @entries WHERE seq IS NULL ORDER BY num LIMIT 500)`

	entriesText = `SELECT e.seq, e.data, coalesce(r.id, e.id) FROM @entries AS e LEFT JOIN @records AS r ON r.num = e.num
	WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`
	// Entries under the id alone are from before the record was there.
	historyText = `SELECT e.seq, e.data, $3::bytea FROM (
		(SELECT seq, data FROM @entries WHERE num <> 0 AND num = (SELECT num FROM @records WHERE id = $3::bytea) AND seq > $1 ORDER BY seq LIMIT $2)
		UNION ALL
		(SELECT seq, data FROM @entries WHERE id IS NOT NULL AND id = $3::bytea AND seq > $1 ORDER BY seq LIMIT $2)
	) AS e ORDER BY e.seq LIMIT $2`
)

// entriesAfter reads the next page; it may hold entries of other kinds. The
// number of an entry is taken under the ledger's lock, which is given back
// after the transaction can be seen: what a reader sees has no gap that is
// filled later.
func (s *Store) entriesAfter(ctx context.Context, q idempotency.EntryQuery) ([]pages.Row[idempotency.Entry], error) {
	text, args := s.text.entries, []any{int64(q.After), pageSize}
	if q.ID != "" {
		text, args = s.text.history, append(args, codec.IDBytes(q.ID))
	}
	return readRows(ctx, s, "entries", func(rows *sql.Rows) (e idempotency.Entry, err error) {
		var seq int64
		var data, id []byte
		if err := rows.Scan(&seq, &data, &id); err != nil {
			return e, err
		}
		return codec.DecodeEntry(uint64(seq), data, id)
	}, text, args...)
}
