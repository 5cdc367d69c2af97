package vendortest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func submitBreakages() []breakage {
	return []breakage{
		{"Capabilities", "look-up is there and not declared", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.Lookup.ByRef = false }
		}},
		{"Capabilities", "a window without a margin", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.Idempotency.Margin = 0 }
		}},
		{"Capabilities", "a cut-off in a zone that nobody knows", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) {
				c.Cancel = postproof.CancelWindow{Supported: true, Cutoff: time.Hour, CutoffZone: "America/Atlantis"}
			}
		}},
		{"Capabilities", "a country in small letters", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.Countries = append(slices.Clone(c.Countries), "us") }
		}},
		{"Unsupported", "cancel works and is not declared", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.Cancel.Supported = false }
		}},
		{"Unsupported", "get is there and does nothing", "", func(b *broken) {
			b.get = func(context.Context, vendors.Doer, string) (*vendors.Order, error) {
				return nil, postproof.NewError(postproof.CodeUnsupported, postproof.NotSent, errors.ErrUnsupported)
			}
		}},
		{"EncodeDeterministic", "a counter in the body", "", func(b *broken) {
			n := 0
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				if _, err := b.full.Encode(ctx, s); err != nil {
					return nil, err
				}
				n++
				return vendors.JSONBody("x/1", fmt.Append(nil, n)), nil
			}
		}},
		{"EncodeDeterministic", "the recipient is left out", "", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				if _, err := b.full.Encode(ctx, s); err != nil {
					return nil, err
				}
				return vendors.JSONBody("x/1", []byte("{}")), nil
			}
		}},
		{"EncodeRefuses", "everything can be printed", "", func(b *broken) {
			b.encode = func(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
				return vendors.JSONBody("x/1", []byte(s.Ref)), nil
			}
		}},
		{"Submit", "another reference", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					o.Receipt.Ref = "SOMEBODYELSES000"
				}
				return o, err
			}
		}},
		{"Submit", "a size of its own", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					o.Facts.Size = postproof.Size{Short: 1, Long: 1}
				}
				return o, err
			}
		}},
		{"Repeat", "a key for each try", "", func(b *broken) {
			n := 0
			redo(b, through{request: func(r *vendors.Request) {
				n++
				r.Header.Set("Idempotency-Key", fmt.Sprintf("%032x", n))
			}})
		}},
		{"Repeat", "declared as another form", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.Idempotency.Replay = postproof.ReplayConflict }
		}},
		{"Repeat", "the content is not compared", "pcm", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					o.Facts = vendors.Facts{}
				}
				return o, err
			}
		}},
		{"SubmitBoundaries", "a 5xx is a refusal", "", func(b *broken) {
			redo(b, through{err: func(_ *vendors.Response, err error) error {
				if e, ok := errors.AsType[*postproof.Error](err); ok && e.HTTPStatus >= 500 {
					e.Delivery = postproof.Refused
				}
				return err
			}})
		}},
		{"SubmitBoundaries", "every failure is retried elsewhere", "", func(b *broken) {
			redo(b, through{err: func(_ *vendors.Response, err error) error {
				return postproof.NewError(postproof.CodeOf(err), postproof.NotSent, errBroken)
			}})
		}},
		{"SubmitBoundaries", "any 2xx is good", "", func(b *broken) {
			redo(b, through{err: func(resp *vendors.Response, err error) error {
				if resp != nil && resp.Status < 300 {
					return postproof.NewError(postproof.CodeUnknown, postproof.Accepted, errBroken)
				}
				return err
			}})
		}},
		{"SubmitBoundaries", "a failed login is a doubt", "pcm", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if postproof.DeliveryOf(err) == postproof.NotSent {
					err = postproof.NewError(postproof.CodeOf(err), postproof.Unknown, errBroken)
				}
				return o, err
			}
		}},
		{"RepeatBoundaries", "a duplicate is a refusal", "pcm", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if _, ok := errors.AsType[*vendors.DuplicateError](err); ok {
					err = postproof.NewError(postproof.CodeConflict, postproof.Refused, errBroken)
				}
				return o, err
			}
		}},
		{"SubmitJoin", "the last answer rules", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if postproof.CodeOf(err) == postproof.CodeUnauthenticated {
					return b.full.Submit(ctx, do, s, body)
				}
				return o, err
			}
		}},
		{"SubmitDeadline", "the context is dropped", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				return b.full.Submit(context.WithoutCancel(ctx), do, s, body)
			}
		}},
		{"Requests", "a submission of the wrong class", "", func(b *broken) {
			redo(b, through{request: func(r *vendors.Request) { r.Class = postproof.RepeatSafe }})
		}},
		{"Requests", "the key in the URL", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				return b.full.Submit(ctx, through{Doer: do, request: func(r *vendors.Request) {
					r.URL += "?idempotency_key=" + s.VendorKey
				}}, s, body)
			}
		}},
		{"Garbage", "an acceptance without an id", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if postproof.CodeOf(err) == postproof.CodeUnknown {
					return &vendors.Order{}, nil
				}
				return o, err
			}
		}},
		{"Garbage", "a parser that trusts", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				return b.full.Submit(ctx, through{Doer: do, err: func(resp *vendors.Response, err error) error {
					if resp != nil && resp.Status == http.StatusOK {
						panic("index out of range")
					}
					return err
				}}, s, body)
			}
		}},
		{"Silence", "the vendor is quoted", "", func(b *broken) {
			redo(b, through{err: func(resp *vendors.Response, err error) error {
				if resp != nil {
					return postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New(string(resp.Body)))
				}
				return err
			}})
		}},
	}
}
