package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
)

// checkMistake wants the error's class, that nothing was sent, and what it says.
func checkMistake(t *testing.T, what string, err error, code postproof.Code, say ...string) {
	t.Helper()
	if _, ok := err.(*postproof.Error); !ok { //nolint:errorlint // the outermost is to be one
		t.Errorf("%s: %T %v, want a *postproof.Error", what, err, err)
		return
	}
	if postproof.CodeOf(err) != code || postproof.DeliveryOf(err) != postproof.NotSent {
		t.Errorf("%s: %v, want %s, not sent", what, err, code)
	}
	for _, s := range say {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: %v, want %q in it", what, err, s)
		}
	}
}

// What is commonly got wrong when a client is made.
func TestMistakesOfNew(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	alpha := newPress(t, "alpha", postproof.IdempotencyKey).adapter()
	again := newPress(t, "alpha", postproof.IdempotencyKey).adapter()
	var unmade *lob.Adapter // as when the error of its constructor was dropped
	test, live := idempotency.NewMemory(postproof.ModeTest), idempotency.NewMemory(postproof.ModeLive)
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		ctx      context.Context
		store    client.Store
		adapters []vendors.Adapter
		opt      client.Option
		code     postproof.Code
		say      string
	}{
		{"no store", t.Context(), nil, []vendors.Adapter{alpha}, client.WithoutHints(), postproof.CodeInvalidArgument, "open the ledger first"},
		{"a closed store", t.Context(), file, []vendors.Adapter{alpha}, client.WithoutHints(), postproof.CodeUnavailable, "open it again"},
		{"no adapters", t.Context(), test, nil, client.WithoutHints(), postproof.CodeInvalidArgument, "give at least one adapter"},
		{"a nil adapter", t.Context(), test, []vendors.Adapter{alpha, nil}, client.WithoutHints(), postproof.CodeInvalidArgument, "adapter 1 is nil"},
		{"an adapter that was not made", t.Context(), test, []vendors.Adapter{unmade}, client.WithoutHints(), postproof.CodeInvalidArgument, "the error of its constructor"},
		{"two of one name", t.Context(), test, []vendors.Adapter{alpha, again}, client.WithoutHints(), postproof.CodeInvalidArgument, "leave out one"},
		{"test credentials, live ledger", t.Context(), live, []vendors.Adapter{alpha}, client.WithoutHints(), postproof.CodeInvalidArgument, "a ledger of its own for each mode"},
		{"a nil option", t.Context(), test, []vendors.Adapter{alpha}, nil, postproof.CodeInvalidArgument, "option 0 is nil"},
		{"a misspelled vendor", t.Context(), test, []vendors.Adapter{alpha}, client.WithVendor("alhpa", client.VendorConfig{}), postproof.CodeInvalidArgument, "the client has alpha"},
		{"a negative grace", t.Context(), test, []vendors.Adapter{alpha}, client.WithGrace(-1), postproof.CodeInvalidArgument, "WithGrace(-1ns)"},
		{"a hook of the client's own", t.Context(), test, []vendors.Adapter{alpha}, client.WithVendor("alpha", client.VendorConfig{Retry: retry.Config{OnSend: func(context.Context, retry.Send) {}}}), postproof.CodeInvalidArgument, "OnSend"},
		{"a negative poll", t.Context(), test, []vendors.Adapter{alpha}, client.WithPollInterval(-1), postproof.CodeInvalidArgument, "WithPollInterval(-1ns)"},
		{"a negative deadline", t.Context(), test, []vendors.Adapter{alpha}, client.WithDeadlines(idempotency.Deadlines{PlannedFor: -1}), postproof.CodeInvalidArgument, "WithDeadlines: PlannedFor"},
		{"a negative reroute", t.Context(), test, []vendors.Adapter{alpha}, client.WithRerouteAfter(-1), postproof.CodeInvalidArgument, "WithRerouteAfter(-1ns)"},
		{"a negative stop", t.Context(), test, []vendors.Adapter{alpha}, client.WithVendorStop(-1), postproof.CodeInvalidArgument, "WithVendorStop(-1ns)"},
		{"canceled", canceled, test, []vendors.Adapter{alpha}, client.WithoutHints(), postproof.CodeCanceled, "context canceled"},
	} {
		made, err := client.New(c.ctx, c.store, c.adapters, c.opt)
		if err == nil {
			_ = made.Close()
		}
		checkMistake(t, c.name, err, c.code, c.say)
	}
}

// What is commonly got wrong in a call: a name or a key that nobody knows, a piece
// that cannot be, a job that is over, a client that is.
func TestMistakesOfCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)})
		ctx := t.Context()
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		with := func(edit func(*postproof.Job)) postproof.Job { j := job("a"); edit(&j); return j }
		submit := func(ctx context.Context, j postproof.Job) error { _, err := c.Submit(ctx, j); return err }
		if _, err := c.Enqueue(ctx, these(job("stopped"))); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Cancel(ctx, "stopped", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		names := "the client has alpha, beta"
		for what, tt := range map[string]struct {
			err  error
			code postproof.Code
			say  string
		}{
			"submit, canceled before": {submit(canceled, job("a")), postproof.CodeCanceled, "context canceled"},
			"no key":                  {submit(ctx, with(func(j *postproof.Job) { j.Key = "" })), postproof.CodeInvalidArgument, "DeriveKey"},
			"no size": {submit(ctx, with(func(j *postproof.Job) {
				j.Piece = postproof.Postcard{Artwork: postproof.HTML{Front: "a", Back: "b"}}
			})), postproof.CodeInvalidArgument, "Size4x6()"},
			"a size nobody has": {submit(ctx, with(func(j *postproof.Job) {
				j.Piece = postproof.Postcard{Size: postproof.Size{Short: postproof.Inches(9), Long: postproof.Inches(9)}, Artwork: postproof.HTML{Front: "a", Back: "b"}}
			})), postproof.CodeUnsupported, "it has 4x6"},
			"the country's name": {submit(ctx, with(func(j *postproof.Job) { j.To.Country = "USA" })), postproof.CodeInvalidArgument, `such as "US"`},
			"after Cancel":       {submit(ctx, job("stopped")), postproof.CodeCanceled, "under a new key"},
			"no jobs":            {func() error { _, err := c.Enqueue(ctx, nil); return err }(), postproof.CodeInvalidArgument, "give an iterator"},
			"status":             {func() error { _, err := c.Status(ctx, "none"); return err }(), postproof.CodeNotFound, "no job has this key"},
			"cancel":             {func() error { _, err := c.Cancel(ctx, "none", client.Actor{By: "ann"}); return err }(), postproof.CodeNotFound, "this one is test"},
			"remail": {func() error {
				_, err := c.Remail(ctx, "none", client.Remail{Name: "x"}, client.Actor{By: "ann", Why: "torn"})
				return err
			}(), postproof.CodeNotFound, "no job has this key"},
			"pause a vendor": {func() error {
				_, err := c.Pause(ctx, client.VendorTarget("lob"), client.Actor{By: "ann", Why: "x"})
				return err
			}(), postproof.CodeNotFound, names},
			"pause no vendor": {func() error {
				_, err := c.Pause(ctx, client.VendorTarget(""), client.Actor{By: "ann", Why: "x"})
				return err
			}(), postproof.CodeInvalidArgument, "the target has no name"},
			"end no stop":   {c.EndVendorStop(""), postproof.CodeNotFound, "the vendor has no name: " + names},
			"audit":         {func() error { _, err := c.Audit(ctx, "lob", time.Time{}); return err }(), postproof.CodeNotFound, names},
			"control":       {func() error { _, err := c.SendControl(ctx, "lob", job("b"), client.Actor{By: "ann"}); return err }(), postproof.CodeNotFound, names},
			"undeliverable": {func() error { _, err := c.ImportUndeliverable(ctx, "lob", time.Time{}); return err }(), postproof.CodeNotFound, names},
			"no version": {func() error {
				_, err := c.Cancel(ctx, "stopped", client.Actor{By: "ann"}, client.Condition{})
				return err
			}(), postproof.CodeInvalidArgument, "IfUnchanged of no version"},
			"approve nothing": {c.Approve(ctx, "", client.Actor{By: "ann"}), postproof.CodeInvalidArgument, "WithCanary"},
			"no such replay":  {c.PauseReplay(ctx, "night", client.Actor{By: "ann", Why: "x"}), postproof.CodeNotFound, "Replays lists them"},
			"run of no replay": {func() error {
				_, err := c.RunReplay(ctx, client.ReplayPlan{}, client.Actor{By: "ann"}, client.ReplayOptions{})
				return err
			}(), postproof.CodeInvalidArgument, "the name is missing"},
		} {
			checkMistake(t, what, tt.err, tt.code, tt.say)
			if tt.err != nil && strings.Contains(tt.err.Error(), "none") {
				t.Errorf("%s: the key is in the error: %v", what, tt.err)
			}
		}
		// A client that was closed has given its spool back: an answer could be lost.
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		checkMistake(t, "submit after Close", submit(ctx, job("late")), postproof.CodeUnavailable, "the client was closed")
		_, err := c.Drain(ctx)
		checkMistake(t, "drain after Close", err, postproof.CodeUnavailable, "the client was closed")
		if _, err := c.Status(ctx, "stopped"); err != nil {
			t.Errorf("status after Close: %v", err)
		}
	})
}

// A job without a piece, or with one that is given by a pointer, is rejected by whoever
// is handed it, and takes down neither the program nor the jobs beside it.
func TestJobWithoutAPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, piece := range map[string]postproof.Piece{"none": nil, "a pointer": (*postproof.Postcard)(nil), "no artwork": postproof.Postcard{Size: postproof.Size4x6()}} {
			alpha := newPress(t, "alpha", postproof.IdempotencyKey)
			c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{alpha})
			bad := job("bad")
			bad.Piece = piece
			out, err := c.Enqueue(t.Context(), these(job("a"), bad, job("b")))
			if err != nil || out.New != 2 || out.Rejected != 1 || postproof.CodeOf(out.Rejections[0].Err) != postproof.CodeInvalidArgument {
				t.Errorf("%s: Enqueue = %+v, %v; want one rejected", name, out, err)
			}
			_, err = c.Submit(t.Context(), bad)
			checkMistake(t, name+": submit", err, postproof.CodeInvalidArgument, "piece")
			_, err = c.SendControl(t.Context(), "alpha", bad, client.Actor{By: "ann"})
			checkMistake(t, name+": control", err, postproof.CodeInvalidArgument, "piece")
			bad.Key = "a"
			_, err = c.Amend(t.Context(), bad, client.Actor{By: "ann"})
			checkMistake(t, name+": amend", err, postproof.CodeInvalidArgument, "piece")
		}
	})
}

// A worker whose client was closed under it ends, and says so: it would go on sending
// beside those to whom it has given its share of the vendor's rate.
func TestRunEndsWithItsClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		c, other := newClient(t, store, []*press{alpha}), newClient(t, store, []*press{alpha})
		ran := make(chan error, 1)
		go func() { ran <- c.Run(t.Context()) }()
		time.Sleep(time.Minute)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Enqueue(t.Context(), these(job("a"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		select {
		case err := <-ran:
			checkMistake(t, "run of a closed client", err, postproof.CodeUnavailable, "the client was closed")
		default:
			t.Error("it goes on")
		}
		if n := len(alpha.times); n != 0 {
			t.Errorf("%d submissions after Close, want none", n)
		}
	})
}

// Artwork that was never stored, or that was lost, is found out before anything is
// sent: half a request would be a doubt.
func TestMissingArtworkIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha := newPress(t, "alpha", postproof.IdempotencyNone)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{alpha})
		file := postproof.File{Blob: postproof.Blob{Digest: strings.Repeat("a", 64), Size: 3}}
		j := job("a")
		j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.PDF{Front: file, Back: file}}
		rec, err := c.Submit(t.Context(), j)
		checkMistake(t, "a blob that was never put", err, postproof.CodeConflict, "PutArtwork", "missing or broken")
		if rec == nil || rec.State != idempotency.Held || len(alpha.times) != 0 {
			t.Fatalf("%v, %d submissions arrived; want it held, and none", rec, len(alpha.times))
		}
		// With the artwork there it goes out.
		blob, err := c.PutArtwork(t.Context(), strings.NewReader("%PDF-1.7"))
		if err != nil {
			t.Fatal(err)
		}
		file.Blob = blob
		j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.PDF{Front: file, Back: file}}
		if _, err := c.Amend(t.Context(), j, client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Drain(t.Context()); err != nil || alpha.alive() != 1 {
			t.Errorf("Drain: %v, %d printed, want 1", err, alpha.alive())
		}
		// So it does when the very file is put there afterwards.
		const late = "%PDF-1.4"
		sum := sha256.Sum256([]byte(late))
		file.Blob = postproof.Blob{Digest: hex.EncodeToString(sum[:]), Size: int64(len(late))}
		k := job("b")
		k.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.PDF{Front: file, Back: file}}
		if rec, err := c.Submit(t.Context(), k); err == nil || rec.State != idempotency.Held {
			t.Fatalf("a blob that comes later: %v, %v", rec, err)
		}
		if _, err := c.PutArtwork(t.Context(), strings.NewReader(late)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Release(t.Context(), "b", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Drain(t.Context()); err != nil || alpha.alive() != 2 {
			t.Errorf("Drain after the release: %v, %d printed, want 2", err, alpha.alive())
		}
	})
}

// Who asks for a date that the vendor does not take yet is told why the job waits.
func TestJobThatWaitsSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha := newPress(t, "alpha", postproof.IdempotencyKey)
		alpha.tune = func(c *postproof.Capabilities) { c.Limits.SendAhead = 30 * 24 * time.Hour }
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{alpha})
		j := job("a")
		j.SendDate = time.Now().Add(60 * 24 * time.Hour)
		rec, err := c.Submit(t.Context(), j)
		checkMistake(t, "a date far ahead", err, postproof.CodeUnavailable, "alpha", "only 720h0m0s ahead")
		if rec == nil || rec.State != idempotency.Planned {
			t.Errorf("%v, want it planned", rec)
		}
	})
}

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

// A worker whose store was closed, or whose file is another one now, ends: waiting, as
// for a ledger that is away, would be for ever.
func TestRunEndsWhereWaitingIsForNothing(t *testing.T) {
	t.Parallel()
	for _, ends := range []struct {
		name  string
		do    func(store *sqlite.Store, path string) error
		want  error
		hints string
	}{
		{"closed", func(s *sqlite.Store, _ string) error { return s.Close() }, idempotency.ErrClosed, "let what uses it end before Close"},
		{"the marker is gone", func(_ *sqlite.Store, path string) error { return os.Remove(path + "-epoch") }, idempotency.ErrReopen, "close the store and open it again"},
		{"the file is gone", func(_ *sqlite.Store, path string) error { return os.Remove(path) }, idempotency.ErrReopen, "close the store and open it again"},
	} {
		t.Run(ends.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ledger.db")
			store, err := sqlite.Open(t.Context(), path, sqlite.WithMode(postproof.ModeTest))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			alpha := newPress(t, "alpha", postproof.IdempotencyKey)
			runs := make(chan struct{}, 10)
			alpha.faults(func(string, string, int) string { runs <- struct{}{}; return "" })
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			c := newClient(t, store, []*press{alpha}, client.WithLogger(slog.New(endsAt{"waiting", cancel})))
			done := make(chan error, 1)
			if _, err := c.Enqueue(ctx, these(job("a"))); err != nil {
				t.Fatal(err)
			}
			go func() { done <- c.Run(ctx) }()
			<-runs // it is under way
			if err := ends.do(store, path); err != nil {
				t.Fatal(err)
			}
			err = <-done
			if !errors.Is(err, ends.want) || !strings.Contains(err.Error(), ends.hints) {
				t.Errorf("Run = %v, want %v", err, ends.want)
			}
		})
	}
}

// An error is one line, however many vendors have something to say.
func TestErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha, beta := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{alpha, beta})
		j := job("a")
		j.Class = postproof.Certified
		_, err := c.Submit(t.Context(), j)
		checkMistake(t, "a class that nobody has", err, postproof.CodeUnsupported, "alpha: ", "; beta: ")
		ctx, cancel := context.WithCancelCause(t.Context())
		alpha.faults(func(op, _ string, _ int) string {
			cancel(errors.New("the caller has gone"))
			return "drop"
		})
		_, gone := c.Submit(ctx, job("b"))
		for _, err := range []error{err, gone} {
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q, want one line", err)
			}
		}
		if n := strings.Count(gone.Error(), "the caller has gone"); n == 0 || !errors.Is(gone, context.Cause(ctx)) {
			t.Errorf("%q does not say why the call ended", gone)
		}
	})
}
