package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/pipe"
	"github.com/postproof/postproof/vendors"
)

// switchboard connects to a press, or does not while it is down.
type switchboard struct {
	*pipe.Listener

	down *atomic.Bool
	// onDial is called before each connection is made.
	onDial func()
}

func (s *switchboard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if s.onDial != nil {
		s.onDial()
	}
	if s.down != nil && s.down.Load() {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	}
	return s.Dial(ctx, network, addr)
}

func newSwitchboard() *switchboard { return &switchboard{Listener: pipe.New()} }

// press is a print vendor in memory: what it printed is the truth of a test.
type press struct {
	name string
	kind postproof.IdempotencyKind
	poll time.Duration

	mu sync.Mutex
	// fault is asked for each request: the name of a fault, or "". See faults.
	fault  func(op, ref string, n int) string
	orders []*pressOrder
	keys   map[string]*pressOrder
	seen   map[string]int
	lis    *switchboard
	srv    *http.Server
	mode   postproof.Mode
	look   bool
	cancel bool
	// key is the adapter's credential; tune changes its capabilities.
	key  string
	tune func(*postproof.Capabilities)
	// lag hides orders from look-ups for a while.
	lag time.Duration
	// ahead is how far its clock is.
	ahead time.Duration
	// half: no look-up gives a whole answer.
	half atomic.Bool
	// header adds to every answer.
	header func(http.Header)
	// bare: an order that is asked for by its id does not say our reference.
	bare bool
	// down refuses connections.
	down atomic.Bool
	// encode, judge are called in the adapter.
	encode func(*vendors.Submission) error
	judge  func(*vendors.Response) error
	// reads is called when a submission's body is opened.
	reads func()
	// times are those of the submissions that arrived.
	times []time.Time
}

type pressOrder struct {
	ID     string    `json:"id"`
	Ref    string    `json:"ref"`
	Zip    string    `json:"zip"`
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

func newPress(t *testing.T, name string, kind postproof.IdempotencyKind) *press {
	t.Helper()
	p := &press{name: name, kind: kind, keys: map[string]*pressOrder{}, seen: map[string]int{}, lis: newSwitchboard(), mode: postproof.ModeTest, look: true, cancel: true, key: "k"}
	p.lis.down = &p.down
	p.srv = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.srv.Serve(p.lis) }()
	t.Cleanup(func() { _ = p.srv.Close() })
	return p
}

// faults sets what goes wrong from now on, also while requests are under way.
func (p *press) faults(fault func(op, ref string, n int) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

func (p *press) alive() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, o := range p.orders {
		if o.Status != "canceled" && o.Status != "failed" {
			n++
		}
	}
	return n
}

func (p *press) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	op, ref := r.URL.Path, r.URL.Query().Get("ref")
	var in pressOrder
	_ = json.Unmarshal(body, &in)
	if in.Ref != "" {
		ref = in.Ref
	}
	p.mu.Lock()
	p.seen[op+ref]++
	n := p.seen[op+ref]
	if op == "/order" {
		p.times = append(p.times, time.Now())
	}
	mishap := p.fault
	if p.ahead != 0 {
		w.Header().Set("Date", time.Now().Add(p.ahead).UTC().Format(http.TimeFormat))
	}
	p.mu.Unlock()
	if p.header != nil {
		p.header(w.Header())
	}
	fault := ""
	if mishap != nil {
		fault = mishap(op, ref, n)
	}
	switch fault {
	case "500":
		http.Error(w, "{}", http.StatusInternalServerError)
		return
	case "422":
		http.Error(w, "{}", http.StatusUnprocessableEntity)
		return
	case "401":
		http.Error(w, "{}", http.StatusUnauthorized)
		return
	case "409":
		http.Error(w, "{}", http.StatusConflict)
		return
	case "429":
		w.Header().Set("Retry-After", "60")
		http.Error(w, "{}", http.StatusTooManyRequests)
		return
	case "429 bare":
		http.Error(w, "{}", http.StatusTooManyRequests)
		return
	case "drop":
		panic(http.ErrAbortHandler)
	case "empty":
		return
	}
	out, status := p.handle(op, r, &in)
	switch fault {
	case "lose":
		panic(http.ErrAbortHandler)
	case "500 after":
		http.Error(w, "{}", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

func (p *press) handle(op string, r *http.Request, in *pressOrder) (any, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch op {
	case "/order":
		key := r.Header.Get("Idempotency-Key")
		if p.kind == postproof.IdempotencyRef {
			key = in.Ref
		}
		if old := p.keys[key]; old != nil && p.kind != postproof.IdempotencyNone {
			return *old, http.StatusOK
		}
		o := &pressOrder{ID: fmt.Sprintf("%s_%d", p.name, len(p.orders)+1), Ref: in.Ref, Zip: in.Zip, Status: "accepted", At: time.Now().Add(p.ahead)}
		p.orders = append(p.orders, o)
		p.keys[key] = o
		return *o, http.StatusOK
	case "/upload":
		return pressOrder{ID: "upload"}, http.StatusOK
	case "/find":
		found := []pressOrder{}
		for _, o := range p.orders {
			if o.Ref == r.URL.Query().Get("ref") && (p.lag == 0 || time.Since(o.At)+p.ahead >= p.lag) {
				found = append(found, *o)
			}
		}
		return found, http.StatusOK
	default: // get, cancel
		for _, o := range p.orders {
			if o.ID == r.URL.Query().Get("id") {
				if op == "/cancel" {
					o.Status = "canceled"
				}
				return *o, http.StatusOK
			}
		}
		return pressOrder{}, http.StatusNotFound
	}
}

// Adapter side.

type pressAdapter struct {
	p    *press
	caps postproof.Capabilities
}

func (p *press) adapter() *pressAdapter {
	c := postproof.Capabilities{
		Vendor: p.name, Idempotency: postproof.Idempotency{Kind: p.kind}, Poll: p.poll,
		Lookup: postproof.Lookup{ByRef: p.look}, Countries: []string{"US"},
		Pieces: []postproof.PieceSupport{{
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6()},
			Classes: []postproof.MailClass{postproof.FirstClass}, Content: []postproof.ContentKind{postproof.ContentHTML, postproof.ContentPDF},
		}},
		Cancel: postproof.CancelWindow{Supported: p.cancel, For: time.Hour},
	}
	if p.kind == postproof.IdempotencyKey {
		c.Idempotency.Window, c.Idempotency.Margin = 24*time.Hour, time.Hour
	}
	if p.tune != nil {
		p.tune(&c)
	}
	return &pressAdapter{p: p, caps: c}
}

func (a *pressAdapter) Capabilities() *postproof.Capabilities { return &a.caps }
func (a *pressAdapter) Account() vendors.Account {
	return vendors.Account{Fingerprint: vendors.Fingerprint(a.p.name, a.p.key), Mode: a.p.mode}
}

func (a *pressAdapter) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	if a.p.encode != nil {
		if err := a.p.encode(s); err != nil {
			return nil, err
		}
	}
	b, err := json.Marshal(pressOrder{Ref: string(s.Ref), Zip: s.Job.To.PostalCode})
	return vendors.JSONBody("press/1", b), err
}

func (a *pressAdapter) do(ctx context.Context, do vendors.Doer, req *vendors.Request, out any) error {
	req.URL = "http://" + a.p.name + req.Route
	resp, err := do.Do(ctx, req)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		return postproof.NewError(postproof.CodeUnknown, postproof.Unknown, fmt.Errorf("unreadable answer"))
	}
	return nil
}

func (a *pressAdapter) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := &vendors.Request{Op: postproof.OpSubmit, Method: http.MethodPost, Route: "/order", Header: http.Header{}, Judge: a.p.judge}
	if a.p.kind != postproof.IdempotencyNone {
		req.Class = postproof.RepeatKeyed
	}
	if a.p.kind == postproof.IdempotencyKey {
		req.Header.Set("Idempotency-Key", s.VendorKey)
	}
	req.SetBody(body)
	if reads, open := a.p.reads, req.Open; reads != nil {
		req.Open = func(ctx context.Context) (io.ReadCloser, error) { reads(); return open(ctx) }
	}
	var o pressOrder
	var now time.Time
	if err := a.do(ctx, dated{do, &now}, req, &o); err != nil {
		return nil, err
	}
	out := a.order(&o)
	out.Replayed = a.p.kind != postproof.IdempotencyNone && now.Sub(o.At) > 2*time.Minute // as vendors that do not mark it are read
	return out, nil
}

func (a *pressAdapter) order(o *pressOrder) *vendors.Order {
	out := &vendors.Order{
		Receipt: postproof.Receipt{Vendor: a.p.name, VendorID: o.ID, Ref: postproof.Ref(o.Ref), AcceptedAt: o.At},
		Dead:    o.Status == "canceled" || o.Status == "failed", Facts: vendors.Facts{PostalCode: o.Zip},
		Status: postproof.Status{Stage: postproof.Stage(o.Status), Raw: o.Status},
	}
	return out
}

func (a *pressAdapter) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	var o pressOrder
	err := a.do(ctx, do, &vendors.Request{Op: postproof.OpGet, Class: postproof.RepeatSafe, Method: http.MethodGet, Route: "/get?id=" + id}, &o)
	if a.p.bare {
		o.Ref = ""
	}
	return a.order(&o), err
}

func (a *pressAdapter) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	var all []pressOrder
	f := &vendors.Found{Complete: !a.p.half.Load()}
	if err := a.do(ctx, dated{do, &f.VendorTime}, &vendors.Request{Op: postproof.OpLookUp, Class: postproof.RepeatSafe, Method: http.MethodGet, Route: "/find?ref=" + string(ref)}, &all); err != nil {
		return nil, err
	}
	for i := range all {
		f.Orders = append(f.Orders, a.order(&all[i]))
	}
	return f, nil
}

// dated keeps the Date of an answer.
type dated struct {
	vendors.Doer
	at *time.Time
}

func (d dated) Do(ctx context.Context, req *vendors.Request) (*vendors.Response, error) {
	resp, err := d.Doer.Do(ctx, req)
	if err == nil {
		*d.at = resp.Time()
	}
	return resp, err
}

func (a *pressAdapter) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	req := &vendors.Request{Op: postproof.OpCancel, Class: postproof.RepeatKeyed, Method: http.MethodPost, Route: "/cancel?id=" + id}
	req.Judge = func(r *vendors.Response) error {
		if r.Status == http.StatusConflict {
			return postproof.NewError(postproof.CodeConflict, postproof.Accepted, errors.New("it is too late to cancel"))
		}
		return vendors.JudgeStatus(r)
	}
	return a.do(ctx, do, req, &pressOrder{})
}

func (a *pressAdapter) List(ctx context.Context, _ vendors.Doer, _ time.Time) iter.Seq2[*vendors.Order, error] {
	return func(yield func(*vendors.Order, error) bool) {
		a.p.mu.Lock()
		defer a.p.mu.Unlock()
		for _, o := range a.p.orders {
			if !yield(a.order(o), ctx.Err()) {
				return
			}
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newClient makes a client that is alone on its ledger: in tests of weeks, a look
// for the hints of others each second would be most of what there is to do.
func newClient(t *testing.T, store client.Store, presses []*press, opts ...client.Option) *client.Client {
	t.Helper()
	return newHearing(t, store, presses, append([]client.Option{client.WithoutHints()}, opts...)...)
}

// newHearing makes a client that hears of other replicas.
func newHearing(t *testing.T, store client.Store, presses []*press, opts ...client.Option) *client.Client {
	t.Helper()
	all := []client.Option{client.WithLogger(quiet())}
	var adapters []vendors.Adapter
	for _, p := range presses {
		adapters = append(adapters, p.adapter())
		all = append(all, client.WithVendor(p.name, vendorConfig(p, nil)))
	}
	c, err := client.New(t.Context(), store, adapters, append(all, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// seldom is how often the ledger is looked at in tests that last days, most of
// which nothing happens in.
func seldom() client.Option { return client.WithPollInterval(time.Minute) }

func job(key string) postproof.Job {
	return postproof.Job{
		Key: postproof.Key(key), Class: postproof.FirstClass, Campaign: "spring", Contact: key,
		To:    postproof.Address{Name: "Current Resident", Line1: "1 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>front</b>", Back: "<b>back</b>"}},
	}
}

func jobs(n int) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		for i := range n {
			if !yield(job(fmt.Sprintf("contact-%d", i)), nil) {
				return
			}
		}
	}
}

func status(t *testing.T, c *client.Client, key string) *idempotency.Record {
	t.Helper()
	rec, err := c.Status(t.Context(), postproof.Key(key))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// kinds returns the kinds of the job's history.
func kinds(t *testing.T, c *client.Client, key string) []string {
	t.Helper()
	var all []string
	for e, err := range c.History(t.Context(), postproof.Key(key)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(e.Kind))
	}
	return all
}

func drain(t *testing.T, c *client.Client) client.Depth {
	t.Helper()
	left, err := c.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return left
}
