package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/idempotency/storetest"
	"github.com/postproof/postproof/internal/plant"
)

func TestStoreIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		t.Helper()
		path := filepath.Join(t.TempDir(), "ledger.db")
		first := openStore(t, path)
		open := func() (idempotency.Engine, error) { return openStore(t, path), nil }
		return storetest.Harness{
			Engine: first,
			// A second handle while the first one is still at work is the worst
			// that a crash leaves behind; the crash itself is in kill_test.go.
			Reopen:       open,
			Second:       open,
			Plant:        func(ctx context.Context, r *idempotency.Record) error { return plantAt(ctx, path, r) },
			BreakHistory: func(ctx context.Context) (string, error) { return breakHistory(ctx, path) },
			Spoil: func(b postproof.Blob) error {
				file := filepath.Join(path+"-blobs", b.Digest[:2], b.Digest)
				content, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				content[0] ^= 1
				return os.WriteFile(file, content, 0o600)
			},
			Damage: func(ctx context.Context, what idempotency.DamagedError) error { return damageAt(ctx, path, what) },
		}
	})
}

// damageAt damages a row past the store.
func damageAt(ctx context.Context, path string, what idempotency.DamagedError) error {
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	text, arg := "UPDATE records SET data = substr(data, 2) WHERE hex(id) = upper(?)", any(string(what.Record))
	switch {
	case what.Entry != 0:
		text, arg = "UPDATE entries SET data = substr(data, 2) WHERE seq = ?", int64(what.Entry)
	case what.Message%2 != 0:
		text, arg = `UPDATE messages SET header = '{"A:' WHERE id = ?`, int64(what.Message)
	case what.Message != 0: // a number that it cannot be
		text, arg = "UPDATE messages SET fence = -7 - fence WHERE id = ?", int64(what.Message)
	}
	done, err := db.ExecContext(ctx, text, arg)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%d rows were damaged, %w", n, err)
	}
	return nil
}

// openStore opens a ledger of mode test and closes it at the end.
func openStore(t *testing.T, path string, opts ...sqlite.Option) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, append([]sqlite.Option{sqlite.WithMode(postproof.ModeTest)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// raw opens the file past the store.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// breakHistory begins a new epoch while the ledger is open, as another process
// does that finds the file restored.
func breakHistory(ctx context.Context, path string) (string, error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return "", err
	}
	defer db.Close()
	const epoch = "00112233445566778899aabbccddeeff"
	_, err = db.ExecContext(ctx, "UPDATE ledger SET epoch = ?, commits = commits + 1", epoch)
	return epoch, err
}

// plantAt writes a row as a newer version would, which may claim it and prune it.
func plantAt(ctx context.Context, path string, r *idempotency.Record) error {
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	return plant.SQLite(ctx, db, r)
}

// unraced marks a long test with one caller: the race detector has nothing to find
// in it that it does not find in the suite, and makes SQLite itself many times as
// slow. The test is left out under it, and make test runs it once more without.
func unraced(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("one caller: run without the race detector")
	}
}
