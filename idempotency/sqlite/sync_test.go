package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// countedStore returns a ledger whose writes and syncs are counted.
func countedStore(tb testing.TB, path string) (*sqlite.Store, *countingVFS) {
	tb.Helper()
	files := newCountingVFS(tb)
	db := files.open(tb, path)
	s, err := sqlite.New(tb.Context(), db, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s, files
}

// TestSyncsOfALoneCaller: durable means one sync a transition, and not more.
func TestSyncsOfALoneCaller(t *testing.T) {
	t.Parallel()
	s, files := countedStore(t, filepath.Join(t.TempDir(), "ledger.db"))
	const jobs = 500
	before := files.syncs.Load()
	for i := range jobs {
		intent, result := submission(fmt.Sprint("job ", i))
		for _, c := range []idempotency.Change{intent, result} {
			if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	each := float64(files.syncs.Load()-before) / (2 * jobs)
	t.Logf("%.3f syncs a transition", each)
	if each < 1 || each > 1.05 {
		t.Errorf("%.3f syncs a transition, want 1, at most 1.05", each)
	}
}

// TestSyncsOfManyCallers: they share one.
func TestSyncsOfManyCallers(t *testing.T) {
	t.Parallel()
	s, files := countedStore(t, filepath.Join(t.TempDir(), "ledger.db"))
	const callers, jobs = 64, 30
	before := files.syncs.Load()
	var wg sync.WaitGroup
	for w := range callers {
		wg.Go(func() {
			for i := range jobs {
				intent, result := submission(fmt.Sprint("job ", w, "/", i))
				for _, c := range []idempotency.Change{intent, result} {
					if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	each := float64(files.syncs.Load()-before) / (2 * callers * jobs)
	t.Logf("%.3f syncs a transition", each)
	if each > 0.15 {
		t.Errorf("%.3f syncs a transition of %d callers, want a small part of one", each, callers)
	}
}

// TestSyncsOfNothing: looking for work that is not there costs no sync, nor
// does a change that may not be made.
func TestSyncsOfNothing(t *testing.T) {
	t.Parallel()
	s, files := countedStore(t, filepath.Join(t.TempDir(), "ledger.db"))
	intent, _ := submission("job")
	if err := idempotency.CommitOne(t.Context(), s, intent); err != nil {
		t.Fatal(err)
	}
	before := files.syncs.Load()
	for range 100 {
		if rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Limit: 10}); len(rs) > 0 || err != nil {
			t.Fatal(rs, err)
		}
		if err := idempotency.CommitOne(t.Context(), s, intent); err == nil {
			t.Fatal("created twice")
		}
		if n, err := s.Prune(t.Context(), intent.Record.CreatedAt, 10); n > 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	if n := files.syncs.Load() - before; n > 0 {
		t.Errorf("%d syncs for nothing", n)
	}
}
