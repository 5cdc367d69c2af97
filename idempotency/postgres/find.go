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
const recordsAndJobs = ` FROM @records LEFT JOIN @jobs USING (num)`

func scanRecord(rows *sql.Rows) (*idempotency.Record, error) {
	var raw codec.Stored
	if err := rows.Scan(raw.Dest()...); err != nil {
		return nil, err
	}
	return raw.Record()
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
		text, args := s.finder(q)
		after := codec.IDBytes(q.After)
		if after == nil {
			after = []byte{}
		}
		left := q.Limit
		for {
			n := pageSize
			if left > 0 {
				n = min(n, left)
			}
			page, err := read(ctx, s, "find", scanRecord, text, append([]any{after, n}, args...)...)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range page {
				if !q.Matches(r) {
					continue
				}
				if !yield(r, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if len(page) < n {
				return
			}
			after = codec.IDBytes(page[len(page)-1].ID)
		}
	}
}

// finder returns the query of a page, by the index that finds the fewest
// records that do not match. Its first arguments are the id before the page
// and the page's size.
func (s *Store) finder(q idempotency.Query) (text string, args []any) {
	switch {
	case q.Ref != "":
		return s.text.findRef, []any{clean(string(q.Ref))}
	case q.VendorID != "":
		return s.text.findPiece, []any{clean(q.VendorID), clean(q.Vendor)}
	case q.Campaign != "":
		return s.text.findCampaign, []any{clean(q.Campaign), clean(q.Vendor), texts(q.States)}
	case len(q.States) > 0 && !slices.ContainsFunc(q.States, codec.Frequent):
		return s.text.findRare, []any{texts(q.States), clean(q.Vendor)}
	default:
		return s.text.findAll, []any{clean(q.Vendor), texts(q.States)}
	}
}

// The second condition of each leaves out what does not match before it is
// read. A state is compared as the array of states that are wanted, empty for
// all; a vendor with the column of links, which has it between two marks.
const (
	getText     = `SELECT ` + codec.Columns + recordsAndJobs + ` WHERE id = $1`
	findRefText = `SELECT ` + codec.Columns + ` FROM @refs JOIN @records USING (num) LEFT JOIN @jobs USING (num) WHERE ref = $3 AND id > $1 ORDER BY id LIMIT $2`

	findPieceText = `SELECT ` + codec.Columns + recordsAndJobs + ` WHERE id > $1
	AND num IN (SELECT num FROM @pieces WHERE vendor_id = $3 AND ($4::text = '' OR vendor = $4::text)) ORDER BY id LIMIT $2`

	findCampaignText = `SELECT ` + codec.Columns + recordsAndJobs + ` WHERE campaign = $3 AND id > $1
	AND ($4::text = '' OR strpos(links, chr(30) || $4::text || chr(31)) > 0)
	AND (cardinality($5::text::text[]) = 0 OR state = ANY ($5::text::text[])) ORDER BY id LIMIT $2`

	findRareText = `SELECT r.* FROM unnest($3::text::text[]) AS s(state) CROSS JOIN LATERAL (
		SELECT ` + codec.Columns + recordsAndJobs + ` WHERE rare = s.state AND id > $1
		AND ($4::text = '' OR strpos(links, chr(30) || $4::text || chr(31)) > 0) ORDER BY id LIMIT $2
	) AS r ORDER BY id LIMIT $2`

	findAllText = `SELECT ` + codec.Columns + recordsAndJobs + ` WHERE id > $1
	AND ($3::text = '' OR strpos(links, chr(30) || $3::text || chr(31)) > 0)
	AND (cardinality($4::text::text[]) = 0 OR state = ANY ($4::text::text[])) ORDER BY id LIMIT $2`
)
