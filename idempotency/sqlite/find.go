package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"iter"
	"slices"
	"strings"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// pageSize is how many rows an iterator reads at once.
const pageSize = 128

// recordsAndJobs is where [codec.Columns] are.
const recordsAndJobs = " FROM records LEFT JOIN jobs USING (num)"

// Get implements [idempotency.Store].
func (s *Store) Get(ctx context.Context, id idempotency.ID) (r *idempotency.Record, err error) {
	err = s.read(ctx, "get", func(c *conn) error {
		var raw codec.Stored
		found, err := c.queryRow(ctx, raw.Dest(), "SELECT "+codec.Columns+recordsAndJobs+" WHERE key = ? AND id = ?", codec.Key(codec.IDBytes(id)), codec.IDBytes(id))
		if err == nil && found {
			r, err = raw.Record()
		}
		return err
	})
	if err == nil && r == nil {
		return nil, idempotency.ErrNotFound
	}
	return r, err
}

// Find implements [idempotency.Store].
func (s *Store) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		next, err := s.finder(ctx, q)
		left := q.Limit
		for err == nil {
			var page []*idempotency.Record
			var more bool
			if page, more, err = next(left); err != nil {
				break
			}
			for _, r := range page {
				if !q.Matches(r) {
					continue // it has changed since its id was found
				}
				if !yield(r, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if !more {
				return
			}
		}
		yield(nil, err)
	}
}

// finder returns the way to read the query's next page.
func (s *Store) finder(ctx context.Context, q idempotency.Query) (next func(left int) ([]*idempotency.Record, bool, error), err error) {
	var ids [][]byte
	switch {
	case q.Ref != "":
		ids, err = s.ids(ctx, q, "SELECT r.id FROM refs JOIN records AS r USING (num) WHERE digest = ?", codec.Digest(string(q.Ref)))
	case q.VendorID != "":
		ids, err = s.ids(ctx, q, "SELECT r.id FROM pieces JOIN records AS r USING (num) WHERE digest = ?", codec.Digest(q.VendorID))
	case q.Campaign != "":
		ids, err = s.ids(ctx, q, "SELECT id FROM records WHERE campaign = ?", q.Campaign)
	case len(q.States) > 0 && !slices.ContainsFunc(q.States, codec.Frequent):
		for _, state := range q.States {
			some, err := s.ids(ctx, q, "SELECT id FROM records WHERE rare = ?", string(state))
			if err != nil {
				return nil, err
			}
			ids = append(ids, some...)
		}
		slices.SortFunc(ids, bytes.Compare)
		ids = slices.CompactFunc(ids, bytes.Equal)
	default:
		after := codec.IDBytes(q.After)
		return func(left int) (page []*idempotency.Record, more bool, err error) {
			page, err = s.pageAfter(ctx, q, after, left)
			if len(page) > 0 {
				after = codec.IDBytes(page[len(page)-1].ID)
			}
			return page, len(page) > 0, err
		}, nil
	}
	return func(int) ([]*idempotency.Record, bool, error) {
		n := min(pageSize, len(ids))
		page, err := s.records(ctx, ids[:n])
		ids = ids[n:]
		return page, len(ids) > 0, err
	}, err
}

func (s *Store) pageAfter(ctx context.Context, q idempotency.Query, after []byte, left int) (page []*idempotency.Record, err error) {
	if after == nil {
		after = []byte{}
	}
	n := pageSize
	if left > 0 {
		n = min(n, left)
	}
	err = s.read(ctx, "find", func(c *conn) error {
		return c.query(ctx, collect(&page), "SELECT "+codec.Columns+recordsAndJobs+` WHERE key >= ?5 AND (key > ?5 OR id > ?1)
			AND (?2 = '' OR instr(links, char(30) || ?2 || char(31)) > 0)
			AND (?3 = '' OR instr(?3, ' ' || state || ' ') > 0) ORDER BY key, id LIMIT ?4`, after, q.Vendor, stateList(q.States), n, codec.Key(after))
	})
	return page, err
}

// collect returns a scan that appends records.
func collect(to *[]*idempotency.Record) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var raw codec.Stored
		if err := rows.Scan(raw.Dest()...); err != nil {
			return err
		}
		r, err := raw.Record()
		*to = append(*to, r)
		return err
	}
}

// stateList returns the states between blanks.
func stateList(states []idempotency.State) string {
	var b strings.Builder
	for _, state := range states {
		b.WriteString(" " + string(state) + " ")
	}
	return b.String()
}

// ids returns the distinct ids behind q.After, in order.
func (s *Store) ids(ctx context.Context, q idempotency.Query, text string, args ...any) (ids [][]byte, err error) {
	after := codec.IDBytes(q.After)
	err = s.read(ctx, "find", func(c *conn) error {
		return c.query(ctx, func(rows *sql.Rows) error {
			var id []byte
			err := rows.Scan(&id)
			if bytes.Compare(id, after) > 0 {
				ids = append(ids, id)
			}
			return err
		}, text, args...)
	})
	slices.SortFunc(ids, bytes.Compare)
	return slices.CompactFunc(ids, bytes.Equal), err
}

// records reads the records of the ids, ordered by id.
func (s *Store) records(ctx context.Context, ids [][]byte) (page []*idempotency.Record, err error) {
	keys := make([]any, len(ids))
	for i, id := range ids {
		keys[i] = codec.Key(id)
	}
	err = s.read(ctx, "find", func(c *conn) error {
		return c.queryIn(ctx, collect(&page), "SELECT "+codec.Columns+recordsAndJobs+" WHERE key IN ({?})", keys)
	})
	page = slices.DeleteFunc(page, func(r *idempotency.Record) bool {
		return !slices.ContainsFunc(ids, func(id []byte) bool { return r.ID == codec.IDOf(id) })
	})
	slices.SortFunc(page, func(a, b *idempotency.Record) int { return bytes.Compare(codec.IDBytes(a.ID), codec.IDBytes(b.ID)) })
	return page, err
}
