package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/postproof/postproof/idempotency"
)

// dropClaimed loses some of the records that were claimed.
func dropClaimed(which func(req *idempotency.ClaimRequest, r *idempotency.Record) bool) func(f *fake) {
	return func(f *fake) {
		claim := f.claim
		f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
			rs, err := claim(ctx, req)
			return slices.DeleteFunc(rs, func(r *idempotency.Record) bool { return which(&req, r) }), err
		}
	}
}

func leftAlonePieces() map[string]broken {
	return map[string]broken{
		"paused campaigns are worked on": {editClaim(func(req *idempotency.ClaimRequest) { req.Skip = nil }), []string{
			"claim/what is planned of a skipped campaign is left alone", "claim/what is planned of a lower priority is left alone",
			"claim/what a vendor may have is worked on, whatever is left alone",
		}},
		"low priorities are worked on": {editClaim(func(req *idempotency.ClaimRequest) { req.Least = nil }), []string{
			"claim/what is planned of a lower priority is left alone", "claim/what a vendor may have is worked on, whatever is left alone",
		}},
		"a skipped campaign is left alone as a whole": {dropClaimed(func(req *idempotency.ClaimRequest, r *idempotency.Record) bool {
			return slices.Contains(req.Skip, r.Campaign)
		}), []string{
			"claim/what a vendor may have is worked on, whatever is left alone", "claim/what is watched for a late arrival is offered in every state",
		}},
		"a low priority is left alone as a whole": {dropClaimed(func(req *idempotency.ClaimRequest, r *idempotency.Record) bool {
			return req.Least != nil && r.Priority < *req.Least
		}), []string{"claim/what a vendor may have is worked on, whatever is left alone"}},
		"what is planned comes last": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				rs, err := claim(ctx, req)
				slices.SortStableFunc(rs, func(a, b *idempotency.Record) int {
					return cmp.Compare(strings.Index(string(a.State), "planned"), strings.Index(string(b.State), "planned"))
				})
				return rs, err
			}
		}, []string{"claim/what is planned and the rest come in one order"}},
	}
}
