package sqlite

import (
	"context"
	"database/sql"
	"iter"
	"math"
	"slices"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/pages"
)

// Entries implements [idempotency.Store].
func (s *Store) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	if q.ID == "" {
		return pages.Entries(q, pageSize, func(q idempotency.EntryQuery) ([]pages.Row[idempotency.Entry], error) {
			return s.entriesPage(ctx, entriesText, int64(q.After), pageSize)
		})
	}
	return func(yield func(idempotency.Entry, error) bool) {
		h := recordHistory{s: s, id: codec.IDBytes(q.ID)}
		pages.Entries(q, pageSize, func(q idempotency.EntryQuery) ([]pages.Row[idempotency.Entry], error) {
			return h.page(ctx, int64(q.After))
		})(yield)
	}
}

// entriesText is the whole history. There is one writer, and seq is given inside its
// transaction: what a reader sees has no gap that is filled later.
const entriesText = "SELECT e.seq, e.data, r.id FROM entries AS e LEFT JOIN records AS r ON r.num = e.num WHERE e.seq > ? ORDER BY e.seq LIMIT +?"

// recordHistory reads the entries of one id, page by page. A record's are a chain from the
// last to the first, which is walked once and not for each page; they come by their
// places, a page at a time. Before the first of them are those from before the
// record was there, which are among the ledger's own and say themselves whose they are.
type recordHistory struct {
	s  *Store
	id []byte

	walked bool
	chain  []int64 // places that are left, in order
	before int64   // the ledger's own that may be meant lie before this
}

// page returns the next page after a place. It is not full when there is no more, and
// may hold entries of other ids.
func (h *recordHistory) page(ctx context.Context, after int64) ([]pages.Row[idempotency.Entry], error) {
	if !h.walked {
		if err := h.walk(ctx, after); err != nil {
			return nil, err
		}
		h.walked = true
	}
	if after+1 < h.before {
		page, err := h.s.entriesPage(ctx, looseText, after, h.before, pageSize)
		if err != nil || len(page) == pageSize {
			return page, err
		}
		h.before = 0
		rest, err := h.linked(ctx, pageSize-len(page))
		return append(page, rest...), err
	}
	return h.linked(ctx, pageSize)
}

// walk finds the places of the record's entries after a place.
func (h *recordHistory) walk(ctx context.Context, after int64) error {
	h.before = math.MaxInt64 // while there is no record, or none of its own
	return h.s.read(ctx, "entries", func(c *conn) error {
		tail, first := int64(0), int64(0)
		if _, err := c.queryRow(ctx, []any{&tail}, "SELECT tail FROM records WHERE key = ? AND id = ?", codec.Key(h.id), h.id); err != nil {
			return err
		}
		if tail == 0 {
			return nil
		}
		h.chain, h.before = nil, 0
		err := c.query(ctx, func(rows *sql.Rows) error {
			var seq, prev int64
			if err := rows.Scan(&seq, &prev); err != nil {
				return err
			}
			h.chain = append(h.chain, seq)
			if prev == 0 {
				first = seq
			}
			return nil
		}, walkText, tail, after)
		slices.Sort(h.chain)
		h.before = first // else the first one lies before after
		return err
	})
}

// linked reads the next entries of the chain. One that is not there any more was
// erased, and leaves a page less full: the next one is read on.
func (h *recordHistory) linked(ctx context.Context, most int) (page []pages.Row[idempotency.Entry], err error) {
	for len(page) < most && len(h.chain) > 0 {
		places := make([]any, pageSize)
		n := min(most-len(page), len(h.chain))
		for i := range places { // the same again and again finds nothing more, and the statement is one
			places[i] = h.chain[min(i, n-1)]
		}
		h.chain = h.chain[n:]
		some, err := h.s.entriesPage(ctx, linkedText(), append([]any{h.id}, places...)...)
		if err != nil {
			return nil, err
		}
		page = append(page, some...)
	}
	return page, nil
}

const walkText = chainText + "SELECT seq, prev FROM chain"

const looseText = "SELECT seq, data, NULL FROM entries WHERE num = 0 AND seq > ? AND seq < ? ORDER BY seq LIMIT +?"

// linkedText reads a page of entries by their places.
func linkedText() string {
	return expand("SELECT seq, data, ? FROM entries WHERE seq IN ({?}) ORDER BY seq", pageSize)
}

// entriesPage reads entries with the ids of their records.
func (s *Store) entriesPage(ctx context.Context, text string, args ...any) (page []pages.Row[idempotency.Entry], err error) {
	err = s.read(ctx, "entries", func(c *conn) error {
		return c.query(ctx, func(rows *sql.Rows) error {
			var seq int64
			var data, id []byte
			if err := rows.Scan(&seq, &data, &id); err != nil {
				return err
			}
			row, err := pages.RowOf(codec.DecodeEntry(uint64(seq), data, id))
			page = append(page, damagedIn("entries", row))
			return err
		}, text, args...)
	})
	return page, err
}
