package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// Commit implements [idempotency.Store]. A long list is committed in parts of
// some hundred changes; after an error of the whole, parts may have been made.
func (s *Store) Commit(ctx context.Context, changes []idempotency.Change) (errs []error, err error) {
	for done := 0; done < len(changes); done += maxChanges {
		part := changes[done:min(done+maxChanges, len(changes))]
		op := newCommitOp(part)
		if err := s.do(ctx, "commit", op, &op.outcome); err != nil {
			return nil, err
		}
		if op.errs != nil {
			if errs == nil {
				errs = make([]error, len(changes))
			}
			copy(errs[done:], op.errs)
		}
	}
	return errs, nil
}

// workable is the states of [idempotency.State.Workable]. In the others a record
// is claimed only while a vendor is watched for a late arrival, which few are, so
// that they have an index of their own. A state of a newer version is in neither.
const (
	workable = "('planned', 'sending', 'unknown', 'accepted')"
	known    = "('planned', 'sending', 'unknown', 'accepted', 'refused', 'held', 'cancelled', 'done')"
)

// candidate is a record that may be claimed.
type candidate struct {
	codec.Stored
	place place // where it stands now
	turn  int   // its place among the candidates of the campaign
}

const candidateColumns = codec.Columns + ", state, tail, job_sum, links"

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	if req.Limit <= 0 {
		return nil, nil
	}
	var found []candidate
	err := s.direct(ctx, "claim", func(ctx context.Context, b *batch) (err error) {
		if found, err = b.candidates(ctx, req); err != nil || len(found) == 0 {
			return err
		}
		b.dirty = true
		b.saw(req.Now)
		until := codec.Nanos(req.Now.Add(req.Lease))
		nums := b.args[:0]
		for i := range found {
			f := &found[i]
			f.Fence++
			f.LeaseOwner, f.LeaseUntil = req.Owner, until
			nums = append(nums, f.Num)
			now := f.place // the next step comes soon
			now.fence = uint64(f.Fence)
			b.places.put(codec.IDOf(f.ID), &now)
		}
		b.args = nums
		return b.c.execIn(ctx, `UPDATE OR FAIL records SET fence = fence + 1, lease_owner = ?, lease_until = ?, visible = max(due, ?),
			watched = CASE WHEN watched IS NOT NULL THEN max(due, ?) END WHERE num IN ({?})`, []any{req.Owner, until, until, until}, nums)
	})
	if err != nil {
		return nil, err
	}
	var errs []error
	claimed := make([]*idempotency.Record, 0, len(found))
	for i := range found {
		r, err := found[i].Record()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		claimed = append(claimed, r)
	}
	if len(claimed) == 0 {
		return nil, explain("claim", errors.Join(errs...))
	}
	// A damaged record does not keep the others from their worker; whoever
	// reads it learns of it.
	return claimed, nil
}

// candidates returns the records to claim, in order: one priority after the
// other, until there are enough.
func (b *batch) candidates(ctx context.Context, req idempotency.ClaimRequest) (all []candidate, err error) {
	groups, err := b.workGroups(ctx, codec.Nanos(req.Now))
	if err != nil {
		return nil, err
	}
	for len(groups) > 0 && len(all) < req.Limit {
		n := slices.IndexFunc(groups, func(g group) bool { return g.priority != groups[0].priority })
		if n < 0 {
			n = len(groups)
		}
		found, err := b.candidatesOf(ctx, req, req.Limit-len(all), groups[:n])
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		groups = groups[n:]
	}
	return all, nil
}

// workGroups returns the campaigns and priorities that may have work, the
// highest priority first. Campaigns that have come to rest are only among them
// when one of their records is watched and visible: there is no end to them.
func (b *batch) workGroups(ctx context.Context, now int64) (groups []group, err error) {
	err = b.c.query(ctx, func(rows *sql.Rows) error {
		var g group
		err := rows.Scan(&g.campaign, &g.priority)
		groups = append(groups, g)
		return err
	}, "SELECT campaign, priority FROM depth WHERE n > 0 AND state IN "+workable+" UNION "+watchedGroups+" ORDER BY priority DESC", now)
	return groups, err
}

const watchedGroups = "SELECT campaign, priority FROM records WHERE watched <= ?"

// candidatesOf looks into each campaign of one priority, and lets them take
// turns. So a paused campaign
// of a million pieces is left out at no cost; each campaign with open work
// costs some microseconds.
func (b *batch) candidatesOf(ctx context.Context, req idempotency.ClaimRequest, limit int, groups []group) (all []candidate, err error) {
	now := codec.Nanos(req.Now)
	for _, g := range groups {
		before := len(all)
		if slices.Contains(req.Skip, g.campaign) {
			continue
		}
		err := b.c.query(ctx, func(rows *sql.Rows) error {
			one := candidate{turn: len(all) - before}
			p := &one.place
			err := rows.Scan(append(one.Dest(), &p.group.state, &p.tail, &p.jobSum, &p.links)...)
			p.num, p.group.campaign, p.group.priority = one.Num, g.campaign, g.priority
			p.stored = stored{true, p.group, p.tail, p.jobSum}
			all = append(all, one)
			return err
		}, "SELECT "+candidateColumns+recordsAndJobs+` WHERE campaign = ? AND priority = ? AND due <= ? AND visible <= ?
			AND version <= ? AND state IN `+known+" ORDER BY due, key, id LIMIT ?",
			g.campaign, g.priority, now, now, idempotency.RecordVersion, limit)
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), served(req, a)-served(req, b), cmp.Compare(a.place.group.campaign, b.place.group.campaign))
	})
	return all[:min(limit, len(all))], nil
}

// served returns 1 if the campaign had its turn before those behind the one that
// was served last.
func served(req idempotency.ClaimRequest, c candidate) int {
	if c.place.group.campaign > req.Served {
		return 0
	}
	return 1
}
