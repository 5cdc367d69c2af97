package vendortest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// subtleBreakages are adapters that work: each does one thing wrong that shows only
// on the day when paper depends on it.
func subtleBreakages() []breakage {
	to := func(change func(to map[string]any)) func(b *broken) {
		return func(b *broken) {
			rewritten(b, func(document map[string]any) {
				if o, ok := document["to"].(map[string]any); ok {
					change(o)
				}
			})
		}
	}
	submitted := func(change func(s *vendors.Submission)) func(b *broken) {
		return func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				change(s)
				return b.full.Submit(ctx, do, s, body)
			}
		}
	}
	listed := func(change func(o *vendors.Order) *vendors.Order) func(b *broken) {
		return func(b *broken) {
			b.list = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
				return func(yield func(*vendors.Order, error) bool) {
					for o, err := range b.full.List(ctx, do, since) {
						if err == nil {
							o = change(o)
						}
						if (o != nil || err != nil) && !yield(o, err) {
							return
						}
					}
				}
			}
		}
	}
	refused := func(of func(status int) bool) func(b *broken) {
		return func(b *broken) {
			redo(b, through{err: func(_ *vendors.Response, err error) error {
				if e, ok := errors.AsType[*postproof.Error](err); ok && of(e.HTTPStatus) {
					e.Delivery = postproof.Refused
				}
				return err
			}})
		}
	}
	return []breakage{
		{"Submit", "an order that lives has a status of no paper", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) { c.NoPaper = append([]string{"processed"}, c.NoPaper...) }
		}},
		{"Journey", "mail on its way has a status of no paper", "", func(b *broken) {
			b.caps = func(c *postproof.Capabilities) {
				c.NoPaper = append([]string{"Mailed", "In Transit", "In Local Area", "Processed for Delivery", "Delivered"}, c.NoPaper...)
			}
		}},
		{"FindForeign", "a reference that begins alike is ours", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				return b.full.Find(ctx, turned{do, func(r *vendors.Response) {
					r.Body = alike(r.Body, ref)
				}}, ref)
			}
		}},
		{"Submit", "the job's address is changed", "", submitted(func(s *vendors.Submission) { s.Job.To.Name = strings.ToUpper(s.Job.To.Name) })},
		{"Submit", "the job's metadata are changed", "", submitted(func(s *vendors.Submission) { s.Job.Metadata["ref"] = string(s.Ref) })},
		{"EncodeDeterministic", "today's date is in the body", "", func(b *broken) {
			rewritten(b, func(document map[string]any) { document["description"] = time.Now().UTC().Format(time.DateOnly) })
		}},
		{"EncodeWhole", "everybody lives in one country", "", to(func(to map[string]any) { to["address_country"] = "US" })},
		{"EncodeWhole", "a long line is cut", "", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				short := *s
				short.Job.To.Line1 = s.Job.To.Line1[:min(40, len(s.Job.To.Line1))]
				return b.full.Encode(ctx, &short)
			}
		}},
		{"EncodeWhole", "letters beyond ASCII are dropped", "", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				plain := *s
				plain.Job.To.Name = strings.Map(func(r rune) rune {
					if r > '~' {
						return -1
					}
					return r
				}, s.Job.To.Name)
				return b.full.Encode(ctx, &plain)
			}
		}},
		{"List", "the time is ignored", "", func(b *broken) {
			b.list = func(ctx context.Context, do vendors.Doer, _ time.Time) iter.Seq2[*vendors.Order, error] {
				return b.full.List(ctx, do, time.Time{})
			}
		}},
		{"List", "our reference is left out", "", listed(func(o *vendors.Order) *vendors.Order { o.Receipt.Ref = ""; return o })},
		{"List", "the dead are alive", "", listed(func(o *vendors.Order) *vendors.Order { o.Dead = false; return o })},
		{"Cancel", "a look-up leaves out the dead", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil && len(found.Orders) == 1 && found.Orders[0].Dead {
					found.Orders = nil
				}
				return found, err
			}
		}},
		{"SubmitBoundaries", "a redirect is a refusal", "", refused(func(status int) bool { return status >= 300 && status < 400 })},
		{"SubmitBoundaries", "what a proxy says in front of the vendor is a refusal", "", refused(func(status int) bool {
			return status == 407 || status == 425 || status == 499
		})},
		{"SubmitBoundaries", "204 is an acceptance", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				var answer *vendors.Response
				o, err := b.full.Submit(ctx, through{Doer: do, err: func(r *vendors.Response, err error) error { answer = r; return err }}, s, body)
				if answer != nil && (answer.Status == http.StatusNoContent || answer.Status == http.StatusAccepted) {
					return &vendors.Order{Receipt: postproof.Receipt{Vendor: "lob", VendorID: fmt.Sprint("pending_", s.Ref)}}, nil
				}
				return o, err
			}
		}},
	}
}

// alike gives every reference in an answer that begins like ours the rest of ours.
func alike(body []byte, ref postproof.Ref) []byte {
	const name = `"postproof_ref":"`
	text := string(body)
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return []byte(text)
		}
		from += i + len(name)
		if end := from + len(ref); end <= len(text) && text[from:from+8] == string(ref[:8]) {
			text = text[:from] + string(ref) + text[end:]
		}
	}
}
