// Package judge decides whether a change may be made, the same way in every
// store that keeps the ledger in a database. It has the rules of
// [idempotency.Store] about preconditions, and no I/O of its own.
package judge

import (
	"context"
	"slices"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// View is the ledger as one transaction sees it: what was stored, and what the
// changes before in the same transaction made of it.
type View interface {
	// Epoch is the ledger's present epoch.
	Epoch() string
	// Place returns where a record stands; the zero Place when there is none.
	Place(ctx context.Context, id idempotency.ID) (Place, error)
	// RefOwner returns the number of the record that a reference belongs to,
	// 0 for none.
	RefOwner(ctx context.Context, ref string) (int64, error)
	// Counter returns a counter, 0 when it was never used.
	Counter(ctx context.Context, name string) (int64, error)
	// Setting returns a setting's version, 0 when it was never made. No other
	// transaction may write the setting before this one ends, also not one that
	// was never made: a change that has read it counts on that.
	Setting(ctx context.Context, name string) (uint64, error)
	// Message returns the fence of a message, 0 when there is none.
	Message(ctx context.Context, id uint64) (uint64, error)
}

// Place is what a change's preconditions look at of a record.
type Place struct {
	Num   int64 // 0 when there is no such record
	Fence uint64
	// Newer records were written by a newer version, see
	// [idempotency.Record.Newer].
	Newer bool
	Links string
}

// Change returns why the change may not be made; nil when it may. The row is
// that of the change's record, nil when it has none. An err is the view's.
func Change(ctx context.Context, v View, c *idempotency.Change, r *codec.Row) (refused, err error) {
	if c.Epoch != "" && c.Epoch != v.Epoch() {
		return idempotency.ErrEpoch, nil
	}
	if r != nil {
		if refused, err = record(ctx, v, c, r); refused != nil || err != nil {
			return refused, err
		}
	}
	for i := range c.Reads {
		have, err := v.Setting(ctx, c.Reads[i].Name)
		if err != nil {
			return nil, err
		}
		if have != c.Reads[i].Version {
			return idempotency.ErrStale, nil
		}
	}
	for i := range c.Settings {
		w := &c.Settings[i]
		have, err := v.Setting(ctx, w.Name)
		if err != nil {
			return nil, err
		}
		for j := range i { // the same setting twice: the second one builds on the first
			if c.Settings[j].Name == w.Name {
				have = c.Settings[j].Expect + 1
			}
		}
		if have != w.Expect {
			return idempotency.ErrStale, nil
		}
	}
	for i, k := range c.Marks {
		fence, err := v.Message(ctx, k.ID)
		if err != nil {
			return nil, err
		}
		again := slices.ContainsFunc(c.Marks[:i], func(o idempotency.Mark) bool { return o.ID == k.ID })
		if again || fence == 0 || fence != k.Expect {
			return idempotency.ErrStale, nil
		}
	}
	for i := range c.Counters {
		add := &c.Counters[i]
		sum, err := v.Counter(ctx, add.Name)
		if err != nil {
			return nil, err
		}
		for j := range i {
			if c.Counters[j].Name == add.Name {
				sum = c.Counters[j].Sum(sum)
			}
		}
		if add.Exceeded(sum) {
			return idempotency.ErrLimit, nil
		}
	}
	return nil, nil
}

func record(ctx context.Context, v View, c *idempotency.Change, r *codec.Row) (refused, err error) {
	p, err := v.Place(ctx, c.Record.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Expect == 0 && p.Num != 0:
		return idempotency.ErrExists, nil
	case c.Expect == 0:
	case p.Num == 0:
		return idempotency.ErrStale, nil
	case p.Newer:
		return idempotency.ErrNewer, nil
	case p.Fence != c.Expect:
		return idempotency.ErrStale, nil
	}
	if p.Num != 0 && p.Links == r.Links {
		return nil, nil
	}
	for i := range c.Record.Submissions {
		ref := string(c.Record.Submissions[i].Ref)
		if ref == "" || codec.HasRef(p.Links, ref) {
			continue
		}
		owner, err := v.RefOwner(ctx, ref)
		if err != nil {
			return nil, err
		}
		if owner != 0 && owner != p.Num {
			return idempotency.ErrRefTaken, nil
		}
	}
	return nil, nil
}
