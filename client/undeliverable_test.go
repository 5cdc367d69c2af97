package client_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/damaged"
	"github.com/postproof/postproof/vendors"
)

// listing is an adapter whose vendor lists what it could not deliver.
type listing struct {
	*pressAdapter

	mu    sync.Mutex
	lines []*vendors.Order
	err   error
	since []time.Time
}

func (l *listing) ListUndeliverable(_ context.Context, _ vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
	return func(yield func(*vendors.Order, error) bool) {
		l.mu.Lock()
		l.since = append(l.since, since)
		lines, err := l.lines, l.err
		l.mu.Unlock()
		for _, o := range lines {
			if !yield(o, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (l *listing) list(err error, ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.lines = err, nil
	for _, id := range ids {
		l.lines = append(l.lines, &vendors.Order{
			Receipt: postproof.Receipt{Vendor: l.p.name, VendorID: id}, Dead: true,
			Status: postproof.Status{Stage: postproof.StageFailed, Raw: "failed", Reason: "the address is undeliverable"},
		})
	}
}

func (l *listing) reads() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since
}

func newListing(t *testing.T, store client.Store, presses ...*press) (*client.Client, *listing) {
	t.Helper()
	return newListingWith(t, store, presses)
}

func newListingWith(t *testing.T, store client.Store, presses []*press, more ...client.Option) (*client.Client, *listing) {
	t.Helper()
	l := &listing{pressAdapter: presses[0].adapter()}
	all := append([]vendors.Adapter{l}, adaptersOf(presses[1:]...)...)
	opts := []client.Option{client.WithLogger(quiet()), rarely()}
	for _, p := range presses {
		opts = append(opts, client.WithVendor(p.name, vendorConfig(p, nil)))
	}
	c, err := client.New(t.Context(), store, all, append(opts, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, l
}

// What a vendor could not deliver is found by its list, long before the next
// poll, and goes on like everything that failed late.
func TestUndeliverableIsImported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.poll, b.poll = 12*time.Hour, 12*time.Hour
		a.tune = func(c *postproof.Capabilities) {
			c.Callbacks = postproof.Callbacks{Auth: postproof.CallbackSigned, Patience: map[postproof.Stage]time.Duration{postproof.StageAccepted: 240 * time.Hour}}
		}
		c, l := newListing(t, idempotency.NewMemory(postproof.ModeTest), a, b)
		for _, key := range []string{"a", "b"} {
			if _, err := c.Submit(t.Context(), job(key)); err != nil {
				t.Fatal(err)
			}
		}
		runFor(t, c, time.Hour) // the first import lists nothing
		l.list(nil, "alpha_1", "somebody's", "alpha_1")
		runFor(t, c, 10*time.Hour)
		if rec := status(t, c, "a"); rec.Receipt.Vendor != "alpha" {
			t.Fatalf("imported before its time: %v", rec)
		}
		runFor(t, c, 2*time.Hour)
		rec := status(t, c, "a")
		if rec.Receipt.Vendor != "beta" || rec.Generation != 2 || rec.Submissions[0].Fate != idempotency.FateFailed {
			t.Errorf("the undeliverable piece: %v, %+v", rec, rec.Receipt)
		}
		if rec := status(t, c, "b"); rec.Receipt.Vendor != "alpha" || rec.Generation != 1 {
			t.Errorf("the other piece: %v", rec)
		}
		dead := 0
		runFor(t, c, 48*time.Hour) // the same list again and again
		for _, kind := range kinds(t, c, "a") {
			if kind == "dead" {
				dead++
			}
		}
		if dead != 1 {
			t.Errorf("its death is told %d times", dead)
		}
	})
}

// After the vendor's key was rotated the list is read on from where it was, not from
// the beginning.
func TestImportGoesOnAfterARotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := idempotency.NewMemory(postproof.ModeTest)
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = 12 * time.Hour
		c, _ := newListing(t, store, p)
		runFor(t, c, time.Hour)
		former := fingerprint(p)
		p.key = "new"
		c, l := newListingWith(t, store, []*press{p}, rotated(p, former))
		began := time.Now()
		runFor(t, c, 13*time.Hour)
		if all := l.reads(); len(all) == 0 || all[0].Before(began.Add(-4*24*time.Hour)) {
			t.Errorf("read since %v, want three days behind the last time", all)
		}
	})
}

// slowSettings is a ledger from which two processes read the same.
type slowSettings struct{ *idempotency.Memory }

func (s slowSettings) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	set, err := s.Memory.Setting(ctx, name)
	time.Sleep(10 * time.Millisecond)
	return set, err
}

// One process of many imports, at the pace of the vendor's polls; what could not
// be read is read again soon, from where the last whole list began.
func TestImportsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := slowSettings{idempotency.NewMemory(postproof.ModeTest)}
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = 12 * time.Hour
		one, l := newListing(t, store, p)
		two, m := newListing(t, store, p)
		began := time.Now()
		both := func(d time.Duration) {
			var work sync.WaitGroup
			for _, c := range []*client.Client{one, two} {
				work.Go(func() { runFor(t, c, d) })
			}
			work.Wait()
		}
		both(time.Hour)
		if n := len(l.reads()) + len(m.reads()); n != 1 {
			t.Fatalf("read %d times at the start, want once", n)
		}
		failing := postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, errors.New("down"))
		l.list(failing)
		m.list(failing)
		both(12 * time.Hour) // fails from the twelfth hour on
		l.list(nil)
		m.list(nil)
		both(36 * time.Hour)
		var hours []float64
		for _, since := range append(l.reads(), m.reads()...) {
			hours = append(hours, since.Sub(began).Round(time.Hour).Hours())
		}
		got := map[float64]int{}
		for _, h := range hours {
			got[h]++
		}
		// First 30 days back; then three days behind the last that was whole.
		if got[-30*24] != 1 || got[-72] < 3 || got[-72] > 5 || got[-72+13] != 1 || got[-72+25] != 1 {
			t.Errorf("read since %v hours", got)
		}
	})
}

func TestImportUndeliverable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		c, l := newListing(t, idempotency.NewMemory(postproof.ModeTest), a, b)
		if _, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Fatal(err)
		}
		failing := postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, errors.New("down"))
		l.list(failing, "alpha_1", "somebody's")
		got, err := c.ImportUndeliverable(t.Context(), "alpha", time.Time{})
		if diff := cmp.Diff(client.Imported{Listed: 2, New: 1, Foreign: 1}, got); diff != "" || postproof.CodeOf(err) != postproof.CodeUnavailable {
			t.Errorf("%v, (-want +got)\n%s", err, diff)
		}
		if rec := status(t, c, "a"); rec.State != idempotency.Planned || rec.Generation != 2 {
			t.Errorf("what came before the error is lost: %v", rec)
		}
		l.list(nil, "alpha_1")
		got, err = c.ImportUndeliverable(t.Context(), "alpha", time.Time{})
		if diff := cmp.Diff(client.Imported{Listed: 1}, got); diff != "" || err != nil {
			t.Errorf("again: %v, (-want +got)\n%s", err, diff)
		}
		if _, err := c.ImportUndeliverable(t.Context(), "beta", time.Time{}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a vendor without a list: %v", err)
		}
		if _, err := c.ImportUndeliverable(t.Context(), "gamma", time.Time{}); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("a vendor that is not there: %v", err)
		}
	})
}

// What was imported into a ledger that was lost is not marked as imported in the
// one that was restored: it has to be read again.
func TestImportAcrossARestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const prefix = "undeliverable/"
		s, p := newShaky(), newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = 12 * time.Hour
		c, l := newListing(t, s, p)
		marks := 0
		s.before = func(changes []idempotency.Change) error {
			if w := changes[0].Settings; len(w) == 1 && strings.HasPrefix(w[0].Name, prefix) {
				if marks++; marks == 2 { // the list was read, and is about to be over
					restore(s)
				}
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_ = c.Run(ctx)
		if marks != 2 || len(l.reads()) != 1 {
			t.Fatalf("%d marks, read %d times", marks, len(l.reads()))
		}
		for set, err := range s.Settings(t.Context(), prefix) {
			if err != nil || set.Version != 1 {
				t.Errorf("the mark is %s in version %d, %v: want that of the beginning", set.Value, set.Version, err)
			}
		}
	})
}

// One line that cannot be applied, because the record is damaged or the line names
// another piece by our id, keeps no line behind it from being applied, however often the
// list is read.
func TestImportGoesOnBehindALineThatCannotBeApplied(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*damaged.Store, *listing){
		"a damaged record": func(s *damaged.Store, _ *listing) { s.Record("a") },
		"another piece":    func(_ *damaged.Store, l *listing) { l.lines[0].Receipt.Ref = "SOMEBODYELSES123" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, p := damaged.New(), newPress(t, "alpha", postproof.IdempotencyKey)
				c, l := newListing(t, s, p)
				for _, key := range []string{"a", "b"} {
					if _, err := c.Submit(t.Context(), job(key)); err != nil {
						t.Fatal(err)
					}
				}
				l.list(nil, "alpha_1", "alpha_2")
				spoil(s, l)
				got, err := c.ImportUndeliverable(t.Context(), "alpha", time.Time{})
				if err != nil || got.Listed != 2 || got.New != 1 || got.Foreign+got.Damaged != 1 {
					t.Errorf("%+v, %v; want the second line applied", got, err)
				}
				if rec := status(t, c, "b"); rec.Submissions[0].Fate != idempotency.FateFailed {
					t.Errorf("the line behind is lost: %v", rec)
				}
			})
		})
	}
}
