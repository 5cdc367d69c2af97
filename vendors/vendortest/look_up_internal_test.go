package vendortest

import (
	"context"
	"net/http"
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
		{"FindForeign", "whatever comes is ours", "", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				return b.full.Find(ctx, turned{do, func(r *vendors.Response) {
					r.Body = refs.ReplaceAll(r.Body, []byte(`"postproof_ref":"`+string(ref)+`"`))
				}}, ref)
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
