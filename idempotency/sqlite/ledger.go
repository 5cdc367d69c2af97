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
func (s *Store) Depth(ctx context.Context, campaign string) (all []idempotency.Depth, err error) {
	err = s.read(ctx, "depth", func(c *conn) error {
		return c.query(ctx, func(rows *sql.Rows) error {
			var d idempotency.Depth
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
	return s.bites(ctx, "prune", limit, func(ctx context.Context, b *batch, most int) (int, error) {
		var found []*idempotency.Record
		var nums []int64
		err := b.c.query(ctx, func(rows *sql.Rows) error {
			var raw codec.Stored
			if err := rows.Scan(raw.Dest()...); err != nil {
				return err
			}
			r, err := raw.Record()
			found, nums = append(found, r), append(nums, raw.Num)
			return err
		}, "SELECT "+codec.Columns+` FROM records WHERE prune_at < ? AND version <= ? AND state IN ('cancelled', 'done', 'refused')
			ORDER BY prune_at LIMIT ?`, codec.Nanos(before), idempotency.RecordVersion, most)
		if err != nil {
			return 0, err
		}
		for i, r := range found {
			buried, err := codec.Encode(r.Bury())
			if err != nil {
				return 0, err
			}
			if err := b.c.execMany(ctx, storeRecord, recordWidth, columns(nil, buried, nums[i])); err != nil {
				return 0, err
			}
			if _, err := b.c.exec(ctx, "DELETE FROM entries WHERE num = ?", nums[i]); err != nil {
				return 0, err
			}
		}
		return len(found), nil
	})
}
