package sqlite

import (
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

// recordsAndJobs is where [codec.Columns] are, records alone where
// [codec.BareColumns] are.
const (
	recordsAndJobs = " FROM records LEFT JOIN jobs USING (num)"
	selectWhole    = "SELECT " + codec.Columns + recordsAndJobs
	selectBare     = "SELECT " + codec.BareColumns + " FROM records"
)

// Get implements [idempotency.Store].
func (s *Store) Get(ctx context.Context, id idempotency.ID) (r *idempotency.Record, err error) {
	err = s.read(ctx, "get", func(c *conn) error {
		var raw codec.Stored
		found, err := c.queryRow(ctx, raw.Dest(), selectWhole+" WHERE key = ? AND id = ?", codec.Key(codec.IDBytes(id)), codec.IDBytes(id))
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
		if err := q.Check(); err != nil {
			yield(nil, err)
			return
		}
		next, err := s.finder(ctx, q)
		q.IDs = nil // only they were looked up
		left := q.Limit
		for err == nil {
			var page []found
			var more bool
			if page, more, err = next(left); err != nil {
				break
			}
			for _, f := range page {
				if f.err == nil && !q.Matches(f.record) {
					continue // it has changed since its id was found
				}
				if !yield(f.record, f.err) {
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
func (s *Store) finder(ctx context.Context, q idempotency.Query) (next func(left int) ([]found, bool, error), err error) {
	var ids []idempotency.ID
	switch {
	case len(q.IDs) > 0:
		return s.pages(ctx, q.Wanted(), idempotency.MaxQueryIDs, q.Bare), nil
	case q.Ref != "":
		ids, err = s.ids(ctx, q, "SELECT r.id FROM refs JOIN records AS r USING (num) WHERE ref = ?", string(q.Ref))
	case q.VendorID != "":
		ids, err = s.ids(ctx, q, "SELECT r.id FROM pieces JOIN records AS r USING (num) WHERE digest = ?", codec.Digest(q.VendorID))
	case len(q.States) > 0 && !slices.ContainsFunc(q.States, codec.Frequent):
		var rare []string
		for _, state := range q.States {
			rare = append(rare, string(state))
		}
		return s.inOrder(ctx, q, rareText, rare...), nil
	case q.Campaign != "":
		return s.inOrder(ctx, q, campaignText, q.Campaign), nil
	default:
		return s.inOrder(ctx, q, "", ""), nil // one value, which narrows nothing
	}
	return s.pages(ctx, ids, pageSize, q.Bare), err
}

// pages returns the way to read the records of the ids.
func (s *Store) pages(ctx context.Context, ids []idempotency.ID, size int, bare bool) func(int) ([]found, bool, error) {
	return func(int) ([]found, bool, error) {
		n := min(size, len(ids))
		page, err := s.records(ctx, ids[:n], bare)
		ids = ids[n:]
		return page, len(ids) > 0, err
	}
}

// pageText is the next records of those that match; what narrows them has an
// index that is in the same order.
const (
	pageText = ` WHERE {?}key >= ?5 AND (key > ?5 OR id > ?1)
	AND (?2 = '' OR instr(links, char(30) || ?2 || char(31)) > 0)
	AND (?3 = '' OR instr(?3, ' ' || state || ' ') > 0) ORDER BY key, id LIMIT +?4`
	campaignText = "campaign = ?6 AND "
	rareText     = "rare = ?6 AND "
)

// inOrder returns the way to read the records of which the narrowing condition
// holds for one of the values, in the order of their ids: a page of each, of
// which the first ones are taken. Nothing of it grows with the ledger.
func (s *Store) inOrder(ctx context.Context, q idempotency.Query, narrow string, values ...string) func(int) ([]found, bool, error) {
	after := codec.IDBytes(q.After)
	values = slices.Compact(slices.Sorted(slices.Values(values)))
	return func(left int) (page []found, more bool, err error) {
		n := pageSize
		if left > 0 && (q.Campaign == "" || narrow == campaignText) { // else some of them are not meant
			n = min(n, left)
		}
		for _, value := range values {
			some, err := s.pageAfter(ctx, q, narrow, value, after, n)
			if err != nil {
				return nil, false, err
			}
			page = append(page, some...)
		}
		if len(values) > 1 {
			slices.SortFunc(page, byID)
			page = page[:min(n, len(page))]
		}
		if len(page) > 0 {
			after = codec.IDBytes(page[len(page)-1].id)
		}
		return page, len(page) > 0, nil
	}
}

func (s *Store) pageAfter(ctx context.Context, q idempotency.Query, narrow, value string, after []byte, n int) (page []found, err error) {
	if after == nil {
		after = []byte{}
	}
	text := selectWhole
	if q.Bare {
		text = selectBare
	}
	text += strings.Replace(pageText, "{?}", narrow, 1)
	args := []any{after, q.Vendor, stateList(q.States), n, codec.Key(after)}
	if narrow != "" {
		args = append(args, value)
	}
	err = s.read(ctx, "find", func(c *conn) error { return c.query(ctx, collect(&page, q.Bare), text, args...) })
	return page, err
}

// found is a record that was found: itself, or what is wrong with it.
type found struct {
	id     idempotency.ID
	record *idempotency.Record
	err    error
}

func byID(a, b found) int { return strings.Compare(string(a.id), string(b.id)) }

// collect returns a scan that appends records. One that is damaged keeps its place
// among them.
func collect(to *[]found, bare bool) func(*sql.Rows) error {
	raw := codec.Stored{Bare: bare}
	dest := raw.Dest()
	for i, to := range dest {
		switch to { // read before the next row is, and not kept
		case &raw.ID:
			dest[i] = (*sql.RawBytes)(&raw.ID)
		case &raw.Data:
			dest[i] = (*sql.RawBytes)(&raw.Data)
		}
	}
	return func(rows *sql.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		r, err := raw.Record()
		if damaged := idempotency.AsDamaged(err); damaged != nil {
			*to = append(*to, found{damaged.Record, nil, explain("find", err)})
			return nil //nolint:nilerr // the list yields it
		}
		if err == nil {
			*to = append(*to, found{r.ID, r, nil})
		}
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
func (s *Store) ids(ctx context.Context, q idempotency.Query, text string, args ...any) (ids []idempotency.ID, err error) {
	err = s.read(ctx, "find", func(c *conn) error {
		var raw sql.RawBytes
		return c.query(ctx, func(rows *sql.Rows) error {
			err := rows.Scan(&raw)
			if id := codec.IDOf(raw); id > q.After {
				ids = append(ids, id)
			}
			return err
		}, text, args...)
	})
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// keyText is the records whose ids begin with one of the keys.
const keyText = " WHERE key IN ({?})"

// records reads the records of the ids, which are in order, by one statement,
// and returns them in that order.
func (s *Store) records(ctx context.Context, ids []idempotency.ID, bare bool) (page []found, err error) {
	keys := make([]any, 0, len(ids))
	for _, id := range ids {
		if key, ok := codec.KeyOf(id); ok { // else there is no such record
			keys = append(keys, key)
		}
	}
	text := selectWhole + keyText
	if bare {
		text = selectBare + keyText
	}
	page = make([]found, 0, len(keys))
	err = s.read(ctx, "find", func(c *conn) error {
		return c.queryMany(ctx, collect(&page, bare), text, idempotency.MaxQueryIDs, keys)
	})
	page = slices.DeleteFunc(page, func(f found) bool { // another id that begins in the same way
		_, asked := slices.BinarySearch(ids, f.id)
		return !asked
	})
	slices.SortFunc(page, byID)
	return page, err
}
