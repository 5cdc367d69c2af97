package sqlite

import (
	"context"

	"github.com/postproof/postproof/idempotency/internal/codec"
)

// flush stores what the changes made of the records and all beside them.
func (b *batch) flush(ctx context.Context) error {
	if err := b.storeRecords(ctx); err != nil {
		return err
	}
	for _, many := range []struct {
		text  string
		width int
		args  []any
	}{
		{"INSERT OR IGNORE INTO refs (ref, num) VALUES {(?, ?)}", 2, b.newRefs},
		{"INSERT OR IGNORE INTO pieces (vendor_id, vendor, num) VALUES {(?, ?, ?)}", 3, b.newPieces},
		{"INSERT INTO entries (seq, num, kind, data) VALUES {(?, ?, ?, ?)}", 4, b.newEntries},
	} {
		if err := b.c.execMany(ctx, many.text, many.width, many.args); err != nil {
			return err
		}
		clear(many.args)
	}
	b.newRefs, b.newPieces, b.newEntries = b.newRefs[:0], b.newPieces[:0], b.newEntries[:0]
	if err := b.storeDepth(ctx); err != nil {
		return err
	}
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
		if _, err := b.c.exec(ctx, "INSERT INTO settings VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, version = excluded.version",
			name, codec.Nullable(s.value), int64(s.version)); err != nil {
			return err
		}
	}
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

// storeRecord both inserts and updates: num says which.
const storeRecord = `INSERT INTO records
	(num, id, fence, version, state, campaign, priority, due, visible, lease_owner, lease_until, prune_at, links, data, job)
	VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)}
	ON CONFLICT (num) DO UPDATE SET fence = excluded.fence, version = excluded.version, state = excluded.state, campaign = excluded.campaign,
		priority = excluded.priority, due = excluded.due, visible = excluded.visible, lease_owner = excluded.lease_owner,
		lease_until = excluded.lease_until, prune_at = excluded.prune_at, links = excluded.links, data = excluded.data, job = excluded.job`

func (b *batch) storeRecords(ctx context.Context) error {
	args := b.args[:0]
	for _, p := range b.changed {
		r := p.row
		p.row = nil
		args = columns(args, r, p.num)
	}
	clear(b.changed)
	b.changed = b.changed[:0]
	err := b.c.execMany(ctx, storeRecord, recordWidth, args)
	clear(args)
	b.args = args
	return err
}

const recordWidth = 15

// columns appends what storeRecord takes.
func columns(args []any, r *codec.Row, num int64) []any {
	return append(args, num, r.ID, int64(r.Fence), int64(r.Version), r.State, r.Campaign, int64(r.Priority), r.Due, r.Visible,
		r.LeaseOwner, r.LeaseUntil, r.PruneAt, r.Links, r.Data, codec.Nullable(r.Job))
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
