package sqlite

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// Identity implements [idempotency.Ledger].
func (s *Store) Identity(ctx context.Context) (id idempotency.Identity, err error) {
	var ns, mode string
	var newest, created int64
	err = s.read(ctx, "identity", func(c *conn) error {
		_, err := c.queryRow(ctx, []any{&ns, &mode, &id.Epoch, &id.Recovered, &newest, &created},
			"SELECT namespace, mode, epoch, recovered, newest, created FROM ledger")
		return err
	})
	id.Namespace, id.Mode = idempotency.Namespace(ns), postproof.Mode(mode)
	id.Newest, id.CreatedAt = codec.FromNanos(newest), codec.FromNanos(created)
	return id, err
}

// Depth implements [idempotency.Ledger]. The numbers are kept with every
// change: it costs the same for ten records and for ten million.
func (s *Store) Depth(ctx context.Context, campaign string) (all []idempotency.StateCount, err error) {
	err = s.read(ctx, "depth", func(c *conn) error {
		return c.query(ctx, func(rows *sql.Rows) error {
			var d idempotency.StateCount
			var state string
			err := rows.Scan(&d.Campaign, &state, &d.Count)
			d.State = idempotency.State(state)
			all = append(all, d)
			return err
		}, `SELECT campaign, state, sum(n) FROM depth WHERE (?1 = '' OR campaign = ?1)
			GROUP BY campaign, state HAVING sum(n) > 0 ORDER BY campaign, state`, campaign)
	})
	return all, err
}

// Counter implements [idempotency.Ledger].
func (s *Store) Counter(ctx context.Context, name string) (n int64, err error) {
	err = s.read(ctx, "counter", func(c *conn) error {
		_, err := c.queryRow(ctx, []any{&n}, "SELECT value FROM counters WHERE name = ?", name)
		return err
	})
	return n, err
}

// Setting implements [idempotency.Ledger].
func (s *Store) Setting(ctx context.Context, name string) (set idempotency.Setting, err error) {
	err = s.read(ctx, "setting", func(c *conn) error {
		_, err := c.queryRow(ctx, []any{&set.Name, &set.Value, &set.Version}, "SELECT name, value, version FROM settings WHERE name = ?", name)
		return err
	})
	return set, err
}

// Settings implements [idempotency.Ledger].
func (s *Store) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	return func(yield func(idempotency.Setting, error) bool) {
		var all []idempotency.Setting
		err := s.read(ctx, "settings", func(c *conn) error {
			return c.query(ctx, func(rows *sql.Rows) error {
				var set idempotency.Setting
				err := rows.Scan(&set.Name, &set.Value, &set.Version)
				all = append(all, set)
				return err
			}, "SELECT name, value, version FROM settings WHERE name >= ?1 AND substr(name, 1, length(?1)) = ?1 ORDER BY name", prefix)
		})
		for _, set := range all {
			if !yield(set, nil) {
				return
			}
		}
		if err != nil {
			yield(idempotency.Setting{}, err)
		}
	}
}

const (
	// biteTime is how long one step of pruning may hold the writer.
	biteTime = 5 * time.Millisecond
	// biteRows are looked at before the clock is.
	biteRows = 20
	// spareRows is how many damaged records may stand before those that are pruned.
	spareRows = 16
)

// bites runs a step of the writer until the limit is reached or nothing is
// left, and lets others in between. A limit of 0 means no limit.
func (s *Store) bites(ctx context.Context, doing string, limit int, step func(ctx context.Context, b *batch, most int) (int, error)) (int, error) {
	total := 0
	for limit <= 0 || total < limit {
		bite := 0
		err := s.direct(ctx, doing, func(ctx context.Context, b *batch) error {
			bite = 0
			for start := time.Now(); time.Since(start) < biteTime; {
				most := biteRows
				if limit > 0 {
					most = min(most, limit-total-bite)
				}
				n, err := step(ctx, b, most)
				if err != nil {
					return err
				}
				bite += n
				if n < biteRows {
					break
				}
			}
			b.dirty = b.dirty || bite > 0
			return nil
		})
		if err != nil || bite == 0 {
			return total, err
		}
		total += bite
	}
	return total, nil
}

// Prune implements [idempotency.Store].
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	var damaged error
	n, err := s.bites(ctx, "prune", limit, func(ctx context.Context, b *batch, most int) (int, error) {
		var found []*idempotency.Record
		damaged = nil
		err := b.c.query(ctx, func(rows *sql.Rows) error {
			var raw codec.Stored
			if err := rows.Scan(raw.Dest()...); err != nil {
				return err
			}
			if r, err := raw.Record(); err != nil {
				damaged = err // it stays, and so does nothing else because of it
			} else if len(found) < most {
				found = append(found, r)
			}
			return nil
		}, selectWhole+` WHERE prune_at < ? AND version <= ? AND state IN ('canceled', 'done', 'refused')
			ORDER BY prune_at LIMIT +?`, codec.Nanos(before), idempotency.RecordVersion, most+spareRows)
		if err != nil {
			return 0, err
		}
		for _, r := range found {
			if err := b.bury(ctx, r); err != nil {
				return 0, err
			}
		}
		return len(found), b.flush(ctx)
	})
	// Only here: an error in the transaction would undo those that went well in it.
	if err == nil && (limit <= 0 || n < limit) {
		err = explain("prune", damaged)
	}
	return n, err
}

// chainText is the entries of a chain, from its tail on; those before ?2 are
// not reached.
const chainText = `WITH RECURSIVE chain (seq, prev) AS (
	SELECT seq, prev FROM entries WHERE seq = ?1 AND seq > ?2
	UNION ALL SELECT e.seq, e.prev FROM chain AS c JOIN entries AS e ON e.seq = c.prev WHERE c.prev > ?2
) `

// bury makes a tombstone of the record, and forgets its entries.
func (b *batch) bury(ctx context.Context, r *idempotency.Record) error {
	p, err := b.place(ctx, r.ID)
	if err != nil {
		return err
	}
	if err := b.forgetHistory(ctx, p); err != nil {
		return err
	}
	buried := r.Bury()
	b.put(p, buried, codec.Encode(buried))
	return nil
}

// forgetHistory deletes the record's entries, those of changes before in the
// same transaction included.
func (b *batch) forgetHistory(ctx context.Context, p *place) error {
	if p.tail == 0 {
		return nil
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	_, err := b.c.exec(ctx, chainText+"DELETE FROM entries WHERE seq IN (SELECT seq FROM chain)", p.tail, 0)
	p.tail = 0
	return err
}
