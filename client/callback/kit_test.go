package callback_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

const (
	secret  = "whsec-of-the-live-webhook-0001"
	secret2 = "whsec-of-the-live-webhook-0002"
)

// printer is a vendor in memory, which signs its callbacks.
type printer struct {
	name string
	mode postproof.Mode
	key  string
	caps postproof.Capabilities
	// fault is asked at each order: "lose" takes it and drops the answer.
	fault func(n int) string
	// hang, when set, is waited for before an order is answered.
	hang chan struct{}

	lis    *pipeListener
	mu     sync.Mutex
	orders []*order
	gets   int
}

type order struct {
	ID     string `json:"id"`
	Ref    string `json:"ref"`
	Status string `json:"status"`
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipe() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve serves on a pipe until the test ends.
func serve(t *testing.T, h http.Handler) *pipeListener {
	t.Helper()
	lis := newPipe()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(lis) }()
	t.Cleanup(func() { _ = srv.Close() })
	return lis
}

func newPrinter(t *testing.T, tune ...func(*postproof.Capabilities)) *printer {
	t.Helper()
	p := account(tune...)
	p.lis = serve(t, p)
	return p
}

// account is a printer that nobody serves: its callbacks can be read all the
// same.
func account(tune ...func(*postproof.Capabilities)) *printer {
	p := &printer{name: "printer", mode: postproof.ModeTest, key: "k"}
	p.caps = postproof.Capabilities{
		Vendor: p.name, Countries: []string{"US"}, Poll: 100 * time.Hour,
		Pieces: []postproof.PieceSupport{{
			Kind: postproof.KindPostcard, Sizes: []postproof.Size{postproof.Size4x6()},
			Classes: []postproof.MailClass{postproof.FirstClass}, Content: []postproof.ContentKind{postproof.ContentHTML},
		}},
		Callbacks: postproof.Callbacks{Auth: postproof.CallbackSigned, EventIDs: true, CarryRef: true, AnswerWithin: 20 * time.Second},
	}
	for _, f := range tune {
		f(&p.caps)
	}
	return p
}

func (p *printer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in order
	_ = json.NewDecoder(r.Body).Decode(&in)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.Path == "/get" {
		p.gets++
		for _, o := range p.orders {
			if o.ID == r.URL.Query().Get("id") {
				_ = json.NewEncoder(w).Encode(o)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		return
	}
	o := &order{ID: fmt.Sprintf("psc_%d", len(p.orders)+1), Ref: in.Ref, Status: "accepted"}
	p.orders = append(p.orders, o)
	if p.hang != nil {
		p.mu.Unlock()
		<-p.hang
		p.mu.Lock()
	}
	if p.fault != nil && p.fault(len(p.orders)) == "lose" {
		panic(http.ErrAbortHandler)
	}
	_ = json.NewEncoder(w).Encode(o)
}

func (p *printer) order(i int) *order {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := *p.orders[i]
	return &o
}

func (p *printer) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gets
}

func (p *printer) Capabilities() *postproof.Capabilities { return &p.caps }

func (p *printer) Account() vendors.Account {
	return vendors.Account{Fingerprint: vendors.Fingerprint(p.name, p.key), Mode: p.mode}
}

func (p *printer) Encode(_ context.Context, s *vendors.Submission) (*vendors.Body, error) {
	b, err := json.Marshal(order{Ref: string(s.Ref)})
	return vendors.JSONBody("printer/1", b), err
}

func (p *printer) do(ctx context.Context, do vendors.Doer, req *vendors.Request) (*vendors.Order, error) {
	req.URL = "http://printer" + req.Route
	resp, err := do.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	var o order
	if err := json.Unmarshal(resp.Body, &o); err != nil {
		return nil, postproof.NewError(postproof.CodeUnknown, postproof.Unknown, errors.New("unreadable answer"))
	}
	return o.sight(p.name), nil
}

func (o *order) sight(vendor string) *vendors.Order {
	return &vendors.Order{
		Receipt: postproof.Receipt{Vendor: vendor, VendorID: o.ID, Ref: postproof.Ref(o.Ref)},
		Status:  postproof.Status{Stage: postproof.Stage(o.Status), Raw: o.Status, Confidence: postproof.Reported},
		Dead:    o.Status == "cancelled" || o.Status == "failed",
	}
}

func (p *printer) Submit(ctx context.Context, do vendors.Doer, _ *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	req := &vendors.Request{Op: postproof.OpSubmit, Method: http.MethodPost, Route: "/order", Header: http.Header{}}
	req.SetBody(body)
	return p.do(ctx, do, req)
}

func (p *printer) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	return p.do(ctx, do, &vendors.Request{Op: postproof.OpGet, Class: postproof.RepeatSafe, Method: http.MethodGet, Route: "/get?id=" + id})
}

// note is one event of a callback, as the printer sends it.
type note struct {
	ID     string    `json:"id,omitempty"`
	Piece  string    `json:"piece,omitempty"`
	Ref    string    `json:"ref,omitempty"`
	Status string    `json:"status"`
	Time   time.Time `json:"time,omitzero"`
	Mode   string    `json:"mode,omitempty"`
	Extra  string    `json:"extra,omitempty"`
}

func (p *printer) ParseCallback(_ http.Header, body []byte) ([]*vendors.Notice, error) {
	var in []json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("not a list of events"))
	}
	var out []*vendors.Notice
	for _, raw := range in {
		var n note
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("not an event"))
		}
		if n.Status == "panic" {
			panic("ann@example.com")
		}
		out = append(out, &vendors.Notice{Event: postproof.Event{
			ID: n.ID, VendorID: n.Piece, Ref: postproof.Ref(n.Ref), Mode: postproof.Mode(n.Mode), Raw: raw,
			Status: postproof.Status{Stage: postproof.Stage(n.Status), Raw: n.Status, VendorTime: n.Time, Confidence: postproof.Reported},
		}})
	}
	return out, nil
}

// stamp is the verifier of the printer's scheme.
type stamp struct{ secrets []string }

func (p *printer) NewVerifier(secrets ...string) (vendors.Verifier, error) {
	for i, s := range secrets {
		if len(s) < 24 {
			return nil, fmt.Errorf("secret %d has %d characters, want 24", i, len(s))
		}
	}
	return &stamp{secrets}, nil
}

var errStamp = errors.New("signature is wrong")

func sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *stamp) Verify(h http.Header, body []byte, at time.Time) error {
	n, err := strconv.ParseInt(h.Get("Printer-Time"), 10, 64)
	if err != nil || h.Get("Printer-Signature") == "" {
		return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("no signature"))
	}
	if d := at.Sub(time.Unix(n, 0)); d > 5*time.Minute || d < -5*time.Minute {
		return errors.New("signature is too old or too new")
	}
	for _, secret := range s.secrets {
		if hmac.Equal([]byte(sign(secret, time.Unix(n, 0), body)), []byte(h.Get("Printer-Signature"))) {
			return nil
		}
	}
	return errStamp
}

// request is a callback as the printer sends it.
func request(t testing.TB, path, secret string, notes ...note) *http.Request {
	t.Helper()
	body, err := json.Marshal(notes)
	if err != nil {
		t.Fatal(err)
	}
	return rawRequest(path, secret, body)
}

func rawRequest(path, secret string, body []byte) *http.Request {
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Printer-Time", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Printer-Signature", sign(secret, now, body))
	req.Header.Set("Authorization", "Basic c2VjcmV0")
	req.Header.Set("Cookie", "session=1")
	req.Header.Set("User-Agent", "printer/1")
	return req
}

func post(h http.Handler, req *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Result()
}

// send posts a callback and wants the status given.
func send(t *testing.T, h http.Handler, want int, notes ...note) {
	t.Helper()
	sendTo(t, h, want, request(t, "/callbacks/printer", secret, notes...))
}

func sendTo(t *testing.T, h http.Handler, want int, req *http.Request) {
	t.Helper()
	resp := post(h, req)
	if resp.StatusCode != want {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, want, text)
	}
}

// world is a ledger, a client and a receiver.
type world struct {
	store client.Store
	mail  *client.Client
	rx    *callback.Receiver
	p     *printer
}

func newWorld(t *testing.T, store client.Store, p *printer, opts ...callback.Option) *world {
	t.Helper()
	w := &world{store: store, p: p}
	w.mail = newClient(t, store, p)
	w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}}, opts...)
	return w
}

func newClient(t *testing.T, store client.Store, p *printer, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), store, []vendors.Adapter{p}, append([]client.Option{
		client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithVendor(p.name, client.VendorConfig{Transport: retry.TransportConfig{DialContext: p.lis.dial}}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receiver(t *testing.T, c *client.Client, endpoints []callback.Endpoint, opts ...callback.Option) *callback.Receiver {
	t.Helper()
	rx, err := callback.New(c, endpoints, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rx.Close() })
	return rx
}

// stores runs a test on each embedded ledger.
func stores(t *testing.T, run func(t *testing.T, store client.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		run(t, idempotency.NewMemory(postproof.ModeTest))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "mail.db"), sqlite.WithMode(postproof.ModeTest))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		run(t, s)
	})
}

func memory() *idempotency.Memory { return idempotency.NewMemory(postproof.ModeTest) }

func job(key string) postproof.Job {
	return postproof.Job{
		Key: postproof.Key(key), Class: postproof.FirstClass, Campaign: "spring", Contact: key,
		To:    postproof.Address{Name: "Current Resident", Line1: "1 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>front</b>", Back: "<b>back</b>"}},
	}
}

// mailed submits a job and returns its order at the printer.
func (w *world) mailed(t *testing.T, key string) *order {
	t.Helper()
	rec, err := w.mail.Submit(t.Context(), job(key))
	if err != nil {
		t.Fatal(err)
	}
	return &order{ID: rec.Receipt.VendorID, Ref: string(rec.Receipt.Ref)}
}

func (w *world) drain(t *testing.T) callback.Drained {
	t.Helper()
	did, err := w.rx.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return did
}

// run runs the receiver for a while.
func run(t *testing.T, rx *callback.Receiver, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := rx.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func (w *world) status(t *testing.T, key string) *idempotency.Record {
	t.Helper()
	rec, err := w.mail.Status(t.Context(), postproof.Key(key))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func (w *world) inbox() idempotency.Inbox {
	return w.store.(interface{ Inbox() idempotency.Inbox }).Inbox()
}

func (w *world) messages(t *testing.T, states ...idempotency.MessageState) []*idempotency.Message {
	t.Helper()
	var all []*idempotency.Message
	for m, err := range w.inbox().List(t.Context(), idempotency.MessageQuery{States: states}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// kinds counts the entries of a job's history by kind.
func (w *world) kinds(t *testing.T, key string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for e, err := range w.mail.History(t.Context(), postproof.Key(key)) {
		if err != nil {
			t.Fatal(err)
		}
		n[e.Kind]++
	}
	return n
}

// calls keeps what a handler was called with.
type calls struct {
	mu  sync.Mutex
	all []callback.Delivery
	// fail is asked at each call.
	fail func(callback.Delivery) error
}

func (c *calls) handle(_ context.Context, d callback.Delivery) error {
	c.mu.Lock()
	c.all = append(c.all, d)
	c.mu.Unlock()
	if c.fail != nil {
		return c.fail(d)
	}
	return nil
}

func (c *calls) stages() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []string{}
	for _, d := range c.all {
		out = append(out, string(d.Event.Status.Stage))
	}
	return out
}

func (c *calls) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// alerts keeps what the owner was told.
type alerts struct {
	mu  sync.Mutex
	all []callback.Alert
}

func (a *alerts) Notify(_ context.Context, alert callback.Alert) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, alert)
	return nil
}

func (a *alerts) kinds() []callback.AlertKind {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := []callback.AlertKind{}
	for _, x := range a.all {
		out = append(out, x.Kind)
	}
	return out
}

// faulty is a memory ledger whose inbox and commits fail when they are told to.
type faulty struct {
	*idempotency.Memory
	puts atomic.Int64
	// put is asked before each Put, commit before, committed after each Commit.
	put               func(context.Context) error
	commit, committed func([]idempotency.Change) error
}

func newFaulty() *faulty { return &faulty{Memory: memory()} }

func (f *faulty) Inbox() idempotency.Inbox { return faultyInbox{f.Memory.Inbox(), f} }

func (f *faulty) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if f.commit != nil {
		if err := f.commit(changes); err != nil {
			return nil, err
		}
	}
	errs, err := f.Memory.Commit(ctx, changes)
	if f.committed != nil && err == nil {
		if err := f.committed(changes); err != nil {
			return nil, err
		}
	}
	return errs, err
}

type faultyInbox struct {
	idempotency.Inbox
	f *faulty
}

func (i faultyInbox) Put(ctx context.Context, m *idempotency.Message) (bool, error) {
	i.f.puts.Add(1)
	if i.f.put != nil {
		if err := i.f.put(ctx); err != nil {
			return false, err
		}
	}
	return i.Inbox.Put(ctx, m)
}

// logTo has the client log to a writer.
func logTo(w io.Writer) client.Option {
	return client.WithLogger(slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})))
}
