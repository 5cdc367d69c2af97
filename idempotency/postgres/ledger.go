package postgres

import (
	"context"
	"database/sql"
	"iter"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

const identityRowText = `SELECT namespace, mode, epoch, recovered, created,
	greatest(newest, (SELECT max(newest) FROM @commits)), server = ` + identityText + ` AND ` + ownText + ` FROM @ledger`

// Identity implements [idempotency.Ledger]. It looks whether the server is
// still the one that the ledger's history is of, and begins a new epoch when it
// is not.
func (s *Store) Identity(ctx context.Context) (id idempotency.Identity, err error) {
	id, same, err := s.identity(ctx)
	if err != nil || same {
		return id, err
	}
	err = s.direct(ctx, "identity", func(ctx context.Context, b *batch) error {
		changed, err := s.checkHistory(ctx, b.c)
		b.dirty = b.dirty || changed != ""
		return err
	})
	if err != nil {
		return id, err
	}
	id, _, err = s.identity(ctx)
	return id, err
}

func (s *Store) identity(ctx context.Context) (id idempotency.Identity, same bool, err error) {
	all, err := read(ctx, s, "identity", func(rows *sql.Rows) (id idempotency.Identity, err error) {
		var ns, mode string
		var newest, created int64
		err = rows.Scan(&ns, &mode, &id.Epoch, &id.Recovered, &created, &newest, &same)
		id.Namespace, id.Mode = idempotency.Namespace(ns), postproof.Mode(mode)
		id.Newest, id.CreatedAt = codec.FromNanos(newest), codec.FromNanos(created)
		return id, err
	}, s.text.identity)
	if err != nil {
		return id, false, err
	}
	if len(all) == 0 {
		return id, false, errNoRow
	}
	return all[0], same, nil
}

// AcceptEpoch implements [idempotency.Ledger].
func (s *Store) AcceptEpoch(ctx context.Context, epoch string, ns idempotency.Namespace) error {
	var stale bool
	err := s.direct(ctx, "accept epoch", func(ctx context.Context, b *batch) error {
		n, err := b.c.exec(ctx, s.in(`UPDATE @ledger SET recovered = epoch, touched = `+touchText+`,
			namespace = CASE WHEN $1::text = '' THEN namespace ELSE $1::text END WHERE epoch = $2`), string(ns), epoch)
		stale = n == 0
		b.dirty = b.dirty || n > 0
		return err
	})
	if err == nil && stale {
		return idempotency.ErrStale
	}
	return err
}

// Depth implements [idempotency.Ledger]. The numbers are kept with every
// change: it costs about the same for ten records and for ten million.
func (s *Store) Depth(ctx context.Context, campaign string) ([]idempotency.StateCount, error) {
	return read(ctx, s, "depth", func(rows *sql.Rows) (d idempotency.StateCount, err error) {
		var state string
		err = rows.Scan(&d.Campaign, &state, &d.Count)
		d.State = idempotency.State(state)
		return d, err
	}, s.text.depth, clean(campaign))
}

const depthText = `SELECT campaign, state, sum(n)::bigint FROM @depth WHERE $1::text = '' OR campaign = $1::text
	GROUP BY campaign, state HAVING sum(n) > 0 ORDER BY campaign, state`

// Counter implements [idempotency.Ledger].
func (s *Store) Counter(ctx context.Context, name string) (int64, error) {
	all, err := read(ctx, s, "counter", func(rows *sql.Rows) (n int64, err error) {
		return n, rows.Scan(&n)
	}, s.text.counter, clean(name))
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[0], nil
}

func scanSetting(rows *sql.Rows) (set idempotency.Setting, err error) {
	return set, rows.Scan(&set.Name, &set.Value, &set.Version)
}

// Setting implements [idempotency.Ledger].
func (s *Store) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	all, err := read(ctx, s, "setting", scanSetting, s.text.setting, clean(name))
	if err != nil || len(all) == 0 {
		return idempotency.Setting{}, err
	}
	return all[0], nil
}

// Settings implements [idempotency.Ledger].
func (s *Store) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	return func(yield func(idempotency.Setting, error) bool) {
		all, err := read(ctx, s, "settings", scanSetting, s.text.prefix, clean(prefix))
		if err != nil {
			yield(idempotency.Setting{}, err)
			return
		}
		for _, set := range all {
			if !yield(set, nil) {
				return
			}
		}
	}
}

const (
	counterText = `SELECT value FROM @counters WHERE name = $1 ORDER BY version DESC LIMIT 1`
	settingText = `SELECT name, value, version FROM @settings WHERE name = $1`
	prefixText  = `SELECT name, value, version FROM @settings WHERE name >= $1::text AND starts_with(name, $1::text) ORDER BY name`
)
