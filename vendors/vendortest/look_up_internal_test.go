package vendortest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// turned is a Doer that changes the answers that an adapter reads.
type turned struct {
	vendors.Doer
	answer func(r *vendors.Response)
}

func (d turned) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	changed := *req
	judge := req.Judge
	changed.Judge = func(r *vendors.Response) error {
		d.answer(r)
		return judge(r)
	}
	return d.Doer.Do(ctx, &changed)
}

func lookUpBreakages() []breakage {
	refs := regexp.MustCompile(`"postproof_ref":"[0-9A-Z]{16}"`)
	return []breakage{
		{"SubmitForeign", "the reference is an echo", "", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				o, err := b.full.Submit(ctx, do, s, body)
				if err == nil {
					o.Receipt.Ref = s.Ref
				}
				return o, err
			}
		}},
		{"FindForeign", "whatever comes is ours", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				return b.full.Find(ctx, turned{do, func(r *vendors.Response) {
					r.Body = refs.ReplaceAll(r.Body, []byte(`"postproof_ref":"`+string(ref)+`"`))
				}}, ref)
			}
		}},
		{"FindForeign", "what shows no reference is not ours", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil {
					found.Complete = true
				}
				return found, err
			}
		}},
		{"FindPages", "only the first of them", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil {
					found.Orders = found.Orders[:min(1, len(found.Orders))]
				}
				return found, err
			}
		}},
		{"FindPages", "a circle is complete", "postgrid", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil {
					found.Complete = true
				}
				return found, err
			}
		}},
		{"FindPages", "a circle is read for ever", "", func(b *broken) {
			b.sim = func(s Simulator) Simulator { return shortPages{s} }
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				for {
					if found, err := b.full.Find(ctx, do, ref); err != nil || found.Complete {
						return found, err
					}
				}
			}
		}},
		{"FindPages", "only the last page is remembered", "", func(b *broken) {
			b.sim = func(s Simulator) Simulator { return shortPages{s} }
			b.find = b.shortSighted
		}},
	}
}

// asking is a Doer that is only asked.
type asking func(req *vendors.Request)

func (a asking) Do(_ context.Context, req *vendors.Request) (*vendors.Response, error) {
	a(req)
	return nil, postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, errBroken)
}

// shortSighted reads Lob's postcards until a page names itself as the next one.
func (b *broken) shortSighted(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	var first *vendors.Request
	_, _ = b.full.Find(ctx, asking(func(req *vendors.Request) { first = req }), ref)
	found := &vendors.Found{Complete: true}
	for after := ""; ; {
		req := *first
		req.Judge = nil
		if after != "" {
			req.URL += "&after=" + after
		}
		resp, err := do.Do(ctx, &req)
		if err != nil {
			return nil, err
		}
		var page struct {
			Data []json.RawMessage `json:"data"`
			Next string            `json:"next_url"`
		}
		if err := json.Unmarshal(resp.Body, &page); err != nil {
			return nil, postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errBroken)
		}
		for range page.Data {
			found.Orders = append(found.Orders, &vendors.Order{Receipt: postproof.Receipt{Ref: ref}})
		}
		u, err := url.Parse(page.Next)
		if err != nil || page.Next == "" {
			return found, nil //nolint:nilerr // that is what is broken
		}
		if next := u.Query().Get("after"); next != after {
			after = next
			continue
		}
		found.Complete = false
		return found, nil
	}
}

// shortPages is Lob with two pieces a page.
type shortPages struct{ Simulator }

func (s shortPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query(); q.Has("limit") {
		q.Set("limit", "2")
		r.URL.RawQuery = q.Encode()
	}
	s.Simulator.ServeHTTP(w, r)
}

// TestShortPages: a good adapter passes on pages of any length.
func TestShortPages(t *testing.T) {
	t.Parallel()
	for _, c := range checks() {
		if c.name != "FindPages" {
			continue
		}
		found := c.problems(t.Context(), func() Harness {
			h := harness(t, "lob")
			h.Simulator = shortPages{h.Simulator}
			return h
		})
		if len(found) > 0 {
			t.Error(found)
		}
	}
}
