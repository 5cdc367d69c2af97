package vendortest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// full is an adapter that can do everything.
type full interface {
	vendors.Adapter
	vendors.Getter
	vendors.Finder
	vendors.Canceler
	vendors.Lister
}

// broken is a good adapter of which some operations are replaced.
type broken struct {
	full

	caps   func(c *postproof.Capabilities)
	encode func(ctx context.Context, s *vendors.Submission) (*vendors.Body, error)
	submit func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error)
	get    func(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error)
	find   func(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error)
	cancel func(ctx context.Context, do vendors.Doer, id string) error
	list   func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error]
	calls  // of callbacks
	undone func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error]
	// events is set for a vendor with a log only: see brokenLog.
	events func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Notice, error]
}

// brokenLog is a broken adapter that has a log.
type brokenLog struct{ *broken }

func (b brokenLog) Events(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Notice, error] {
	return b.events(ctx, do, since)
}

func (b *broken) Capabilities() *postproof.Capabilities {
	c := *b.full.Capabilities()
	if b.caps != nil {
		b.caps(&c)
	}
	return &c
}

func (b *broken) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	if b.encode != nil {
		return b.encode(ctx, s)
	}
	return b.full.Encode(ctx, s)
}

func (b *broken) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	if b.submit != nil {
		return b.submit(ctx, do, s, body)
	}
	return b.full.Submit(ctx, do, s, body)
}

func (b *broken) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	if b.get != nil {
		return b.get(ctx, do, id)
	}
	return b.full.Get(ctx, do, id)
}

func (b *broken) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	if b.find != nil {
		return b.find(ctx, do, ref)
	}
	return b.full.Find(ctx, do, ref)
}

func (b *broken) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	if b.cancel != nil {
		return b.cancel(ctx, do, id)
	}
	return b.full.Cancel(ctx, do, id)
}

func (b *broken) List(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
	if b.list != nil {
		return b.list(ctx, do, since)
	}
	return b.full.List(ctx, do, since)
}

// through is a Doer that changes requests and errors on the way.
type through struct {
	vendors.Doer
	request func(r *vendors.Request)
	err     func(resp *vendors.Response, err error) error
}

func (d through) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	if d.request != nil {
		changed := *req
		changed.Header = req.Header.Clone()
		d.request(&changed)
		req = &changed
	}
	resp, err := d.Doer.Do(ctx, req)
	if err != nil && d.err != nil {
		err = d.err(resp, err)
	}
	return resp, err
}

// TestEveryCheckCanFail breaks an adapter in one way at a time, as adapters
// are broken in practice, and expects the check named to notice.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, test := range breakages() {
		covered[test.check] = true
		t.Run(test.check+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(checks(), func(c check) bool { return c.name == test.check })
			if i < 0 {
				t.Fatal("there is no such check")
			}
			good := func() Harness { return harness(t, test.vendor) }
			if found := checks()[i].problems(t.Context(), good); len(found) > 0 {
				t.Fatalf("the good adapter fails: %v", found)
			}
			found := checks()[i].problems(t.Context(), func() Harness {
				h := good()
				adapter, ok := h.Adapter.(full)
				if !ok {
					t.Fatal("the good adapter lacks an operation")
				}
				b := &broken{full: adapter}
				test.breaking(b)
				h.Adapter = b.adapter()
				if b.events != nil {
					h.Adapter = brokenLog{b}
				}
				if b.sim != nil {
					h.Simulator = b.sim(h.Simulator)
				}
				return h
			})
			if len(found) == 0 {
				t.Error("the broken adapter passes")
			}
		})
	}
	for _, c := range checks() {
		if !covered[c.name] {
			t.Errorf("check %s has no adapter that it must catch", c.name)
		}
	}
}

type breakage struct {
	check, name string
	vendor      string // lob unless set
	breaking    func(b *broken)
}

func breakages() []breakage {
	return slices.Concat(submitBreakages(), readBreakages(), lookUpBreakages(), eventBreakages(), undeliverableBreakages(), callbackBreakages())
}

// redo returns a submit that runs the good one through a changed Doer.
func redo(b *broken, d through) {
	b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
		d := d
		d.Doer = do
		return b.full.Submit(ctx, d, s, body)
	}
}

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

// orAnID stands in for what the good adapter would not send, and unchecked puts
// that back, escaped as a part of the path.
func orAnID(id string) string {
	if id == "." || id == ".." {
		return "psc_0000000000000000"
	}
	return id
}

func unchecked(id string) func(r *vendors.Request) {
	return func(r *vendors.Request) { r.URL = strings.Replace(r.URL, orAnID(id), url.PathEscape(id), 1) }
}

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

// log breaks the events of an adapter: change sees each pair, and says whether
// to go on with it.
func (b *broken) log(change func(n *vendors.Notice, err error) bool) {
	b.events = func(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Notice, error] {
		return func(yield func(*vendors.Notice, error) bool) {
			for n, err := range vendors.Events(ctx, b.full, do, since) {
				if !change(n, err) || !yield(n, err) {
					return
				}
			}
		}
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

// harness returns a good adapter on a simulator of its vendor.
func harness(t *testing.T, vendor string) Harness {
	t.Helper()
	if vendor == "" {
		vendor = "lob"
	}
	sim := adaptertest.NewSimulator(t, vendor, vendorsim.Config{
		Lob: vendorsim.LobConfig{RateLimit: -1, TestTracking: true}, PCM: vendorsim.PCMConfig{ProcessSandbox: true},
		PostGrid: vendorsim.PostGridConfig{LogAllEvents: true},
	})
	pair := sim.Credential()
	h := Harness{Simulator: sim, Secrets: []string{pair.Key}}
	var err error
	switch vendor {
	case "lob":
		h.Simulator = announcing{adaptertest.Calling{Simulator: sim}}
		h.Adapter, err = lob.New(pair.Key, lob.WithUseType(lob.Marketing))
	case "postgrid":
		h.Adapter, err = postgrid.New(pair.Key)
	default:
		h.Adapter, err = pcm.New(pair.Key, pair.Secret, pair.Mode, pcm.WithClock(sim.Clock))
		h.Secrets = append(h.Secrets, pair.Secret)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestDoerKnowsWhatWasSent holds the suite's own Doer to its word.
func TestDoerKnowsWhatWasSent(t *testing.T) {
	t.Parallel()
	reached := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached++
		if r.Header.Get("X-Abort") != "" {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusTeapot)
	})
	late := time.Unix(100, 0)
	for _, test := range []struct {
		name    string
		fault   *Fault
		change  func(r *vendors.Request)
		want    postproof.Delivery
		reached int
		sent    int
	}{
		{"ordinary", nil, nil, postproof.Unknown, 1, 1},
		{"no connection", &Fault{NotSent: true}, nil, postproof.NotSent, 0, 0},
		{"request lost", &Fault{Lost: true}, nil, postproof.Unknown, 0, 1},
		{"answer lost", &Fault{Lost: true, Reach: true}, nil, postproof.Unknown, 1, 1},
		{"answer cut", &Fault{Cut: true}, nil, postproof.Unknown, 1, 1},
		{"refused", &Fault{Status: 422}, nil, postproof.Refused, 0, 1},
		{"accepted and 500", &Fault{Status: 500, Reach: true}, nil, postproof.Unknown, 1, 1},
		{"connection aborted", nil, func(r *vendors.Request) { r.Header.Set("X-Abort", "1") }, postproof.Unknown, 1, 1},
		{"after the deadline", nil, func(r *vendors.Request) { r.NotAfter = late }, postproof.NotSent, 0, 0},
		{"a body that is too short", nil, func(r *vendors.Request) {
			r.SetBody(vendors.JSONBody("x/1", []byte("abc")))
			r.Length = 5
		}, postproof.NotSent, 0, 0},
	} {
		reached = 0
		d := &Doer{Handler: handler, Now: func() time.Time { return late }}
		d.Strike = func(int, *vendors.Request) *Fault { return test.fault }
		req := &vendors.Request{Op: postproof.OpSubmit, Method: http.MethodPost, URL: "https://v.test/x", Header: http.Header{}}
		if test.change != nil {
			test.change(req)
		}
		_, err := d.Do(t.Context(), req)
		if got := postproof.DeliveryOf(err); got != test.want || reached != test.reached || len(d.Sent) != test.sent {
			t.Errorf("%s: %v, reached %d, sent %d; want %v, %d, %d", test.name, got, reached, len(d.Sent), test.want, test.reached, test.sent)
		}
	}
}

func TestSubmissionsCoverTheCapabilities(t *testing.T) {
	t.Parallel()
	h := harness(t, "lob")
	h.Uploads, h.Templates = true, postproof.TemplateIDs{Front: "tmpl_a", Back: "tmpl_b"}
	refs, seen := map[postproof.Ref]bool{}, map[string]bool{}
	for _, s := range Submissions(h) {
		refs[s.Ref] = true
		if !s.Ref.Valid() || len(s.VendorKey) != 32 {
			t.Errorf("reference %q, key of %d characters", s.Ref, len(s.VendorKey))
		}
		if err := s.Job.Validate(); err != nil {
			t.Errorf("a job of the suite is invalid: %v", err)
		}
		seen[strings.Join([]string{string(s.Job.Piece.Kind()), s.Job.Piece.Sheet().Name}, " ")] = true
		seen[string(s.Job.Piece.Kind())+" "+string(s.Job.Class)] = true
		seen[string(s.Job.Piece.Kind())+" "+string(s.Job.Piece.Art().ContentKind())] = true
	}
	if len(refs) != len(Submissions(h)) {
		t.Error("two submissions have one reference")
	}
	for _, p := range h.Adapter.Capabilities().Pieces {
		for _, s := range p.Sizes {
			if !seen[string(p.Kind)+" "+s.Name] {
				t.Errorf("no %s of size %s", p.Kind, s.Name)
			}
		}
		for _, c := range p.Classes {
			if !seen[string(p.Kind)+" "+string(c)] {
				t.Errorf("no %s of class %s", p.Kind, c)
			}
		}
		for _, c := range p.Content {
			if !seen[string(p.Kind)+" "+string(c)] {
				t.Errorf("no %s of content %s", p.Kind, c)
			}
		}
	}
}
