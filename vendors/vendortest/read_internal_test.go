package vendortest

import (
	"context"
	"iter"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func readBreakages() []breakage {
	return []breakage{
		{"Find", "the filter is trusted", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, _ postproof.Ref) (*vendors.Found, error) {
				found := &vendors.Found{Complete: true, VendorTime: time.Unix(1, 0)}
				for o, err := range b.full.List(ctx, do, time.Time{}) {
					if err != nil {
						return nil, err
					}
					found.Orders = append(found.Orders, o)
				}
				return found, nil
			}
		}},
		{"Find", "it finds nothing", "", func(b *broken) {
			b.find = func(context.Context, vendors.Doer, postproof.Ref) (*vendors.Found, error) {
				return &vendors.Found{Complete: true}, nil
			}
		}},
		{"FindFaults", "a failure is an absence", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err != nil {
					return &vendors.Found{Complete: true}, nil //nolint:nilerr // that is what is broken
				}
				return found, nil
			}
		}},
		{"Get", "an unknown id is a refusal", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err != nil {
					err = postproof.NewError(postproof.CodeUnknown, postproof.Refused, errBroken)
				}
				return o, err
			}
		}},
		{"Get", "any id is put into the path", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				return b.full.Get(ctx, through{Doer: do, request: unchecked(id)}, orAnID(id))
			}
		}},
		{"Get", "failures are hidden", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err != nil && postproof.CodeOf(err) != postproof.CodeNotFound {
					return &vendors.Order{Receipt: postproof.Receipt{VendorID: id}}, nil
				}
				return o, err
			}
		}},
		{"Cancel", "it says yes without asking", "", func(b *broken) {
			b.cancel = func(context.Context, vendors.Doer, string) error { return nil }
		}},
		{"Cancel", "any id is put into the path", "", func(b *broken) {
			b.cancel = func(ctx context.Context, do vendors.Doer, id string) error {
				return b.full.Cancel(ctx, through{Doer: do, request: unchecked(id)}, orAnID(id))
			}
		}},
		{"Cancel", "too late is a refusal", "", func(b *broken) {
			b.cancel = func(ctx context.Context, do vendors.Doer, id string) error {
				err := b.full.Cancel(ctx, do, id)
				if postproof.CodeOf(err) == postproof.CodeConflict {
					return postproof.NewError(postproof.CodeConflict, postproof.Refused, errBroken)
				}
				return err
			}
		}},
		{"Cancel", "the dead are alive", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err == nil {
					o.Dead = false
				}
				return o, err
			}
		}},
		{"List", "errors are dropped", "", func(b *broken) {
			b.list = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
				return func(yield func(*vendors.Order, error) bool) {
					for o, err := range b.full.List(ctx, do, since) {
						if err != nil || !yield(o, nil) {
							return
						}
					}
				}
			}
		}},
		{"List", "only the first page", "", func(b *broken) {
			b.list = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
				return func(yield func(*vendors.Order, error) bool) {
					n := 0
					for o, err := range b.full.List(ctx, do, since) {
						if n++; n > 10 || !yield(o, err) {
							return
						}
					}
				}
			}
		}},
	}
}

func eventBreakages() []breakage {
	return []breakage{
		{"Events", "errors are dropped", "postgrid", func(b *broken) {
			b.log(func(_ *vendors.Notice, err error) bool { return err == nil })
		}},
		{"Events", "only the first page", "postgrid", func(b *broken) {
			n := 0
			b.log(func(*vendors.Notice, error) bool { n++; return n <= 10 })
		}},
		{"Events", "no ids", "postgrid", func(b *broken) {
			b.log(func(n *vendors.Notice, err error) bool {
				if err == nil {
					n.Event.ID = ""
				}
				return true
			})
		}},
		{"Events", "another reference", "postgrid", func(b *broken) {
			b.log(func(n *vendors.Notice, err error) bool {
				if err == nil {
					n.Event.Ref = "SOMEBODYELSES000"
				}
				return true
			})
		}},
		{"Events", "the time is ignored", "postgrid", func(b *broken) {
			b.events = func(ctx context.Context, do vendors.Doer, _ time.Time) iter.Seq2[*vendors.Notice, error] {
				return vendors.Events(ctx, b.full, do, time.Time{})
			}
		}},
	}
}
