package vendortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// stepped is Lob as a vendor that takes two requests: a draft with our reference,
// and the order.
type stepped struct {
	full

	// ordered is set for an adapter that orders by the first of them.
	orderFirst bool
}

func (a stepped) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	order, err := a.full.Encode(ctx, s)
	if err != nil {
		return nil, err
	}
	body := vendors.JoinBodies("stepped/1", vendors.DocumentBody("draft/1", "text/plain", []byte(s.Ref)), order)
	body.Content = order.Content
	return body, nil
}

func (a stepped) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	parts := body.Parts()
	if err := a.draft(ctx, do, parts[0]); err != nil {
		return nil, vendors.NotOrdered(err)
	}
	if !a.orderFirst {
		return a.full.Submit(ctx, do, s, parts[1])
	}
	order, err := a.full.Submit(ctx, through{Doer: do, request: func(r *vendors.Request) { r.Op = postproof.OpPrepare }}, s, parts[1])
	if err != nil {
		return nil, vendors.NotOrdered(err)
	}
	confirm := &vendors.Request{Op: postproof.OpSubmit, Class: postproof.RepeatKeyed, Method: http.MethodPost, URL: "https://lob.test/v1/drafts", Route: "/v1/drafts"}
	confirm.SetBody(parts[0])
	if _, err := do.Do(ctx, confirm); err != nil {
		return nil, err
	}
	return order, nil
}

func (stepped) draft(ctx context.Context, do vendors.Doer, body *vendors.Body) error {
	req := &vendors.Request{Op: postproof.OpPrepare, Class: postproof.RepeatSafe, Method: http.MethodPost, URL: "https://lob.test/v1/drafts", Route: "/v1/drafts"}
	req.Judge = func(r *vendors.Response) error {
		o, err := vendors.ParseObject(r.Body)
		if r.Status/100 == 4 && o.Object("error") == nil {
			return vendors.Foreign(r, "see what stands in front")
		}
		if err := vendors.JudgeStatus(r); err != nil {
			return err
		}
		if err != nil || o.Text("draft") == "" {
			return postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New("no draft"))
		}
		return nil
	}
	req.SetBody(body)
	_, err := do.Do(ctx, req)
	return err
}

// drafts asks for those with a reference; all of them without one.
func (stepped) drafts(ctx context.Context, do vendors.Doer, ref postproof.Ref) (found []*vendors.Order, err error) {
	resp, err := do.Do(ctx, &vendors.Request{
		Op: postproof.OpLookUp, Class: postproof.RepeatSafe, Method: http.MethodGet, URL: "https://lob.test/v1/drafts", Route: "/v1/drafts",
	})
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(resp.Body)) {
		if got := postproof.Ref(strings.TrimSpace(line)); ref == "" || got == ref {
			found = append(found, &vendors.Order{Receipt: postproof.Receipt{Vendor: "lob", VendorID: "draft_" + string(got), Ref: got}})
		}
	}
	return found, nil
}

// steppedSim is the vendor: what it has of a draft is never printed.
type steppedSim struct {
	Simulator

	mu   *sync.Mutex
	refs *[]string
}

func newSteppedSim(s Simulator) steppedSim { return steppedSim{s, new(sync.Mutex), new([]string)} }

func (s steppedSim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/drafts" {
		s.Simulator.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodGet {
		fmt.Fprintln(w, strings.Join(*s.refs, "\n"))
		return
	}
	ref, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if !slices.Contains(*s.refs, string(ref)) {
		*s.refs = append(*s.refs, string(ref))
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"draft": "draft_" + string(ref)})
}

// ofSteps is the stepped adapter of a breakage.
func ofSteps(b *broken) stepped {
	a, _ := b.full.(stepped)
	return a
}

func stepBreakages() []breakage {
	return []breakage{
		{"Prepare", "a draft is found as an order", "stepped", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if err == nil && len(found.Orders) == 0 {
					found.Orders, err = ofSteps(b).drafts(ctx, do, ref)
				}
				return found, err
			}
		}},
		{"Prepare", "a draft hides its absence", "stepped", func(b *broken) {
			b.find = func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
				found, err := b.full.Find(ctx, do, ref)
				if drafts, _ := ofSteps(b).drafts(ctx, do, ref); err == nil && len(found.Orders) == 0 {
					found.Complete = found.Complete && len(drafts) == 0
				}
				return found, err
			}
		}},
		{"Prepare", "a draft is listed", "stepped", func(b *broken) {
			b.list = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
				return func(yield func(*vendors.Order, error) bool) {
					drafts, _ := ofSteps(b).drafts(ctx, do, "")
					for _, o := range drafts {
						if !yield(o, nil) {
							return
						}
					}
				}
			}
		}},
		{"Prepare", "what prepares orders", "stepped", func(b *broken) {
			a := ofSteps(b)
			a.orderFirst = true
			b.full = a
		}},
		{"SubmitBoundaries", "a failed draft is a doubt", "stepped", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				if err := ofSteps(b).draft(ctx, do, body.Parts()[0]); err != nil {
					return nil, err
				}
				return ofSteps(b).full.Submit(ctx, do, s, body.Parts()[1])
			}
		}},
		{"SubmitBoundaries", "a refused draft is tried without end", "stepped", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				if err := ofSteps(b).draft(ctx, do, body.Parts()[0]); err != nil {
					return nil, postproof.NewError(postproof.CodeOf(err), postproof.NotSent, errBroken)
				}
				return ofSteps(b).full.Submit(ctx, do, s, body.Parts()[1])
			}
		}},
		{"SubmitBoundaries", "a failed draft is ordered all the same", "stepped", func(b *broken) {
			b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
				_ = ofSteps(b).draft(ctx, do, body.Parts()[0])
				return ofSteps(b).full.Submit(ctx, do, s, body.Parts()[1])
			}
		}},
		{"Requests", "an upload is called by a name of its own", "stepped", func(b *broken) {
			redo(b, through{request: func(r *vendors.Request) {
				if r.Op == postproof.OpPrepare {
					r.Op = "upload"
				}
			}})
		}},
		{"EncodeDeterministic", "a part without its type", "stepped", func(b *broken) {
			b.encode = func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
				order, err := ofSteps(b).full.Encode(ctx, s)
				if err != nil {
					return nil, err
				}
				return vendors.JoinBodies("stepped/1", vendors.DocumentBody("draft/1", "", []byte(s.Ref)), order), nil
			}
		}},
	}
}
