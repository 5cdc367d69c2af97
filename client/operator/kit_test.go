package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
)

// world is a ledger with a worker, and the command beside it.
type world struct {
	store     client.Store
	printers  []*printer
	worker    *client.Client
	snapshots snapshot.Store
	// stdin is what somebody at the terminal types; nobody is there when it is
	// empty.
	stdin string
	// piped: what stands in stdin was typed by nobody.
	piped bool
	by    string
	// price is what a piece costs at each vendor; more are options of the command.
	price func(*postproof.Job) int64
	more  []client.Option
}

func newWorld(t *testing.T, store client.Store, printers []*printer, opts ...client.Option) *world {
	t.Helper()
	w := &world{store: store, printers: printers, by: "ann"}
	all := append(w.ways(), client.WithLogger(slog.New(slog.DiscardHandler)), client.WithOwner("worker-1"), client.WithConcurrency(1))
	var err error
	if w.worker, err = client.New(t.Context(), store, w.adapters(), append(all, opts...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.worker.Close() })
	return w
}

func (w *world) ways() []client.Option {
	var all []client.Option
	for _, p := range w.printers {
		all = append(all, client.WithVendor(p.name, client.VendorConfig{
			Transport: retry.TransportConfig{DialContext: p.dial}, Retry: retry.Config{MaxAttempts: 1}, Price: w.price,
		}))
	}
	return all
}

func (w *world) adapters() []vendors.Adapter {
	var all []vendors.Adapter
	for _, p := range w.printers {
		all = append(all, p.adapter())
	}
	return all
}

// result is what a call of the command came to.
type result struct {
	code     int
	out, err string
}

func (w *world) run(t *testing.T, args ...string) result {
	t.Helper()
	return w.runIn(t.Context(), args...)
}

func (w *world) runIn(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	cfg := operator.Config{
		Args: args, Stdin: strings.NewReader(w.stdin), Interactive: w.stdin != "" && !w.piped, Stdout: &out, Stderr: &errs, By: w.by,
		Store: w.store, Where: func() string { return "test.db" }, Options: append(w.ways(), w.more...),
		Vendors: func(context.Context, postproof.Mode) ([]vendors.Adapter, error) { return w.adapters(), nil },
	}
	if w.snapshots != nil {
		cfg.Snapshots = func(context.Context) (snapshot.Store, error) { return w.snapshots, nil }
	}
	code := operator.Main(ctx, cfg)
	return result{code, out.String(), errs.String()}
}

// must runs a command that has to end with the code given.
func (w *world) must(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := w.run(t, args...)
	if r.code != code {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// objects decodes an answer in JSON, a line each.
func (r result) objects(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(r.out) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("no JSON object: %s", line)
		}
		all = append(all, one)
	}
	return all
}

// person is what no output may show.
const person = "MARK"

// job has a person in every field that may hold one.
func job(n int) postproof.Job {
	return postproof.Job{
		Key: postproof.Key(fmt.Sprintf("%s-key-%d", person, n)), Class: postproof.FirstClass, Campaign: "spring", Contact: fmt.Sprintf("c-%d", n),
		To:       postproof.Address{Name: person + " Twain", Company: person + " Inc", Line1: fmt.Sprintf("%d %s Street", n, person), City: person + "ville", Region: "IL", PostalCode: "62701"},
		Piece:    postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>" + person + "</b>", Back: "<b>back</b>"}},
		Metadata: map[string]string{"note": person},
	}
}

func jobs(from, n int) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		for i := range n {
			if !yield(job(from+i), nil) {
				return
			}
		}
	}
}

func (w *world) enqueue(t *testing.T, from, n int) {
	t.Helper()
	if out, err := w.worker.Enqueue(t.Context(), jobs(from, n)); err != nil || out.New != int64(n) {
		t.Fatalf("Enqueue = %+v, %v", out, err)
	}
}

// enqueueJob hands one job in, for the worker to send.
func (w *world) enqueueJob(t *testing.T, j postproof.Job) {
	t.Helper()
	if out, err := w.worker.Enqueue(t.Context(), client.JobList(j)); err != nil || out.New != 1 {
		t.Fatalf("Enqueue = %+v, %v", out, err)
	}
}

// submit hands a job in, now; the error is what the ledger says of it, too.
func (w *world) submit(t *testing.T, j postproof.Job) {
	t.Helper()
	if rec, err := w.worker.Submit(t.Context(), j); rec == nil {
		t.Fatal(err)
	}
}

func (w *world) drain(t *testing.T) client.Depth {
	t.Helper()
	left, err := w.worker.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func idOf(n int) string { return string(idempotency.IDOf(job(n).Key)) }

var anyRef = regexp.MustCompile(`\b[0-9A-Z]{16}\b`)

var seconds = regexp.MustCompile(`(\d\d:\d\d):\d\d(\.\d+)?`)

// golden compares with a file; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = anyRef.ReplaceAllString(got, "REFERENCE0000000")
	got = seconds.ReplaceAllString(got, "$1:00") // how long waits last depends on who is quicker
	path := filepath.Join("testdata", name+".txt")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
