package storetest

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// oddPieces are stores that are right as long as nothing is odd.
func oddPieces() map[string]broken {
	return map[string]broken{
		"campaigns are compared without regard to case": {changing(func(r *idempotency.Record) { r.Campaign = strings.ToLower(r.Campaign) }), []string{
			"odd/names that look alike are two", "odd/names are in the order of their bytes",
		}},
		"a text is UTF-8": {changing(func(r *idempotency.Record) { r.Contact = strings.ToValidUTF8(r.Contact, "?") }), []string{"odd/a text is bytes"}},
		"an index has a longest key": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				for i := range cs {
					if r := cs[i].Record; r != nil && len(r.Submissions) > 0 && len(r.Submissions[0].VendorID) > 2704 {
						return nil, errors.New("index row size exceeds maximum")
					}
				}
				return commit(ctx, cs)
			}
		}, []string{"odd/what a vendor calls a piece may be of any length"}},
		"a header is JSON": {func(f *fake) {
			list := f.list
			f.list = func(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
				return func(yield func(*idempotency.Message, error) bool) {
					for m, err := range list(ctx, q) {
						for name, value := range m.Header {
							m.Header[name] = strings.ToValidUTF8(value, "\ufffd")
						}
						if !yield(m, err) {
							return
						}
					}
				}
			}
		}, []string{"odd/a header comes back byte for byte"}},
		"a limit is multiplied": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				if req.Limit > math.MaxInt/32 {
					return nil, errors.New("bigint out of range")
				}
				return claim(ctx, req)
			}
		}, []string{"odd/limits and places at the edge of their types"}},
		"a priority has 32 bits": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				if req.Least != nil {
					req.Least = new(int(int32(*req.Least)))
				}
				return claim(ctx, req)
			}
		}, []string{"odd/numbers at the edge of their types"}},
		"a time is nanoseconds since 1970": {changing(func(r *idempotency.Record) { r.Due = time.Unix(0, r.Due.UnixNano()) }), []string{
			"odd/times beyond every calendar do no harm",
		}},
		"a list does not look at its context": {func(f *fake) {
			find := f.find
			f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
				return find(context.WithoutCancel(ctx), q)
			}
		}, []string{"odd/lists side by side, and one that is stopped midway"}},
		"history without a record is dropped": {func(f *fake) {
			entries := f.entries
			f.entries = func(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
				return func(yield func(idempotency.Entry, error) bool) {
					for e, err := range entries(ctx, q) {
						if e.Kind != "before" && !yield(e, err) {
							return
						}
					}
				}
			}
		}, []string{"odd/history from before the record stays with the ledger"}},
	}
}

// changing stores records in another form than it was given.
func changing(change func(r *idempotency.Record)) func(f *fake) {
	return func(f *fake) {
		commit := f.commit
		f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
			all := make([]idempotency.Change, len(cs))
			for i, c := range cs {
				if c.Record != nil {
					r := *c.Record
					change(&r)
					c.Record = &r
				}
				all[i] = c
			}
			return commit(ctx, all)
		}
	}
}
