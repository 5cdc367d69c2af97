package postgres

import (
	"context"
	"database/sql"
	"iter"
	"slices"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// pageSize is how many rows an iterator reads at once.
const pageSize = 256

// recordsAndJobs is where [codec.Columns] are.
const recordsAndJobs = " FROM @records" + withJobs

func scanRecord(rows *sql.Rows) (*idempotency.Record, error) { return scanStored(rows, false) }

func scanStored(rows *sql.Rows, bare bool) (*idempotency.Record, error) {
	raw := codec.Stored{Bare: bare}
	if err := rows.Scan(raw.Dest()...); err != nil {
		return nil, err
	}
	return raw.Record()
}

// found is a record that was found; nil when it is damaged.
type found struct {
	id     idempotency.ID
	record *idempotency.Record
}

// Get implements [idempotency.Store].
func (s *Store) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	all, err := read(ctx, s, "get", scanRecord, s.text.get, codec.IDBytes(id))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, idempotency.ErrNotFound
	}
	return all[0], nil
}

// Find implements [idempotency.Store].
func (s *Store) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		if err := q.Check(); err != nil {
			yield(nil, err)
			return
		}
		text, args := s.finder(q)
		size := pageSize
		scan := func(rows *sql.Rows) (found, error) {
			r, err := scanStored(rows, q.Bare)
			if damaged := idempotency.AsDamaged(err); damaged != nil {
				return found{damaged.Record, nil}, err
			}
			if err != nil {
				return found{}, err
			}
			return found{r.ID, r}, nil
		}
		named := len(q.IDs) > 0
		if named {
			q.IDs, size = nil, idempotency.MaxQueryIDs // only they are looked up, all at once
		}
		after := codec.IDBytes(q.After)
		if after == nil {
			after = []byte{}
		}
		left := q.Limit
		for {
			n := size
			if left > 0 {
				n = min(n, left)
			}
			page, err := readRows(ctx, s, "find", scan, text, append([]any{after, n}, args...)...)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, row := range page {
				r := row.Value.record
				if row.Err == nil && !q.Matches(r) {
					continue
				}
				if !yield(r, row.Err) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if len(page) < n || (named && n == size) {
				return
			}
			after = codec.IDBytes(page[len(page)-1].Value.id)
		}
	}
}

// finder returns the query of a page, by the index that finds the fewest
// records that do not match. Its first arguments are the id before the page
// and the page's size.
func (s *Store) finder(q idempotency.Query) (text string, args []any) {
	find := &s.text.find
	if q.Bare {
		find = &s.text.findBare
	}
	switch {
	case len(q.IDs) > 0:
		var ids array
		for _, id := range q.Wanted() {
			if bytes := codec.IDBytes(id); bytes != nil { // else there is no such record
				ids.bytes(bytes)
			}
		}
		return find.ids, []any{ids.String()}
	case q.Ref != "":
		return find.ref, []any{indexed(string(q.Ref))}
	case q.VendorID != "":
		return find.piece, []any{indexed(q.VendorID), indexed(q.Vendor)}
	case q.Campaign != "":
		return find.campaign, []any{clean(q.Campaign), clean(q.Vendor), texts(q.States)}
	case len(q.States) > 0 && !slices.ContainsFunc(q.States, codec.Frequent):
		return find.rare, []any{texts(q.States), clean(q.Vendor)}
	default:
		return find.all, []any{texts(q.States), clean(q.Vendor)}
	}
}

// finders are the queries of a page, one for each index.
type finders struct{ ids, ref, piece, campaign, rare, all string }

// newFinders returns the queries that read so many columns from there.
//
// The second condition of each leaves out what does not match before it is
// read. A state is compared as the array of states that are wanted, empty for
// all; a vendor with the column of links, which has it between two marks.
func newFinders(columns, jobs string) finders {
	const (
		ofVendor = " AND ($4::text = '' OR strpos(links, chr(30) || $4::text || chr(31)) > 0)"
		inOrder  = " ORDER BY id LIMIT $2"
	)
	records := "SELECT " + columns + " FROM @records" + jobs
	return finders{
		ids: records + " WHERE id = ANY ($3::text::bytea[]) AND id > $1" + inOrder,
		ref: records + " WHERE num = (SELECT num FROM @refs WHERE ref = $3) AND id > $1" + inOrder,
		piece: records + " WHERE id > $1 AND num = ANY (ARRAY(SELECT num FROM @pieces WHERE vendor_id = $3 AND ($4::text = '' OR vendor = $4::text)))" +
			inOrder,
		campaign: records + " WHERE campaign = $3 AND id > $1" + ofVendor + " AND (cardinality($5::text::text[]) = 0 OR state = ANY ($5::text::text[]))" + inOrder,
		rare: "SELECT r.* FROM unnest($3::text::text[]) AS s(state) CROSS JOIN LATERAL (" +
			records + " WHERE rare = s.state AND id > $1" + ofVendor + inOrder + ") AS r" + inOrder,
		all: records + " WHERE id > $1 AND (cardinality($3::text::text[]) = 0 OR state = ANY ($3::text::text[]))" + ofVendor + inOrder,
	}
}

const (
	// withJobs looks each job up; the limit keeps the server from joining the tables
	// in another way, see settingsText.
	withJobs = " LEFT JOIN LATERAL (SELECT job FROM @jobs WHERE @jobs.num = @records.num LIMIT 1) AS jobs ON true"
	getText  = "SELECT " + codec.Columns + recordsAndJobs + " WHERE id = $1"
)
