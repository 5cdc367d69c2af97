package sqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

func TestReplacedWhileOpen(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(t *testing.T, db string){
		"moved over":  func(t *testing.T, db string) { t.Helper(); move(t, db, db+".bak") },
		"removed":     func(t *testing.T, db string) { t.Helper(); remove(t, db) },
		"moved aside": func(t *testing.T, db string) { t.Helper(); move(t, db+".old", db) },
		// Who opens the database after this process was killed looks for another log.
		"the log is removed": func(t *testing.T, db string) { t.Helper(); remove(t, db+"-wal") },
		"the log is another": func(t *testing.T, db string) {
			t.Helper()
			writeFile(t, db+".log", readFile(t, db+"-wal"))
			move(t, db+"-wal", db+".log")
		},
		// The next one to open makes another marker, and what this one notes nobody
		// reads: a backup that is restored after that would not be noticed.
		"the marker is removed": func(t *testing.T, db string) { t.Helper(); remove(t, db+"-epoch") },
		"the marker is made anew": func(t *testing.T, db string) {
			t.Helper()
			remove(t, db+"-epoch")
			once(t, db, func(*sqlite.Store) {})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := filepath.Join(t.TempDir(), "ledger.db")
			s := openStore(t, db)
			write(t, s, 2)
			vacuumInto(t, db, db+".bak")
			replace(t, db)
			err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}})
			if !errors.Is(err, sqlite.ErrReplaced) {
				t.Errorf("Commit = %v, want ErrReplaced", err)
			}
			if !strings.HasPrefix(name, "the log") {
				return
			}
			// What the error says to do: what is in the open log is saved.
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			once(t, db, func(s *sqlite.Store) {
				if n, err := s.Counter(t.Context(), "n"); n != 2 || err != nil {
					t.Errorf("the counter is %d, %v after the store was closed, want the 2 that were acknowledged", n, err)
				}
			})
		})
	}
}

// TestStaleLog puts an older database file back beside the log of a newer one:
// SQLite would mix them.
func TestStaleLog(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "ledger.db")
	child := startChild(t, db, "write-then-wait")
	child.waitFor(t, "ready")
	vacuumInto(t, db, db+".bak")
	child.say(t, "checkpoint")
	child.waitFor(t, "written")
	child.kill(t)
	copyInto(t, db, db+".bak")
	s, err := sqlite.Open(t.Context(), db)
	if !errors.Is(err, idempotency.ErrCorrupt) {
		if err == nil {
			err = s.Close()
		}
		t.Fatalf("Open = %v, want ErrCorrupt", err)
	}
	if !strings.Contains(err.Error(), "-wal") {
		t.Errorf("%v: it does not say what to remove", err)
	}
}
