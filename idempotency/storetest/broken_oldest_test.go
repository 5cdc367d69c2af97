package storetest

import (
	"context"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// oldestPieces are stores that tell something else than the oldest record that is due.
func oldestPieces() map[string]broken {
	const check = "claim/the oldest that is due is what a claim would look at"
	one := []string{check}
	both := []string{check, "model/random work has the same outcome as in memory"}
	edit := func(edit func(req *idempotency.ClaimRequest)) func(f *fake) {
		return func(f *fake) {
			oldest := f.oldest
			f.oldest = func(ctx context.Context, req idempotency.ClaimRequest) (time.Time, error) {
				edit(&req)
				return oldest(ctx, req)
			}
		}
	}
	return map[string]broken{
		"what is paused is the oldest":  {edit(func(req *idempotency.ClaimRequest) { req.Skip = nil }), one},
		"low priorities are the oldest": {edit(func(req *idempotency.ClaimRequest) { req.Least = nil }), one},
		"what is leased is the oldest":  {edit(func(req *idempotency.ClaimRequest) { req.Now = req.Now.Add(time.Minute) }), both},
		"nothing of a campaign is told": {edit(func(req *idempotency.ClaimRequest) { req.Skip = append(req.Skip, "b") }), one},
		"the oldest is what is claimed next": {func(f *fake) {
			f.oldest = func(ctx context.Context, req idempotency.ClaimRequest) (time.Time, error) {
				copied := newFake(nil)
				for rec, err := range f.find(ctx, idempotency.Query{}) {
					if err != nil {
						return time.Time{}, err
					}
					r := *rec
					r.Fence = 1
					_, _ = copied.Engine.Commit(ctx, []idempotency.Change{{Record: &r}})
				}
				req.Limit, req.Lease = 1, time.Nanosecond
				rs, err := copied.Engine.Claim(ctx, req)
				if err != nil || len(rs) == 0 {
					return time.Time{}, err
				}
				at, _ := rs[0].WorkAt()
				return at, nil
			}
		}, both},
	}
}
