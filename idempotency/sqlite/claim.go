package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/portion"
)

// Commit implements [idempotency.Store]. A long list is committed in parts of
// a thousand changes or 4 MiB of jobs; after an error of the whole, parts may have been
// made.
func (s *Store) Commit(ctx context.Context, changes []idempotency.Change) (errs []error, err error) {
	for done, part := range portion.Of(changes) {
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
	known    = "('planned', 'sending', 'unknown', 'accepted', 'refused', 'held', 'canceled', 'done')"
)

// candidate is a record that may be claimed.
type candidate struct {
	codec.Stored
	place place // where it stands now
	turn  int   // its place among the candidates of the campaign
}

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
	groups, err := b.c.workGroups(ctx, &req)
	if err != nil {
		return nil, err
	}
	for len(groups) > 0 && len(all) < req.Limit {
		n := slices.IndexFunc(groups, func(g workGroup) bool { return g.priority != groups[0].priority })
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

// workGroup is a campaign's records of one priority, and where among them there
// may be work: in what is planned, in the rest, or in both.
type workGroup struct {
	campaign      string
	priority      int
	planned, rest bool
}

// groupsText returns the groups with work, the highest priority first, a row for
// what is planned and one for the rest.
const (
	groupsText = "SELECT campaign, priority, state = 'planned' FROM depth WHERE n > 0 AND state IN " + workable +
		" UNION " + watchedGroups + " ORDER BY priority DESC, campaign"
	watchedGroups = "SELECT campaign, priority, 0 FROM records WHERE watched <= ?"
)

// workGroups returns the campaigns and priorities that may have work which is
// not to be left alone, the highest priority first. Campaigns that have come to
// rest are only among them when one of their records is watched and visible:
// there is no end to them.
func (c *conn) workGroups(ctx context.Context, req *idempotency.ClaimRequest) (groups []workGroup, err error) {
	err = c.query(ctx, func(rows *sql.Rows) error {
		var g workGroup
		if err := rows.Scan(&g.campaign, &g.priority, &g.planned); err != nil {
			return err
		}
		if g.planned && ((req.Least != nil && g.priority < *req.Least) || slices.Contains(req.Skip, g.campaign)) {
			return nil
		}
		last := len(groups) - 1
		if last < 0 || groups[last].campaign != g.campaign || groups[last].priority != g.priority {
			groups = append(groups, workGroup{campaign: g.campaign, priority: g.priority})
			last++
		}
		groups[last].planned = groups[last].planned || g.planned
		groups[last].rest = groups[last].rest || !g.planned
		return nil
	}, groupsText, codec.Nanos(req.Now))
	return groups, err
}

// The work of a group, in order. What is planned and the rest are apart in the
// index: so what is left alone of a million pieces costs nothing. Where there is
// work in both, two walks through the index are merged as they go. Nothing is
// sorted: the index has the order but for ids that begin alike, see
// candidatesOf.
const (
	candidateColumns = codec.Columns + ", state, tail, job_sum, links"
	candidatesFrom   = recordsAndJobs + " WHERE campaign = ?1 AND priority = +?2 AND due <= ?3 AND visible <= ?3 AND version <= ?4 AND state IN " + known
	candidatesOrder  = " ORDER BY due, key LIMIT +?5"
	restText         = "SELECT " + candidateColumns + candidatesFrom + " AND planned = 0" + candidatesOrder
	plannedText      = "SELECT " + candidateColumns + candidatesFrom + " AND planned = 1" + candidatesOrder
	// What a merge is ordered by must be among the columns.
	bothText = "SELECT " + candidateColumns + ", due, key" + candidatesFrom + " AND planned = 0 UNION ALL SELECT " +
		candidateColumns + ", due, key" + candidatesFrom + " AND planned = 1" + candidatesOrder
)

// oldestText is when the first of a group's candidates is due.
const oldestText = "SELECT due FROM records WHERE campaign = ?1 AND priority = +?2 AND planned = +?5 AND due <= ?3 AND visible <= ?3 AND version <= ?4 AND state IN " +
	known + " ORDER BY due, key LIMIT 1"

// OldestDue implements [idempotency.Backlog]. Each campaign with open work costs some
// microseconds.
func (s *Store) OldestDue(ctx context.Context, req idempotency.ClaimRequest) (time.Time, error) {
	oldest, found := int64(0), false
	err := s.read(ctx, "oldest due", func(c *conn) error {
		groups, err := c.workGroups(ctx, &req)
		for i := 0; i < len(groups) && err == nil; i++ {
			g := &groups[i]
			for planned, some := range []bool{g.rest, g.planned} {
				if !some || err != nil {
					continue
				}
				var due int64
				var ok bool
				ok, err = c.queryRow(ctx, []any{&due}, oldestText, g.campaign, g.priority, codec.Nanos(req.Now), idempotency.RecordVersion, planned)
				if ok && (!found || due < oldest) {
					oldest, found = due, true
				}
			}
		}
		return err
	})
	if err != nil || !found {
		return time.Time{}, err
	}
	return codec.FromNanos(oldest), nil
}

// text returns the query for the group's candidates.
func (g *workGroup) text() string {
	switch {
	case g.planned && g.rest:
		return bothText
	case g.planned:
		return plannedText
	default:
		return restText
	}
}

// candidatesOf looks into each campaign of one priority, and lets them take
// turns. Each campaign with open work costs some microseconds. Records that are
// due at the same nanosecond come by the first 64 bits of their ids: those that
// are alike in these, too, of which there are none by chance, come in any order.
func (b *batch) candidatesOf(ctx context.Context, req idempotency.ClaimRequest, limit int, groups []workGroup) (all []candidate, err error) {
	now := codec.Nanos(req.Now)
	var order sql.RawBytes // is not looked at
	dest := make([]any, 0, 13)
	for i := range groups {
		g, before := &groups[i], len(all)
		err := b.c.query(ctx, func(rows *sql.Rows) error {
			all = append(all, candidate{turn: len(all) - before})
			one := &all[len(all)-1]
			p := &one.place
			dest = append(one.AppendDest(dest[:0]), &p.group.state, &p.tail, &p.jobSum, &p.links)
			if g.planned && g.rest {
				dest = append(dest, &order, &order)
			}
			err := rows.Scan(dest...)
			p.num, p.group.campaign, p.group.priority = one.Num, g.campaign, g.priority
			p.stored = stored{true, p.group, p.tail, p.jobSum}
			return err
		}, g.text(), g.campaign, g.priority, now, idempotency.RecordVersion, limit)
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
