package sqlite

import (
	"context"

	"github.com/postproof/postproof/idempotency/internal/codec"
)

// flush stores what the changes made of the records and all beside them. Rows
// are written one by one: what statements for many rows save in calls they lose
// by keeping a copy of each page that they change, to undo half a statement.
func (b *batch) flush(ctx context.Context) error {
	for _, p := range b.changed {
		if err := b.storeRecord(ctx, p); err != nil {
			return err
		}
	}
	clear(b.changed)
	b.changed = b.changed[:0]
	if err := b.storeLinks(ctx); err != nil {
		return err
	}
	if err := b.storeDepth(ctx); err != nil {
		return err
	}
	if err := b.storeNamed(ctx); err != nil {
		return err
	}
	return b.storeMarks(ctx)
}

const (
	insertRecord = `INSERT INTO records (num, key, id, fence, version, state, campaign, priority, planned, due, visible, watched, rare, lease_owner, lease_until, prune_at,
		tail, job_sum, links, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// updateRecord leaves alone what most indexes are of.
	updateRecord = `UPDATE records SET fence = ?, version = ?, state = ?, planned = ?, due = ?, visible = ?, watched = ?, rare = ?, lease_owner = ?, lease_until = ?, prune_at = ?,
		tail = ?, job_sum = ?, links = ?, data = ? WHERE num = ?`
	moveRecord = `UPDATE records SET campaign = ?, priority = ? WHERE num = ?`
	putJob     = `INSERT INTO jobs (num, job) VALUES (?, ?) ON CONFLICT DO UPDATE SET job = excluded.job`
	dropJob    = `DELETE FROM jobs WHERE num = ?`
)

// storeRecord writes what has changed of a record, and no more.
func (b *batch) storeRecord(ctx context.Context, p *place) error {
	r, old := p.row, p.stored
	p.row, p.touched = nil, false
	p.stored = stored{true, p.group, p.tail, p.jobSum}
	var err error
	switch {
	case r == nil:
		if p.tail != old.tail {
			_, err = b.c.exec(ctx, "UPDATE records SET tail = ? WHERE num = ?", p.tail, p.num)
		}
		return err
	case !old.there:
		_, err = b.c.exec(ctx, insertRecord, p.num, r.Key, r.ID, int64(r.Fence), int64(r.Version), r.State, r.Campaign, int64(r.Priority),
			r.Planned, r.Due, r.Visible, r.Watched, r.Rare, r.LeaseOwner, r.LeaseUntil, r.PruneAt, p.tail, r.JobSum, r.Links, r.Data)
	default:
		if old.group.campaign != r.Campaign || old.group.priority != r.Priority {
			if _, err := b.c.exec(ctx, moveRecord, r.Campaign, int64(r.Priority), p.num); err != nil {
				return err
			}
		}
		_, err = b.c.exec(ctx, updateRecord, int64(r.Fence), int64(r.Version), r.State, r.Planned, r.Due, r.Visible, r.Watched, r.Rare, r.LeaseOwner, r.LeaseUntil, r.PruneAt,
			p.tail, r.JobSum, r.Links, r.Data, p.num)
	}
	switch {
	case err != nil || r.JobSum == old.jobSum:
	case r.Job == nil:
		_, err = b.c.exec(ctx, dropJob, p.num)
	default:
		_, err = b.c.exec(ctx, putJob, p.num, r.Job)
	}
	return err
}

// storeLinks writes references, vendors' ids and entries.
func (b *batch) storeLinks(ctx context.Context) error {
	for _, l := range b.newRefs {
		if _, err := b.c.exec(ctx, "INSERT INTO refs (ref, num) VALUES (?, ?)", l.ref, l.num); err != nil {
			return err
		}
	}
	for _, l := range b.newPieces {
		if _, err := b.c.exec(ctx, "INSERT OR IGNORE INTO pieces (digest, num) VALUES (?, ?)", l.digest, l.num); err != nil {
			return err
		}
	}
	for _, e := range b.newEntries {
		if _, err := b.c.exec(ctx, "INSERT INTO entries (seq, num, prev, data) VALUES (?, ?, ?, ?)", e.seq, e.num, e.prev, e.data); err != nil {
			return err
		}
	}
	clear(b.newEntries)
	b.newRefs, b.newPieces, b.newEntries = b.newRefs[:0], b.newPieces[:0], b.newEntries[:0]
	return nil
}

func (b *batch) storeDepth(ctx context.Context) error {
	for g, n := range b.depth {
		if n == 0 {
			continue
		}
		if _, err := b.c.exec(ctx, "INSERT INTO depth VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
			g.campaign, g.state, g.priority, n); err != nil {
			return err
		}
	}
	clear(b.depth)
	return nil
}

// storeNamed writes counters and settings.
func (b *batch) storeNamed(ctx context.Context) error {
	for name, c := range b.counters {
		if !c.dirty {
			continue
		}
		c.dirty = false
		if _, err := b.c.exec(ctx, "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, c.value); err != nil {
			return err
		}
	}
	for name, s := range b.settings {
		if !s.dirty {
			continue
		}
		s.dirty = false
		b.places.settings[name] = s.version
		if _, err := b.c.exec(ctx, "INSERT INTO settings VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, version = excluded.version",
			name, codec.Nullable(s.value), int64(s.version)); err != nil {
			return err
		}
	}
	return nil
}

// storeMarks settles messages of the inbox.
func (b *batch) storeMarks(ctx context.Context) error {
	for id, m := range b.messages {
		if m.mark == nil {
			continue
		}
		due, failed := codec.Nanos(m.mark.Due), 0
		if m.mark.Error != "" {
			failed = 1
		}
		if _, err := b.c.exec(ctx, `UPDATE messages SET state = ?1, due = ?2, visible = ?2, fence = fence + 1, lease_owner = '', lease_until = ?3,
			tries = tries + ?4, last_error = CASE WHEN ?4 THEN ?5 ELSE last_error END WHERE id = ?6`,
			string(m.mark.State), due, int64(codec.Never), failed, m.mark.Error, int64(id)); err != nil {
			return err
		}
		m.mark = nil
	}
	return nil
}

// finish stores what is left, and the head.
func (b *batch) finish(ctx context.Context) error {
	if err := b.flush(ctx); err != nil || !b.dirty {
		return err
	}
	b.head.commits++
	_, err := b.c.exec(ctx, "UPDATE ledger SET commits = ?, base = ?, newest = ?, last_record = ?, last_entry = ?",
		b.head.commits, max(b.head.base, b.based), b.head.newest, b.head.lastRecord, b.head.lastEntry)
	return err
}
