package vendortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// ending is a Doer that takes a page that failed for the end of Lob's list.
type ending struct{ vendors.Doer }

func (d ending) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	resp, err := d.Doer.Do(ctx, req)
	if err == nil || !strings.Contains(req.URL, "after=") {
		return resp, err
	}
	resp = &vendors.Response{Status: http.StatusOK, Header: http.Header{}, Body: []byte(`{"object":"list","data":[],"count":0,"next_url":null}`)}
	return resp, req.Judge(resp)
}

// readable leaves out of a page of Lob's what cannot be read.
func readable(r *vendors.Response) {
	page, err := vendors.ParseObject(r.Body)
	items := vendors.Field[[]json.RawMessage](page, "data")
	if err != nil || items == nil {
		return
	}
	items = slices.DeleteFunc(items, func(raw json.RawMessage) bool {
		o, err := vendors.ParseObject(raw)
		return err != nil || o.Text("id") == "" || o.Text("object") == ""
	})
	page["data"], page["count"] = jsonText(items), jsonText(len(items))
	r.Body = jsonText(page)
}

// damagedBreakages are adapters to which what they cannot read is not there, and those
// that repeat what they read.
func damagedBreakages() []breakage {
	changed := func(change func(e *postproof.Error)) func(b *broken) {
		return func(b *broken) {
			redo(b, through{err: func(_ *vendors.Response, err error) error {
				if e, ok := errors.AsType[*postproof.Error](err); ok {
					change(e)
				}
				return err
			}})
		}
	}
	return []breakage{
		{"FindDamaged", "what cannot be read is left out", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				return b.full.Find(ctx, turned{do, readable}, ref)
			}
		}},
		{"FindPages", "a page that fails is the end", "", func(b *broken) {
			b.sim = func(s Simulator) Simulator { return shortPages{s} }
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				return b.full.Find(ctx, ending{do}, ref)
			}
		}},
		{"SubmitForeign", "the content is an echo", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					o.Facts = vendors.FactsOf(&s.Job, body)
				}
				return o, err
			}
		}},
		{"Get", "a status that is not documented is an error", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err == nil && !slices.Contains([]string{"processed", "rendered", "failed", "deleted"}, o.Status.Raw) && !strings.Contains(o.Status.Raw, " ") {
					return nil, postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errBroken)
				}
				return o, err
			}
		}},
		{"Submit", "a status that is not documented is a doubt", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil && o.Status.Raw != "processed" {
					return nil, postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errBroken)
				}
				return o, err
			}
		}},
		{"Get", "what follows an id is left to the server", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				id, _, _ = strings.Cut(id, "?")
				return b.full.Get(ctx, do, id)
			}
		}},
		{"Cancel", "what follows an id is left to the server", "", func(b *broken) {
			b.cancel = func(ctx context.Context, do vendors.Doer, id string) error {
				id, _, _ = strings.Cut(id, "?")
				return b.full.Cancel(ctx, do, id)
			}
		}},
		{"Cancel", "a look-up leaves out the dead, whose id is a number", "pcm", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil {
					found.Orders = slices.DeleteFunc(found.Orders, func(o *vendors.Order) bool { return o.Dead })
				}
				return found, err
			}
		}},
		{"ForeignSubmit", "a no to the job is one to the account", "", changed(func(e *postproof.Error) {
			if e.HTTPStatus == http.StatusUnprocessableEntity && !errors.Is(e, vendors.ErrForeign) {
				e.Code = postproof.CodePermissionDenied
			}
		})},
		{"ForeignSubmit", "a no to the job is one for now", "pcm", changed(func(e *postproof.Error) {
			if e.HTTPStatus == http.StatusBadRequest && !errors.Is(e, vendors.ErrForeign) {
				e.Code = postproof.CodeUnavailable
			}
		})},
		{"Silence", "the vendor's own message is quoted", "postgrid", func(b *broken) {
			redo(b, through{err: func(resp *vendors.Response, err error) error {
				if resp == nil {
					return err
				}
				if o, parseErr := vendors.ParseObject(resp.Body); parseErr == nil && o.Text("object") == "error" {
					return postproof.NewError(postproof.CodeOf(err), postproof.DeliveryOf(err), errors.New(o.Object("error").Text("message")))
				}
				return err
			}})
		}},
		{"Requests", "a body that opens once", "", func(b *broken) {
			redo(b, through{request: func(r *vendors.Request) {
				open := r.Open
				var once io.ReadCloser
				r.Open = func(ctx context.Context) (_ io.ReadCloser, err error) {
					if once == nil {
						once, err = open(ctx)
					}
					return once, err
				}
			}})
		}},
		{"EncodeWhole", "the last name is dropped", "", named(func(name string) string {
			first, _, _ := strings.Cut(name, " ")
			return first
		})},
		{"EncodeWhole", "the first name is a letter", "", named(func(name string) string {
			_, last, _ := strings.Cut(name, " ")
			return last
		})},
		{"EncodeWhole", "the country is as it was typed", "", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				body, err := b.full.Encode(ctx, s)
				if err != nil || s.Job.To.Country == "" {
					return body, err
				}
				rc, err := body.Open(ctx)
				if err != nil {
					return nil, err
				}
				defer rc.Close()
				raw, err := io.ReadAll(rc)
				if err != nil {
					return nil, err
				}
				out := vendors.JSONBody(body.Encoder, bytes.ReplaceAll(raw, []byte(s.Job.To.CountryCode()), []byte(s.Job.To.Country)))
				out.Content = body.Content
				return out, nil
			}
		}},
		{"EncodeWhole", "the second id of a template is dropped", "", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				one := *s
				if t, ok := s.Job.Piece.Art().(postproof.Template); ok {
					ids := t.IDs["lob"]
					ids.Front, ids.Back = "tmpl_a1b2c3d4e5f6a7b", "tmpl_b1b2c3d4e5f6a7b"
					one.Job.Piece = s.Job.Piece.WithArt(postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": ids}, Variables: t.Variables})
				}
				return b.full.Encode(ctx, &one)
			}
		}},
	}
}

// named is an adapter that makes something of the recipient's name.
func named(of func(name string) string) func(b *broken) {
	return func(b *broken) {
		b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
			other := *s
			other.Job.To.Name = of(s.Job.To.Name)
			if other.Job.To.Name == "" {
				other.Job.To.Name = s.Job.To.Name
			}
			return b.full.Encode(ctx, &other)
		}
	}
}
