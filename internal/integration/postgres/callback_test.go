package postgres_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

const (
	hookSecret = "the-secret-of-the-dashboard"
	// hookDays is how much faster the vendor's days go by than ours.
	hookDays = 60_000
)

// hooks is two replicas that receive a simulated Lob's callbacks, with stores of
// their own on one server.
type hooks struct {
	sim     *vendorsim.Server
	clients []*client.Client
	schema  string
	// stop ends the receivers.
	stop func(t *testing.T)

	mu      sync.Mutex
	handled map[string]int
}

// TestCallbacks has two replicas receive callbacks, repeated and out of order,
// while the server is stopped again and again without a word. What a replica
// acknowledged is there afterwards, applied once; what it could not store came
// again, and every piece is where its vendor knows it to be.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	const pieces, stops = 60, 6
	c := pgtest.Private(t)
	clock := vendorsim.NewClock(start(), 1)
	h := newHooks(t, c, clock)
	if out, err := h.clients[0].Enqueue(t.Context(), cards(0, pieces)); err != nil || out.New != pieces {
		t.Fatalf("Enqueue = %+v, %v", out, err)
	}
	if left, err := h.clients[1].Drain(t.Context()); err != nil || left[idempotency.Accepted] != pieces {
		t.Fatalf("Drain left %v, %v", left, err)
	}
	clock.SetScale(hookDays)
	for range stops {
		if waitFor(t, t.Context(), 500*time.Millisecond) {
			return
		}
		if err := c.Stop(t.Context(), "immediate"); err != nil {
			t.Fatal(err)
		}
		if waitFor(t, t.Context(), 800*time.Millisecond) {
			return
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ends := h.ends(t, pieces)
	s := openStore(t, openDB(t, "pgx", c.DSN("")), h.schema)
	for range 600 { // what was stored last is worked off
		if len(waiting(t, s)) == 0 || waitFor(t, t.Context(), 100*time.Millisecond) {
			break
		}
	}
	h.stop(t)
	stored := 0
	for m, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if stored++; m.State != idempotency.MessageApplied {
			t.Errorf("message %d is %s", m.ID, m.State)
		}
	}
	events := h.sim.Events(lob.Name)
	if stored != len(events) {
		t.Errorf("%d events, %d stored", len(events), stored)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	again := 0
	for _, e := range events {
		if h.handled[e.ID] == 0 {
			t.Errorf("the handler was not told of %s", e.Type)
		}
		for _, d := range e.Deliveries {
			if len(d.Attempts) > 0 && d.Attempts[0].Status == http.StatusServiceUnavailable {
				again++
			}
		}
	}
	if t.Logf("%d events, %d of them refused at first", len(events), again); again == 0 {
		t.Error("no stop of the server was noticed")
	}
	for rec, err := range s.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if want := ends[rec.Receipt.VendorID]; rec.Status.Stage != want {
			t.Errorf("a piece is %q, its vendor says %q", rec.Status.Stage, want)
		}
	}
}

func newHooks(t *testing.T, c *pgtest.Cluster, clock *vendorsim.Clock) *hooks {
	t.Helper()
	h := &hooks{schema: newSchema(t), handled: map[string]int{}}
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	var err error
	h.sim, err = vendorsim.Start(vendorsim.Config{
		Clock: clock, Vendors: []vendorsim.Vendor{{Name: lob.Name}}, Lob: vendorsim.LobConfig{RateLimit: -1, TestTracking: true},
		Webhooks: []vendorsim.Webhook{{
			Vendor: lob.Name, URL: front.URL + "/callbacks/lob", Secret: hookSecret,
			Policy: vendorsim.CallbackPolicy{Parallel: 8, Retries: retries(200)}, // an hour of the vendor's is 60 ms
		}},
		Faults: vendorsim.Plan{Rules: []vendorsim.Rule{
			{Boundary: vendorsim.CallbackTwice, Rate: 0.2}, {Boundary: vendorsim.CallbackDisorder, Rate: 0.2},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.sim.Close(); err != nil {
			t.Error(err)
		}
	})
	var handlers []http.Handler
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		rx := h.receiver(t, openStore(t, openDB(t, "pgx", c.DSN("")), h.schema, postgres.WithPatience(200*time.Millisecond)))
		handlers = append(handlers, rx)
		running.Go(func() {
			for ctx.Err() == nil { // the server is away now and then
				if err := rx.Run(ctx); err != nil {
					t.Logf("Run: %v", err)
				}
			}
		})
	}
	h.stop = func(t *testing.T) {
		t.Helper()
		cancel()
		running.Wait()
	}
	t.Cleanup(func() { h.stop(t) })
	var turn sync.Mutex
	mux.HandleFunc("/callbacks/lob", func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		next := handlers[0]
		handlers[0], handlers[1] = handlers[1], handlers[0]
		turn.Unlock()
		next.ServeHTTP(w, r)
	})
	return h
}

func (h *hooks) receiver(t *testing.T, store *postgres.Store) *callback.Receiver {
	t.Helper()
	// The vendor's clock runs ahead of ours by weeks.
	printer, err := lob.New("test_simlob", lob.WithBaseURL(h.sim.URL+"/lob/v1"), lob.WithUseType(lob.Operational), lob.WithCallbackTolerance(365*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	quiet := client.WithLogger(slog.New(slog.DiscardHandler))
	mail, err := client.New(t.Context(), store, []vendors.Adapter{printer}, quiet, client.WithClock(ourClock{}), client.WithPollInterval(20*time.Millisecond),
		client.WithVendor(lob.Name, client.VendorConfig{Callbacks: true}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mail.Close() })
	h.clients = append(h.clients, mail)
	rx, err := callback.New(mail, []callback.Endpoint{{Adapter: printer, Secrets: []string{hookSecret}}}, callback.WithPollInterval(50*time.Millisecond),
		callback.WithHandlerTimeout(time.Second), callback.WithLease(11*time.Second), // what was under way comes up again soon,
		callback.WithTries(100, callback.Backoff{Base: 100 * time.Millisecond}), // and is a failure to whoever cannot see that its worker lives
		callback.WithHandler(func(_ context.Context, u callback.Update) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.handled[u.Event.ID]++
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rx.Close() })
	return rx
}

// ourClock begins on the day of the tests, and goes on in real time.
type ourClock struct{}

var ourStart = time.Now()

func (ourClock) Now() time.Time                         { return start().Add(time.Since(ourStart)) }
func (ourClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// ends waits until the vendor has told of the end of each piece, and has no
// callback to send any more, and returns how they ended.
func (h *hooks) ends(t *testing.T, pieces int) map[string]postproof.Stage {
	t.Helper()
	for range 1200 {
		ends, told := map[string]postproof.Stage{}, true
		for _, e := range h.sim.Events(lob.Name) {
			switch e.Type {
			case "postcard.delivered":
				ends[e.VendorID] = postproof.StageDelivered
			case "postcard.returned_to_sender":
				ends[e.VendorID] = postproof.StageReturned
			}
			for _, d := range e.Deliveries {
				told = told && d.State == vendorsim.StateAcknowledged
			}
		}
		if told && len(ends) == pieces {
			return ends
		}
		if waitFor(t, t.Context(), 100*time.Millisecond) {
			break
		}
	}
	t.Fatal("the vendor's callbacks do not come to an end")
	return nil
}

// retries is one wait of an hour after the other.
func retries(n int) []vendorsim.Duration {
	waits := make([]vendorsim.Duration, n)
	for i := range waits {
		waits[i] = vendorsim.Duration(time.Hour)
	}
	return waits
}

func waiting(t *testing.T, s *postgres.Store) (ids []uint64) {
	t.Helper()
	for m, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{States: []idempotency.MessageState{idempotency.MessageWaiting}}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	return ids
}
