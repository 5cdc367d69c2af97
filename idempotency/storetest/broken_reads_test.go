package storetest

import (
	"context"
	"slices"
	"sync"

	"github.com/postproof/postproof/idempotency"
)

const (
	readsStand = "commit/a change is made while what it has read stands"
	pauseStops = "concurrency/a pause stops every intent behind it"
)

// judgeReads replaces the store's own look at what changes have read.
func judgeReads(stale func(f *fake, r idempotency.SettingRead) bool) func(f *fake) {
	return func(f *fake) {
		commit := f.commit
		f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
			cs = slices.Clone(cs)
			refused := make([]bool, len(cs))
			for i := range cs {
				refused[i] = slices.ContainsFunc(cs[i].Reads, func(r idempotency.SettingRead) bool { return stale(f, r) })
				if cs[i].Reads = nil; refused[i] {
					cs[i] = idempotency.Change{}
				}
			}
			errs, err := commit(ctx, cs)
			if errs == nil {
				errs = make([]error, len(cs))
			}
			for i := range cs {
				if refused[i] {
					errs[i] = idempotency.ErrStale
				}
			}
			if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
				errs = nil
			}
			return errs, err
		}
	}
}

// remembering is a handle that keeps the versions that it has seen, and does not
// hear of what other handles write.
type remembering struct {
	idempotency.Engine

	mu   sync.Mutex
	seen map[string]uint64
}

func (r *remembering) Commit(ctx context.Context, cs []idempotency.Change) ([]error, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].Reads = slices.DeleteFunc(slices.Clone(cs[i].Reads), func(read idempotency.SettingRead) bool {
			if _, ok := r.seen[read.Name]; !ok {
				set, err := r.Setting(ctx, read.Name)
				if err != nil {
					return false
				}
				r.seen[read.Name] = set.Version
			}
			return r.seen[read.Name] == read.Version
		})
	}
	return r.Engine.Commit(ctx, cs)
}

func dependencePieces() map[string]broken {
	version := func(f *fake, name string) uint64 {
		set, err := f.Setting(context.Background(), name)
		if err != nil {
			return 0
		}
		return set.Version
	}
	return map[string]broken{
		"what was read is not looked at": {
			eachChange(func(c *idempotency.Change) { c.Reads = nil }), []string{readsStand, pauseStops, "model/random work has the same outcome as in memory"},
		},
		"a setting that was never made is not looked at": {eachChange(func(c *idempotency.Change) {
			c.Reads = slices.DeleteFunc(slices.Clone(c.Reads), func(r idempotency.SettingRead) bool { return r.Version == 0 })
		}), []string{readsStand, pauseStops}},
		"what was read is looked at before the call": {
			judgeReads(func(f *fake, r idempotency.SettingRead) bool { return version(f, r.Name) != r.Version }), []string{readsStand},
		},
		"an older setting will do": {
			judgeReads(func(f *fake, r idempotency.SettingRead) bool { return version(f, r.Name) < r.Version }), []string{readsStand, pauseStops},
		},
		"a second handle remembers what was read": {func(f *fake) {
			f.second = func() (idempotency.Engine, error) { return &remembering{Engine: f, seen: map[string]uint64{}}, nil }
		}, []string{pauseStops}},
	}
}
