package storetest

import (
	"context"
	"iter"
	"slices"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func erasePieces() map[string]broken {
	return map[string]broken{
		"history is not forgotten": {eachChange(func(c *idempotency.Change) { c.Forget = false }), []string{
			"erase/a change that forgets deletes its record's earlier history",
		}},
		"all history is forgotten": {hidesHistory(func(idempotency.Change) bool { return true }), []string{
			"erase/a change that forgets deletes its record's earlier history", "erase/a change that fails forgets nothing",
		}},
		"history is forgotten before the change is looked at": {hidesHistory(func(c idempotency.Change) bool { return c.Forget }), []string{
			"erase/a change that fails forgets nothing",
		}},
		"a mark purges only what is settled": {eachChange(func(c *idempotency.Change) {
			c.Marks = slices.Clone(c.Marks)
			for i := range c.Marks {
				m := &c.Marks[i]
				m.Purge = m.Purge && m.State != idempotency.MessageWaiting && m.State != idempotency.MessageParked
			}
		}), []string{"erase/a mark purges a message in any state"}},
		"removed artwork is there": {func(f *fake) {
			f.remove = func(context.Context, postproof.Blob) error { return nil }
		}, []string{"erase/artwork can be removed, and stored again"}},
		"scrubbing scrubs all": {func(f *fake) {
			find, gone := f.find, false
			f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
				if gone {
					return func(func(*idempotency.Record, error) bool) {}
				}
				return find(ctx, q)
			}
			f.scrub = func(context.Context, bool) error { gone = true; return nil }
		}, []string{"erase/scrubbing leaves what is there"}},
	}
}

// hidesHistory hides the entries that there were of each record before a change
// of it that it applies to, whatever became of the change.
func hidesHistory(applies func(idempotency.Change) bool) func(f *fake) {
	return func(f *fake) {
		last := map[idempotency.ID]uint64{}
		commit, entries := f.commit, f.entries
		f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
			var errs []error
			for i := range cs {
				before := uint64(0)
				for e, err := range f.Engine.Entries(ctx, idempotency.EntryQuery{}) {
					if err != nil {
						return nil, err
					}
					before = e.Seq
				}
				one, err := commit(ctx, cs[i:i+1])
				if err != nil {
					return nil, err
				}
				if one != nil {
					errs = append(errs, make([]error, i-len(errs))...)
					errs = append(errs, one[0])
				}
				if r := cs[i].Record; r != nil && applies(cs[i]) {
					last[r.ID] = before
				}
			}
			if errs != nil {
				errs = append(errs, make([]error, len(cs)-len(errs))...)
			}
			return errs, nil
		}
		f.entries = func(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
			return func(yield func(idempotency.Entry, error) bool) {
				for e, err := range entries(ctx, q) {
					if (err != nil || e.Seq > last[e.ID]) && !yield(e, err) {
						return
					}
				}
			}
		}
	}
}
