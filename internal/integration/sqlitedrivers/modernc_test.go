// Package sqlitedrivers runs the store's suite on SQLite drivers other than
// the default one: the store must depend on SQLite, not on a driver.
package sqlitedrivers

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite" // registers "sqlite"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/idempotency/storetest"
	"github.com/postproof/postproof/internal/plant"
)

func TestModernc(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		t.Helper()
		path := filepath.Join(t.TempDir(), "ledger.db")
		open := func() (idempotency.Engine, error) { return openStore(t, path), nil }
		return storetest.Harness{
			Engine: openStore(t, path), Reopen: open, Second: open,
			Plant: func(ctx context.Context, r *idempotency.Record) error { return plant.SQLite(ctx, openDB(t, path), r) },
		}
	})
}

// TestOneDriverAfterTheOther: the file belongs to neither. At the same time in
// one process they cannot work on it: one locks by process, the other by file.
func TestOneDriverAfterTheOther(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		t.Helper()
		path := filepath.Join(t.TempDir(), "ledger.db")
		db := openDB(t, path)
		first, err := sqlite.New(t.Context(), db, sqlite.WithMode(postproof.ModeTest))
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, first.Close)
		return storetest.Harness{
			Engine: first,
			Reopen: func() (idempotency.Engine, error) {
				if err := errors.Join(first.Close(), db.Close()); err != nil {
					return nil, err
				}
				s, err := sqlite.Open(t.Context(), path)
				if err != nil {
					return nil, err
				}
				closeAtEnd(t, s.Close)
				return s, nil
			},
			Plant: func(ctx context.Context, r *idempotency.Record) error { return plant.SQLite(ctx, db, r) },
		}
	})
}

func closeAtEnd(t *testing.T, end func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

func openDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(120000)")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, db.Close)
	return db
}

func openStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	// SQLite's write lock is not fair, and this driver is slow under the race
	// detector: two stores at work without a pause may keep each other out for long.
	s, err := sqlite.New(t.Context(), openDB(t, path), sqlite.WithMode(postproof.ModeTest), sqlite.WithBusyTimeout(2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, s.Close)
	return s
}
