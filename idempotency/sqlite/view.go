package sqlite

import (
	"context"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/judge"
)

// view is the batch as changes are judged by it; what is not loaded yet, it
// loads.
type view struct{ b *batch }

// Epoch implements [judge.View], as do the methods that follow.
func (v view) Epoch() string { return v.b.head.epoch }

// Place implements [judge.View].
func (v view) Place(ctx context.Context, id idempotency.ID) (judge.Place, error) {
	p, err := v.b.place(ctx, id)
	if err != nil {
		return judge.Place{}, err
	}
	return judge.Place{Num: p.num, Fence: p.fence, Newer: p.newer, Links: p.links}, nil
}

// RefOwner implements [judge.View].
func (v view) RefOwner(ctx context.Context, ref string) (int64, error) { return v.b.refOwner(ctx, ref) }

// Counter implements [judge.View].
func (v view) Counter(ctx context.Context, name string) (int64, error) {
	c, err := v.b.counter(ctx, name)
	if err != nil {
		return 0, err
	}
	return c.value, nil
}

// Setting implements [judge.View].
func (v view) Setting(ctx context.Context, name string) (uint64, error) {
	s, err := v.b.setting(ctx, name)
	if err != nil {
		return 0, err
	}
	return s.version, nil
}

// Message implements [judge.View].
func (v view) Message(ctx context.Context, id uint64) (uint64, error) {
	m, err := v.b.message(ctx, id)
	if err != nil {
		return 0, err
	}
	return m.fence, nil
}
