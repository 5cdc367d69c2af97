package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// broken is a way to break a store, and the checks that must notice.
type broken struct {
	brk    func(f *fake)
	caught []string
}

// eachChange breaks changes one by one before they are committed.
func eachChange(edit func(c *idempotency.Change)) func(f *fake) {
	return func(f *fake) {
		commit := f.commit
		f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
			cs = slices.Clone(cs)
			for i := range cs {
				edit(&cs[i])
			}
			return commit(ctx, cs)
		}
	}
}

// swallow calls a refusal a success.
func swallow(which error) func(f *fake) {
	return func(f *fake) {
		commit := f.commit
		f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
			errs, err := commit(ctx, cs)
			for i := range errs {
				if errors.Is(errs[i], which) {
					errs[i] = nil
				}
			}
			return errs, err
		}
	}
}

// editRecord changes a copy of each record that is stored.
func editRecord(edit func(r *idempotency.Record)) func(f *fake) {
	return eachChange(func(c *idempotency.Change) {
		if c.Record != nil {
			r := *c.Record
			edit(&r)
			c.Record = &r
		}
	})
}

// editClaim changes what workers ask for.
func editClaim(edit func(req *idempotency.ClaimRequest)) func(f *fake) {
	return func(f *fake) {
		claim, claimMsg := f.claim, f.claimMsg
		f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
			edit(&req)
			return claim(ctx, req)
		}
		f.claimMsg = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
			edit(&req)
			return claimMsg(ctx, req)
		}
	}
}

// editFind changes the query, or drops and doubles what is found.
func editFind(q func(q *idempotency.Query), times func(n int) int) func(f *fake) {
	return func(f *fake) {
		inner := f.find
		f.find = func(ctx context.Context, query idempotency.Query) iter.Seq2[*idempotency.Record, error] {
			if q != nil {
				q(&query)
			}
			return func(yield func(*idempotency.Record, error) bool) {
				n := 0
				for r, err := range inner(ctx, query) {
					n++
					for range times(n) {
						if !yield(r, err) {
							return
						}
					}
				}
			}
		}
	}
}

func once(int) int { return 1 }

// dropCAS lets the last writer win.
func dropCAS(f *fake) {
	f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
		cs = slices.Clone(cs)
		for i := range cs {
			if r := cs[i].Record; r != nil && cs[i].Expect > 0 {
				if have, err := f.Engine.Get(ctx, r.ID); err == nil {
					forced := *r
					forced.Fence = have.Fence + 1
					cs[i].Record, cs[i].Expect = &forced, have.Fence
				}
			}
		}
		return f.Engine.Commit(ctx, cs)
	}
}

// inPieces commits the record, then all beside it, and stops in between when
// the context ends.
func inPieces(f *fake) {
	f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
		errs := make([]error, len(cs))
		failed := false
		for i, c := range cs {
			rest := c
			rest.Record, rest.Expect = nil, 0
			if errs[i] = idempotency.CommitOne(ctx, f.Engine, idempotency.Change{Record: c.Record, Expect: c.Expect}); errs[i] == nil {
				time.Sleep(50 * time.Microsecond)
				errs[i] = idempotency.CommitOne(ctx, f.Engine, rest)
			}
			if errors.Is(errs[i], context.DeadlineExceeded) {
				return nil, errs[i]
			}
			failed = failed || errs[i] != nil
		}
		if !failed {
			return nil, nil
		}
		return errs, nil
	}
}
