package callback_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// endsAt is a log that ends something at a line that holds the text.
type endsAt struct {
	text string
	end  func()
}

func (endsAt) Enabled(context.Context, slog.Level) bool { return true }
func (l endsAt) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l endsAt) WithGroup(string) slog.Handler          { return l }
func (l endsAt) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, l.text) {
		l.end()
	}
	return nil
}

// A receiver whose store was closed, or whose file is another one now, says so and ends:
// to wait for it would be for ever.
func TestRunEndsWhereWaitingIsForNothing(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]struct {
		do   func(store *sqlite.Store, path string) error
		want error
	}{
		"closed":             {func(s *sqlite.Store, _ string) error { return s.Close() }, idempotency.ErrClosed},
		"the marker is gone": {func(_ *sqlite.Store, path string) error { return os.Remove(path + "-epoch") }, idempotency.ErrReopen},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ledger.db")
			store, err := sqlite.Open(t.Context(), path, sqlite.WithMode(postproof.ModeTest))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			ran := make(chan struct{}, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			w := &world{store: store, p: newPrinter(t)}
			w.mail = newClient(t, store, w.p, client.WithLogger(slog.New(endsAt{"waiting", cancel})))
			w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}, callback.WithHandler(func(context.Context, callback.Update) error {
				ran <- struct{}{}
				return nil
			}))
			o := w.mailed(t, "a")
			send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
			done := make(chan error, 1)
			go func() { done <- w.rx.Run(ctx) }()
			<-ran // it is under way
			if err := ends.do(store, path); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, ends.want) {
				t.Errorf("Run = %v, want %v", err, ends.want)
			}
		})
	}
}

// Who receives callbacks and forgot to say so to the client hears of it once: it would
// only be seen in the number of requests.
func TestPolledAllTheSame(t *testing.T) {
	t.Parallel()
	for _, received := range []bool{false, true} {
		lines := 0
		p := newPrinter(t)
		c := newClient(t, memory(), p, client.WithLogger(slog.New(endsAt{"polled all the same", func() { lines++ }})), client.WithVendor(p.name, client.VendorConfig{Callbacks: received}))
		receiver(t, c, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}})
		if want := map[bool]int{false: 1}[received]; lines != want {
			t.Errorf("received %v: %d lines, want %d", received, lines, want)
		}
	}
}
