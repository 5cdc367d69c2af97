package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// known is the states of [idempotency.States]. A record in another, or of a
// newer version, is never claimed.
const known = "('planned', 'sending', 'unknown', 'accepted', 'refused', 'held', 'canceled', 'done')"

// claimText claims in one statement. It steps through the priorities and
// campaigns that have work, from index entry to index entry, and looks at the
// first few records of each: of what is planned, unless that is left alone, and
// of the rest. They are apart in the index, so what is left alone of a million
// pieces costs nothing; each campaign with open work costs some microseconds.
// The campaigns of one priority take turns, those behind $8 first. Of these it
// locks what no other claim has locked, one after the other up to the limit; the
// condition on due is written so that no index fits it, and a record is found by
// its number. Nothing is locked that is not claimed, and nobody waits: $6 more
// records than are wanted are looked at, for other claims at the same moment.
const claimText = groupsText + `, candidates AS MATERIALIZED (
	SELECT c.num, g.rank, c.turn, g.campaign FROM groups AS g CROSS JOIN LATERAL (
		SELECT f.num, row_number() OVER (ORDER BY f.due, f.key) AS turn FROM (
			(` + firstOfText + ` AND NOT planned ORDER BY due, key LIMIT $3::bigint + $6::bigint)
			UNION ALL
			(` + firstOfText + ` AND planned AND g.rank <= $9::bigint AND g.campaign <> ALL ($4::text::text[]) ORDER BY due, key LIMIT $3::bigint + $6::bigint)
		) AS f
	) AS c ORDER BY g.rank, c.turn, g.campaign <= $8 COLLATE "C", g.campaign LIMIT $3::bigint + $6::bigint
), picked AS MATERIALIZED (
	SELECT l.num FROM candidates AS c CROSS JOIN LATERAL (
		SELECT r.num FROM @records AS r CROSS JOIN @queue AS q
		WHERE r.num = c.num AND q.num = c.num AND coalesce(q.due <= $1::bigint, false) AND q.visible <= $1 AND q.version <= $2 AND q.state IN ` + known + `
		LIMIT 1 FOR UPDATE SKIP LOCKED
	) AS l LIMIT $3::bigint
), taken AS (
	UPDATE @queue SET visible = greatest(due, $5::bigint) WHERE num = ANY (ARRAY(SELECT num FROM picked))
), claimed AS (
	UPDATE @records SET fence = fence + 1, lease_owner = $7, lease_until = $5::bigint
	WHERE num = ANY (ARRAY(SELECT num FROM picked)) RETURNING *
), noted AS (
	INSERT INTO @commits (token, newest) SELECT 0, $1::bigint FROM picked LIMIT 1
)
SELECT ` + codec.Columns + `, job_sum, links FROM claimed LEFT JOIN LATERAL (SELECT job FROM @jobs AS j WHERE j.num = claimed.num LIMIT 1) AS jobs ON true`

// groupsText steps through the priorities and campaigns that have work.
const groupsText = `WITH RECURSIVE groups AS (
	(SELECT rank, campaign FROM @queue ORDER BY rank, campaign LIMIT 1)
	UNION ALL
	SELECT n.rank, n.campaign FROM groups AS g CROSS JOIN LATERAL (
		SELECT rank, campaign FROM @queue WHERE (rank, campaign) > (g.rank, g.campaign) ORDER BY rank, campaign LIMIT 1
	) AS n
)`

// oldestText looks at the first record of each group that a claim would look at.
const oldestText = groupsText + `SELECT min(f.due) FROM groups AS g CROSS JOIN LATERAL (
	(` + firstOfText + ` AND NOT planned ORDER BY due, key LIMIT 1)
	UNION ALL
	(` + firstOfText + ` AND planned AND g.rank <= $4::bigint AND g.campaign <> ALL ($3::text::text[]) ORDER BY due, key LIMIT 1)
) AS f HAVING count(*) > 0`

// OldestDue implements [idempotency.Backlog]. Each campaign with open work costs some
// microseconds.
func (s *Store) OldestDue(ctx context.Context, req idempotency.ClaimRequest) (time.Time, error) {
	all, err := read(ctx, s, "oldest due", func(rows *sql.Rows) (due int64, err error) {
		return due, rows.Scan(&due)
	}, s.text.oldest, codec.Nanos(req.Now), idempotency.RecordVersion, texts(req.Skip), lowestRank(req.Least))
	if err != nil || len(all) == 0 {
		return time.Time{}, err
	}
	return codec.FromNanos(all[0]), nil
}

// firstOfText is the records of a group that may be claimed.
const firstOfText = `SELECT num, due, key FROM @queue WHERE rank = g.rank AND campaign = g.campaign AND due <= $1::bigint AND visible <= $1
	AND version <= $2 AND state IN ` + known

// otherClaims is how many other claims of the same size may take place at the
// same moment before one looks further.
const otherClaims = 1

// maxClaim is the most records of one claim: 33 times as many are still a number
// for the server.
const maxClaim = 1 << 20

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	if req.Limit <= 0 {
		return nil, nil
	}
	req.Limit = min(req.Limit, maxClaim)
	history := s.memory.now()
	found, err := s.claim(ctx, req, otherClaims)
	if err == nil && len(found) == 0 {
		// There is nothing due, or others were faster at all of it.
		found, err = s.claim(ctx, req, 32*otherClaims)
	}
	if err != nil {
		return nil, explain("claim", cause(ctx, err))
	}
	var errs []error
	claimed := make([]*idempotency.Record, 0, len(found))
	places := make(map[idempotency.ID]remembered, len(found))
	for i := range found {
		r, err := s.claimed(ctx, &found[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if r != nil {
			claimed = append(claimed, r)
			if !found[i].again {
				places[r.ID] = claimedPlace(&found[i], r)
			}
		}
	}
	s.memory.put(history, places)
	if len(claimed) == 0 {
		return nil, explain("claim", errors.Join(errs...))
	}
	// A damaged record does not keep the others from their worker; whoever
	// reads it learns of it.
	takeTurns(claimed, clean(req.Served))
	return claimed, nil
}

// claimed returns a record that was claimed, with its job. The record is that of
// the moment in which it was locked, the job that of the moment in which the claim
// began: one that was amended between them is read again. It returns nil if
// somebody else has changed the record since.
func (s *Store) claimed(ctx context.Context, c *candidate) (*idempotency.Record, error) {
	r, err := c.Record()
	if err != nil || codec.JobSum(r) == c.jobSum {
		return r, err
	}
	c.again = true
	now, err := s.Get(ctx, r.ID)
	switch {
	case errors.Is(err, idempotency.ErrNotFound):
		return nil, nil //nolint:nilnil // it was pruned: nothing is claimed
	case err != nil:
		return nil, err
	case now.Fence != r.Fence:
		return nil, nil //nolint:nilnil // as above
	case codec.JobSum(now) != c.jobSum:
		return nil, &idempotency.DamagedError{Record: r.ID, Err: errors.New("its job is not the one that it was stored with")}
	}
	return now, nil
}

// claim claims from so many times more records than are wanted.
func (s *Store) claim(ctx context.Context, req idempotency.ClaimRequest, others int) (found []candidate, err error) {
	err = s.claiming(ctx, func(c *session) error {
		found = found[:0]
		dest := make([]any, 0, 8)
		return c.query(ctx, func(rows *sql.Rows) error {
			found = append(found, candidate{})
			one := &found[len(found)-1]
			dest = append(one.AppendDest(dest[:0]), &one.jobSum, &one.links)
			return rows.Scan(dest...)
		}, s.text.claim, codec.Nanos(req.Now), idempotency.RecordVersion, req.Limit, texts(req.Skip),
			codec.Nanos(req.Now.Add(req.Lease)), others*req.Limit, clean(req.Owner), clean(req.Served), lowestRank(req.Least))
	})
	return found, err
}

// candidate is a record that was claimed.
type candidate struct {
	codec.Stored
	jobSum int64
	links  string
	again  bool // it was read again: the job is a newer one
}

// takeTurns puts the records in order: the highest priority first, and of each
// one record of every campaign after the other, those behind the one that was
// served last first. The server returns them as it comes by them.
func takeTurns(all []*idempotency.Record, served string) {
	type candidate struct {
		*idempotency.Record
		campaign  string
		rank, due int64
		turn      int // its place among those of the campaign
	}
	found := make([]candidate, len(all))
	for i, r := range all {
		due, _ := r.WorkAt()
		found[i] = candidate{Record: r, campaign: clean(r.Campaign), rank: rankOf(r.Priority), due: codec.Nanos(due)}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.campaign, b.campaign), cmp.Compare(a.due, b.due), cmp.Compare(a.ID, b.ID))
	})
	had := func(c candidate) int {
		if c.campaign <= served {
			return 1
		}
		return 0
	}
	for i := 1; i < len(found); i++ {
		if a, b := &found[i-1], &found[i]; a.rank == b.rank && a.campaign == b.campaign {
			b.turn = a.turn + 1
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.turn, b.turn), had(a)-had(b), cmp.Compare(a.campaign, b.campaign))
	})
	for i := range found {
		all[i] = found[i].Record
	}
}

// claiming lends the connection of claims to fn. What fn does may be done
// twice: a claim whose answer was lost holds its records until the lease ends.
func (s *Store) claiming(ctx context.Context, fn func(*session) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	select {
	case c := <-s.claims:
		defer func() { s.claims <- c }()
		return s.patiently(ctx, func() error {
			if err := c.open(ctx); err != nil {
				return err
			}
			err := fn(c)
			if lost(err) || (err != nil && ctx.Err() != nil) {
				c.drop()
			}
			return err
		})
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.closed:
		return idempotency.ErrClosed
	}
}

// lowestRank is the rank of the lowest priority of which something planned is
// claimed.
func lowestRank(least *int) int64 {
	if least == nil {
		return math.MaxInt64
	}
	return rankOf(*least)
}
