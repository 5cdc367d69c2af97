package callback_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// toReceiver posts callbacks to a handler, as long as the vendor waits.
type toReceiver struct {
	handler http.Handler
	// answered is told of each answer and how long it took.
	answered func(status int, took time.Duration)
}

func (r *toReceiver) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	in := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.Path, strings.NewReader(string(body)))
	in.Header = req.Header
	out := httptest.NewRecorder()
	r.handler.ServeHTTP(out, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	r.answered(out.Code, time.Since(began))
	return out.Result(), nil
}

// lobSim is a simulated Lob whose webhook is a receiver.
type lobSim struct {
	sim  *vendorsim.Sim
	mail *client.Client
	rx   *callback.Receiver
}

func newLobSim(t *testing.T, store client.Store, answered func(int, time.Duration), opts ...callback.Option) *lobSim {
	t.Helper()
	hook := &toReceiver{answered: answered}
	sim, err := vendorsim.New(vendorsim.Config{
		CallbackTransport: hook, Vendors: []vendorsim.Vendor{{Name: lob.Name}}, Lob: vendorsim.LobConfig{RateLimit: -1, TestTracking: true},
		Faults: vendorsim.Plan{Rules: []vendorsim.Rule{{Boundary: vendorsim.CallbackTwice, Rate: 0.2}, {Boundary: vendorsim.CallbackDisorder, Rate: 0.2}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	lis := serve(t, sim.Vendor(lob.Name))
	printer, err := lob.New(sim.Credentials(lob.Name)[0].Key, lob.WithBaseURL("http://lob/v1"), lob.WithUseType(lob.Operational))
	if err != nil {
		t.Fatal(err)
	}
	l := &lobSim{sim: sim}
	if l.mail, err = client.New(t.Context(), store, []vendors.Adapter{printer}, client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithVendor(lob.Name, client.VendorConfig{Transport: retry.TransportConfig{DialContext: lis.Dial}})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.mail.Close() })
	l.rx = receiver(t, l.mail, []callback.Endpoint{{Adapter: printer, Secrets: []string{secret}}}, opts...)
	hook.handler = l.rx
	if err := sim.SetWebhook(vendorsim.Webhook{
		Vendor: lob.Name, URL: "http://us/callbacks/lob", Secret: secret, Policy: vendorsim.CallbackPolicy{Parallel: 4},
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

// ends is where the vendor says that its pieces are.
func (l *lobSim) ends(t *testing.T) map[string]postproof.Stage {
	t.Helper()
	out := map[string]postproof.Stage{}
	for _, e := range l.sim.Events(lob.Name) {
		switch e.Type {
		case "postcard.delivered":
			out[e.VendorID] = postproof.StageDelivered
		case "postcard.returned_to_sender":
			out[e.VendorID] = postproof.StageReturned
		}
	}
	return out
}

// While the store is down each callback is answered with 503: at once when the
// store says so, in the vendor's time when it hangs. The vendor's own retries
// bring everything in afterwards.
func TestStoreDownForDaysLosesNothing(t *testing.T) {
	t.Parallel()
	const cards = 12
	for name, tc := range map[string]struct {
		put    func(context.Context) error
		within time.Duration
	}{
		"fails": {put: func(context.Context) error { return errors.New("the disk is full") }},
		"hangs": {put: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, within: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2026, time.March, 3, 9, 0, 0, 0, time.UTC))) // signatures know no earlier century
				store := newFaulty()
				var down atomic.Bool
				store.put = func(ctx context.Context) error {
					if down.Load() {
						return tc.put(ctx)
					}
					return nil
				}
				var refused atomic.Int64
				l := newLobSim(t, store, func(status int, took time.Duration) {
					switch want := down.Load(); {
					case want && (status != http.StatusServiceUnavailable || took > tc.within):
						t.Errorf("the store is down: status %d after %s", status, took)
					case want:
						refused.Add(1)
					case status != http.StatusOK:
						t.Errorf("status %d", status)
					}
				}, callback.WithPollInterval(time.Hour))
				for i := range cards {
					if _, err := l.mail.Submit(t.Context(), job(fmt.Sprint("job-", i))); err != nil {
						t.Fatal(err)
					}
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				ran := make(chan error, 1)
				go func() { ran <- l.rx.Run(ctx) }()
				time.Sleep(20 * time.Hour)
				down.Store(true)
				time.Sleep(40 * time.Hour)
				if err := l.sim.WaitCallbacks(ctx); err != nil {
					t.Fatal(err)
				}
				down.Store(false)
				time.Sleep(10 * 24 * time.Hour)
				stop()
				if err := <-ran; err != nil {
					t.Fatal(err)
				}
				events := l.sim.Events(lob.Name)
				for _, e := range events {
					if s := e.Deliveries[0].State; s != vendorsim.StateAcknowledged {
						t.Errorf("the callback about %s is %s", e.Type, s)
					}
				}
				stored := 0
				for m, err := range store.Memory.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
					if err != nil {
						t.Fatal(err)
					}
					if stored++; m.State != idempotency.MessageApplied {
						t.Errorf("message %d is %s", m.ID, m.State)
					}
				}
				if n := refused.Load(); stored != len(events) || len(events) < 8*cards || n < 3*cards {
					t.Errorf("%d events, %d stored, %d refused: want all stored, and many refused before", len(events), stored, n)
				}
				ends := l.ends(t)
				for rec, err := range store.Find(t.Context(), idempotency.Query{}) {
					if err != nil {
						t.Fatal(err)
					}
					if want := ends[rec.Receipt.VendorID]; want == "" || rec.Status.Stage != want {
						t.Errorf("a piece is %q, its vendor says %q", rec.Status.Stage, want)
					}
				}
			})
		})
	}
}
