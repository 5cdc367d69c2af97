package vendortest

import (
	"context"
	"fmt"
	"iter"
	"net/url"
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

// String and GoString keep the good adapter's credentials out: printed as a struct it
// would fail the check Silence by itself, whatever is broken.
func (b *broken) String() string   { return "broken" }
func (b *broken) GoString() string { return "broken" }

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

// redo returns a submit that runs the good one through a changed Doer.
func redo(b *broken, d through) {
	b.submit = func(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
		d := d
		d.Doer = do
		return b.full.Submit(ctx, d, s, body)
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

// refusals is how the vendors say no.
var refusals = map[string]func(status int) []byte{
	"lob": func(status int) []byte {
		return fmt.Appendf(nil, `{"error":{"code":"invalid","status_code":%d,"message":"it is wrong"}}`, status)
	},
	"postgrid": func(int) []byte {
		return []byte(`{"object":"error","error":{"type":"validation_error","message":"it is wrong"}}`)
	},
	"pcm": func(status int) []byte {
		return fmt.Appendf(nil, `{"error":{"code":%d,"message":"it is wrong","data":[]}}`, status)
	},
}

// harness returns a good adapter on a simulator of its vendor.
func harness(t *testing.T, vendor string) Harness {
	t.Helper()
	if vendor == "stepped" {
		h := harness(t, "lob")
		adapter, ok := h.Adapter.(full)
		if !ok {
			t.Fatal("the good adapter lacks an operation")
		}
		h.Adapter, h.Simulator = stepped{full: adapter}, newSteppedSim(h.Simulator)
		return h
	}
	if vendor == "" {
		vendor = "lob"
	}
	sim := adaptertest.NewSimulator(t, vendor, vendorsim.Config{
		Lob: vendorsim.LobConfig{RateLimit: -1, TestTracking: true}, PCM: vendorsim.PCMConfig{ProcessSandbox: true},
		PostGrid: vendorsim.PostGridConfig{LogAllEvents: true},
	})
	pair := sim.Credential()
	h := Harness{Simulator: sim, Secrets: []string{pair.Key}, Refusal: refusals[vendor]}
	var err error
	switch vendor {
	case "lob":
		h.Simulator = announcing{adaptertest.Calling{Simulator: sim}}
		h.Templates = postproof.TemplateIDs{Front: "tmpl_a1b2c3d4e5f6a7b", Back: "tmpl_b1b2c3d4e5f6a7b"}
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
