package vendortest

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// whole returns the adapter with what the good one can do beside the rest.
func (b *broken) whole() vendors.Adapter {
	if _, ok := b.full.(vendors.UndeliverableLister); ok {
		return undeliverables{b}
	}
	return b
}

type undeliverables struct{ *broken }

func (u undeliverables) ListUndeliverable(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
	if u.undone != nil {
		return u.undone(ctx, do, since)
	}
	return vendors.ListUndeliverable(ctx, u.full, do, since)
}

// listed changes what the good adapter lists as undeliverable.
func listed(change func(o *vendors.Order, err error) (*vendors.Order, error)) func(b *broken) {
	return func(b *broken) {
		b.undone = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
			return func(yield func(*vendors.Order, error) bool) {
				for o, err := range vendors.ListUndeliverable(ctx, b.full, do, since) {
					if o, err = change(o, err); (o != nil || err != nil) && !yield(o, err) {
						return
					}
				}
			}
		}
	}
}

func undeliverableBreakages() []breakage {
	return []breakage{
		{"Undeliverable", "errors are dropped", "pcm", listed(func(o *vendors.Order, _ error) (*vendors.Order, error) { return o, nil })},
		{"Undeliverable", "the dead are alive", "pcm", listed(func(o *vendors.Order, err error) (*vendors.Order, error) {
			if o != nil {
				o.Dead = false
			}
			return o, err
		})},
		{"Undeliverable", "a status that is not declared", "pcm", listed(func(o *vendors.Order, err error) (*vendors.Order, error) {
			if o != nil {
				o.Status.Raw = "Bad Address"
			}
			return o, err
		})},
		{"Undeliverable", "the vendor is quoted", "pcm", listed(func(o *vendors.Order, err error) (*vendors.Order, error) {
			if o != nil {
				o.Status.Reason = string(o.Raw)
			}
			return o, err
		})},
		{"Undeliverable", "the date is ignored", "pcm", func(b *broken) {
			b.undone = func(ctx context.Context, do vendors.Doer, _ time.Time) iter.Seq2[*vendors.Order, error] {
				return vendors.ListUndeliverable(ctx, b.full, do, time.Time{})
			}
		}},
		{"Undeliverable", "some are left out", "pcm", listed(func(o *vendors.Order, err error) (*vendors.Order, error) {
			if o != nil && strings.HasSuffix(o.Receipt.VendorID, "2") {
				return nil, nil
			}
			return o, err
		})},
		{"Unsupported", "the list of undeliverables does nothing", "pcm", func(b *broken) {
			b.undone = func(context.Context, vendors.Doer, time.Time) iter.Seq2[*vendors.Order, error] {
				return func(yield func(*vendors.Order, error) bool) {
					yield(nil, postproof.NewError(postproof.CodeUnsupported, postproof.NotSent, errors.ErrUnsupported))
				}
			}
		}},
	}
}
