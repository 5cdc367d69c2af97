package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// TestRememberedPlaces: what the writer remembers of a record counts only while
// nobody else has written to the file.
func TestRememberedPlaces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openStore(t, path)
	intent, result := submission("job")
	if err := idempotency.CommitOne(t.Context(), s, intent); err != nil {
		t.Fatal(err)
	}
	// Somebody mends the record by hand, and knows nothing of the store's books.
	if _, err := raw(t, path).ExecContext(t.Context(), "UPDATE records SET fence = 5"); err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), s, result); !errors.Is(err, idempotency.ErrStale) {
		t.Errorf("Commit = %v, want ErrStale", err)
	}
}

// TestPlacesOfAnUndoneTransaction: what was not made is not remembered.
func TestPlacesOfAnUndoneTransaction(t *testing.T) {
	t.Parallel()
	s, files := faultyStore(t, filepath.Join(t.TempDir(), "ledger.db"))
	intent, result := submission("job")
	if err := idempotency.CommitOne(t.Context(), s, intent); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 4; n++ { // until the disk takes it as a whole
		files.fail(n, sqlite3.FULL, true, false)
		err := idempotency.CommitOne(t.Context(), s, result)
		files.repair()
		if err == nil {
			t.Fatalf("change %d of a full disk was made", n)
		}
		if errors.Is(err, idempotency.ErrStale) {
			t.Fatalf("change %d: %v, want what the disk says", n, err)
		}
	}
	if err := idempotency.CommitOne(t.Context(), s, result); err != nil {
		t.Errorf("Commit after the fault = %v", err)
	}
}

// TestManyPlaces: the writer forgets the oldest, and looks again.
func TestManyPlaces(t *testing.T) {
	t.Parallel()
	unraced(t)
	s := openStore(t, filepath.Join(t.TempDir(), "ledger.db"))
	const jobs = 10_000
	intents, results := make([]idempotency.Change, jobs), make([]idempotency.Change, jobs)
	for i := range jobs {
		intents[i], results[i] = submission(fmt.Sprint("job ", i))
	}
	for _, changes := range [][]idempotency.Change{intents, results} {
		if errs, err := s.Commit(t.Context(), changes); errs != nil || err != nil {
			t.Fatal(errs, err)
		}
	}
	if n := sqlite.Remembered(s); n > 9000 {
		t.Errorf("%d records are remembered", n)
	}
}
