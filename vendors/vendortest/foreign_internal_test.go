package vendortest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// byStatus gives what is foreign, of the statuses named, the code of the status: what an
// adapter does that takes every answer for its vendor's.
func byStatus(statuses ...int) func(err error) error {
	return func(err error) error {
		if e, ok := errors.AsType[*postproof.Error](err); ok && errors.Is(err, vendors.ErrForeign) && slices.Contains(statuses, e.HTTPStatus) {
			changed := *e
			changed.Code = postproof.CodeOfHTTPStatus(e.HTTPStatus)
			return &changed
		}
		return err
	}
}

func foreignBreakages() []breakage {
	submitted := func(change func(err error) error) func(b *broken) {
		return func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				return o, change(err)
			}
		}
	}
	absent := func(err error) bool {
		e, ok := errors.AsType[*postproof.Error](err)
		return ok && e.HTTPStatus == 404
	}
	return []breakage{
		{"ForeignSubmit", "another server's 404 ends the job", "", submitted(byStatus(404))},
		{"ForeignSubmit", "another server's 405 or 410 ends the job", "", submitted(byStatus(405, 410))},
		{"ForeignSubmit", "a proxy's 413 ends the job", "", submitted(byStatus(413))},
		{"ForeignSubmit", "a gateway's 415 or 422 ends the job", "postgrid", submitted(byStatus(415, 422))},
		{"ForeignSubmit", "a gateway's 401 is a wrong key", "", submitted(byStatus(401))},
		{"ForeignSubmit", "a firewall's 403 is about the account", "", submitted(byStatus(402, 403))},
		{"ForeignSubmit", "a gateway's no to a login is a wrong key", "pcm", submitted(func(err error) error {
			if e, ok := errors.AsType[*postproof.Error](err); ok && e.Delivery == postproof.NotSent && e.Code == postproof.CodeUnavailable {
				return postproof.NewError(postproof.CodeUnauthenticated, postproof.NotSent, err)
			}
			return err
		})},
		{"ForeignSubmit", "a gateway's no to a draft ends the job", "stepped", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				if err := ofSteps(b).draft(ctx, do, body.Parts()[0]); err != nil {
					return nil, vendors.NotOrdered(byStatus(400, 422)(err))
				}
				return ofSteps(b).full.Submit(ctx, do, s, body.Parts()[1])
			}
		}},
		{"ForeignSubmit", "a firewall's 403 proves the piece nowhere", "", submitted(func(err error) error {
			if e, ok := errors.AsType[*postproof.Error](err); ok && e.HTTPStatus == 403 {
				return &postproof.Error{Code: e.Code, Delivery: postproof.Refused, HTTPStatus: 403, Err: err}
			}
			return err
		})},
		{"ForeignSubmit", "a proxy's 409 is a taken reference", "", submitted(func(err error) error {
			if e, ok := errors.AsType[*postproof.Error](err); ok && e.HTTPStatus == 409 {
				return &postproof.Error{Code: e.Code, Delivery: e.Delivery, HTTPStatus: 409, Err: errors.Join(&vendors.DuplicateError{}, err)}
			}
			return err
		})},
		{"ForeignSubmit", "nothing tells the breaker", "", submitted(func(err error) error {
			if e, ok := errors.AsType[*postproof.Error](err); ok {
				return &postproof.Error{Code: e.Code, Delivery: e.Delivery, HTTPStatus: e.HTTPStatus, Err: errBroken}
			}
			return err
		})},
		{"ForeignSubmit", "whatever is refused is somebody else's word", "", submitted(func(err error) error {
			if e, ok := errors.AsType[*postproof.Error](err); ok && e.Delivery == postproof.Refused {
				return vendors.Foreign(&vendors.Response{Status: e.HTTPStatus}, "see the base URL")
			}
			return err
		})},
		{"ForeignCancel", "a proxy's 409 is too late", "", func(b *broken) {
			b.cancel = func(ctx context.Context, do vendors.Doer, id string) error {
				err := b.full.Cancel(ctx, do, id)
				if e, ok := errors.AsType[*postproof.Error](err); ok && e.HTTPStatus == 409 {
					return postproof.NewError(postproof.CodeConflict, postproof.Accepted, err)
				}
				return err
			}
		}},
		{"ForeignCancel", "a proxy's 404 is an order that is not there", "", func(b *broken) {
			b.cancel = func(ctx context.Context, do vendors.Doer, id string) error {
				return byStatus(404)(b.full.Cancel(ctx, do, id))
			}
		}},
		{"ForeignGet", "a proxy's 404 is an order that is not there", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				return o, byStatus(404, 410)(err)
			}
		}},
		{"ForeignFind", "a proxy's 404 is an absence", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if absent(err) {
					return &vendors.Found{Complete: true}, nil
				}
				return found, err
			}
		}},
		{"ForeignFind", "a gateway's 401 is a wrong key", "postgrid", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				return found, byStatus(401)(err)
			}
		}},
		{"ForeignLists", "a proxy's 404 is the end of the list", "", func(b *broken) {
			b.list = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
				return func(yield func(*vendors.Order, error) bool) {
					for o, err := range b.full.List(ctx, do, since) {
						if absent(err) || !yield(o, err) {
							return
						}
					}
				}
			}
		}},
		{"ForeignLists", "a proxy's 404 is the end of the log", "postgrid", func(b *broken) {
			b.log(func(_ *vendors.Notice, err error) bool { return !absent(err) })
		}},
		{"ForeignLists", "a proxy's 404 says that all was delivered", "pcm", listed(func(o *vendors.Order, err error) (*vendors.Order, error) {
			if absent(err) {
				return nil, nil
			}
			return o, err
		})},
	}
}
