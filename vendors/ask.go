package vendors

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/postproof/postproof"
)

// Get reads an order through the adapter's [Getter]. When the adapter has
// none, the error wraps [errors.ErrUnsupported] and nothing was sent; so it is
// for [Find], [Cancel], [List], [Events] and [ListUndeliverable].
func Get(ctx context.Context, a Adapter, do Doer, id string) (*Order, error) {
	g, ok := a.(Getter)
	if !ok {
		return nil, unsupported(a, postproof.OpGet)
	}
	return g.Get(ctx, do, id)
}

// Find looks a reference up through the adapter's [Finder].
func Find(ctx context.Context, a Adapter, do Doer, ref postproof.Ref) (*Found, error) {
	f, ok := a.(Finder)
	if !ok {
		return nil, unsupported(a, postproof.OpLookUp)
	}
	return f.Find(ctx, do, ref)
}

// Cancel asks for a cancellation through the adapter's [Canceler].
func Cancel(ctx context.Context, a Adapter, do Doer, id string) error {
	c, ok := a.(Canceler)
	if !ok {
		return unsupported(a, postproof.OpCancel)
	}
	return c.Cancel(ctx, do, id)
}

// List yields the account's orders through the adapter's [Lister]; without
// one, the first pair holds the error.
func List(ctx context.Context, a Adapter, do Doer, since time.Time) iter.Seq2[*Order, error] {
	l, ok := a.(Lister)
	if !ok {
		return func(yield func(*Order, error) bool) { yield(nil, unsupported(a, postproof.OpList)) }
	}
	return l.List(ctx, do, since)
}

// Events yields what the vendor's log says through the adapter's [EventLister];
// without one, the first pair holds the error.
func Events(ctx context.Context, a Adapter, do Doer, since time.Time) iter.Seq2[*Notice, error] {
	l, ok := a.(EventLister)
	if !ok {
		return func(yield func(*Notice, error) bool) { yield(nil, unsupported(a, postproof.OpEvents)) }
	}
	return l.Events(ctx, do, since)
}

// ListUndeliverable yields what the vendor did not mail through the adapter's
// [UndeliverableLister]; without one, the first pair holds the error.
func ListUndeliverable(ctx context.Context, a Adapter, do Doer, since time.Time) iter.Seq2[*Order, error] {
	l, ok := a.(UndeliverableLister)
	if !ok {
		return func(yield func(*Order, error) bool) { yield(nil, unsupported(a, postproof.OpListUndeliverable)) }
	}
	return l.ListUndeliverable(ctx, do, since)
}

func unsupported(a Adapter, op postproof.Op) error {
	return &postproof.Error{
		Code: postproof.CodeUnsupported, Delivery: postproof.NotSent,
		Vendor: a.Capabilities().Vendor, Op: string(op),
		Err: fmt.Errorf("the adapter has no such operation: %w", errors.ErrUnsupported),
	}
}
