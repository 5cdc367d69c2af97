package vendortest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// rewritten is the order's JSON with a change.
func rewritten(b *broken, change func(document map[string]any)) {
	b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
		body, err := b.full.Encode(ctx, s)
		if err != nil {
			return nil, err
		}
		rc, err := body.Open(ctx)
		if err != nil {
			return nil, err
		}
		defer rc.Close()
		document := map[string]any{}
		if err := json.NewDecoder(rc).Decode(&document); err != nil {
			return body, nil // a form, not JSON
		}
		change(document)
		raw, err := json.Marshal(document)
		if err != nil {
			return nil, err
		}
		out := vendors.JSONBody(body.Encoder, raw)
		out.Content = body.Content
		return out, nil
	}
}

func wholeBreakages() []breakage {
	without := func(field string, inner ...string) func(b *broken) {
		return func(b *broken) {
			rewritten(b, func(document map[string]any) {
				if len(inner) == 0 {
					delete(document, field)
				} else if o, ok := document[field].(map[string]any); ok {
					delete(o, inner[0])
				}
			})
		}
	}
	return []breakage{
		{"EncodeWhole", "the second line is dropped", "", without("to", "address_line2")},
		{"EncodeWhole", "the company is dropped", "", without("to", "company")},
		{"EncodeWhole", "the return address is dropped", "", without("from")},
		{"EncodeWhole", "the send date is dropped", "", without("send_date")},
		{"EncodeWhole", "the back is dropped", "", without("back")},
		{"EncodeWhole", "a job that fits fails", "", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				if s.Job.To.Line2 == "Apt 77" {
					return nil, postproof.NewError(postproof.CodeInternal, postproof.NotSent, errBroken)
				}
				return b.full.Encode(ctx, s)
			}
		}},
		{"SubmitAtOnce", "the last answer of all", "", func(b *broken) {
			var mu sync.Mutex
			var last *vendors.Order
			var waiting, n int
			all := make(chan struct{})
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err != nil {
					return nil, err
				}
				mu.Lock()
				last = o
				waiting++
				if waiting == atOnce {
					close(all)
				}
				n++
				mu.Unlock()
				<-all
				mu.Lock()
				defer mu.Unlock()
				return last, nil
			}
		}},
		{"Journey", "every status is that of the acceptance", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err == nil {
					o.Status.Stage = postproof.StageAccepted
				}
				return o, err
			}
		}},
		{"Journey", "the vendor's own status is left out", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err == nil {
					o.Status.Raw = ""
				}
				return o, err
			}
		}},
		{"Journey", "a vendor that stands still", "", func(b *broken) {
			b.sim = func(s Simulator) Simulator { return still{s} }
		}},
		{"Cancel", "a status that is dead and not listed", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.NoPaper = []string{"stopped"} }
		}},
		{"Get", "our reference is left out", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err == nil {
					o.Receipt.Ref = ""
				}
				return o, err
			}
		}},
		{"Get", "the cancel window begins nowhere", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				o, err := b.full.Get(ctx, do, id)
				if err == nil {
					o.Receipt.AcceptedAt = time.Time{}
				}
				return o, err
			}
		}},
		{"Get", "whatever it is answered with", "", func(b *broken) {
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				var answer *vendors.Response
				o, err := b.full.Get(ctx, seeing{do, func(r *vendors.Response) { answer = r }}, id)
				if answer == nil || err == nil {
					return o, err
				}
				if other, parseErr := vendors.ParseObject(answer.Body); parseErr == nil && answer.Status == http.StatusOK {
					return b.full.Get(ctx, told{answer}, other.Text("id"))
				}
				return o, err
			}
		}},
		{"FindPages", "the time is that of the last page", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				var last time.Time
				found, err := b.full.Find(ctx, seeing{do, func(r *vendors.Response) { last = r.Time() }}, ref)
				if err == nil {
					found.VendorTime = last
				}
				return found, err
			}
		}},
		{"Requests", "the bytes are made anew", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				rewritten(b, func(document map[string]any) { document["description"] = "made later" })
				anew, err := b.encode(ctx, s)
				b.encode = nil
				if err != nil {
					return nil, err
				}
				return b.full.Submit(ctx, do, s, anew)
			}
		}},
		{"Restart", "ids are remembered", "", func(b *broken) {
			known := map[string]bool{}
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					known[o.Receipt.VendorID] = true
				}
				return o, err
			}
			b.get = func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
				if !known[id] {
					return nil, postproof.NewError(postproof.CodeNotFound, postproof.NotSent, errBroken)
				}
				return b.full.Get(ctx, do, id)
			}
		}},
		{"Silence", "the header is quoted", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				header := ""
				o, err := b.full.Submit(ctx, through{Doer: do, request: func(r *vendors.Request) { header = r.Header.Get("Authorization") }}, s, body)
				if err != nil {
					err = postproof.NewError(postproof.CodeOf(err), postproof.DeliveryOf(err), errors.New("sent with "+header))
				}
				return o, err
			}
		}},
	}
}

// seeing is a Doer whose answers are looked at, good or bad.
type seeing struct {
	vendors.Doer
	see func(r *vendors.Response)
}

func (d seeing) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	resp, err := d.Doer.Do(ctx, req)
	if resp != nil {
		d.see(resp)
	}
	return resp, err
}

// told is a Doer that has its answer already.
type told struct{ answer *vendors.Response }

func (d told) Do(_ context.Context, req *vendors.Request) (*vendors.Response, error) {
	return d.answer, req.Judge(d.answer)
}

// still is a vendor at which no time passes.
type still struct{ Simulator }

func (still) Advance(time.Duration) {}
