package callback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
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

// request is a callback as the printer sends it.
func request(t *testing.T, path, secret string, notes ...note) *http.Request {
	t.Helper()
	body, err := json.Marshal(notes)
	if err != nil {
		t.Fatal(err)
	}
	return rawRequest(path, secret, body)
}

func rawRequest(path, secret string, body []byte) *http.Request {
	return signedAt(time.Now(), path, secret, body)
}

// requestAt is a callback that was signed at the time given.
func requestAt(t *testing.T, at time.Time, notes ...note) *http.Request {
	t.Helper()
	body, err := json.Marshal(notes)
	if err != nil {
		t.Fatal(err)
	}
	return signedAt(at, "/callbacks/printer", secret, body)
}

func signedAt(now time.Time, path, secret string, body []byte) *http.Request {
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Printer-Time", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Printer-Signature", sign(secret, now, body))
	req.Header.Set("Authorization", "Basic c2VjcmV0")
	req.Header.Set("Cookie", "session=1")
	req.Header.Set("User-Agent", "printer/1")
	return req
}

// answer is what a callback was answered with.
type answer struct {
	StatusCode int
	Header     http.Header
	Body       string
}

func post(h http.Handler, req *http.Request) answer {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return answer{rec.Code, rec.Header(), rec.Body.String()}
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
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, want, resp.Body)
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
		client.WithVendor(p.name, client.VendorConfig{Transport: retry.TransportConfig{DialContext: p.lis.Dial}}),
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

// stores runs a test on each embedded ledger. Not in a bubble: SQLite waits for
// the lock of its file in a way that stops the time there.
func stores(t *testing.T, run func(t *testing.T, store client.Store)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T) client.Store{
		"memory": func(*testing.T) client.Store { return memory() },
		"sqlite": func(t *testing.T) client.Store { t.Helper(); return onDisk(t, filepath.Join(t.TempDir(), "mail.db")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t))
		})
	}
}

func onDisk(t *testing.T, path string) client.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
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
	engine, ok := w.store.(interface{ Inbox() idempotency.Inbox })
	if !ok {
		panic("the store of a test has no inbox")
	}
	return engine.Inbox()
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
		n[string(e.Kind)]++
	}
	return n
}

// calls keeps what a handler was called with.
type calls struct {
	mu  sync.Mutex
	all []callback.Update
	// fail is asked at each call.
	fail func(callback.Update) error
}

func (c *calls) handle(_ context.Context, u callback.Update) error {
	c.mu.Lock()
	c.all = append(c.all, u)
	c.mu.Unlock()
	if c.fail != nil {
		return c.fail(u)
	}
	return nil
}

func (c *calls) stages() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []string{}
	for _, u := range c.all {
		out = append(out, string(u.Event.Status.Stage))
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
