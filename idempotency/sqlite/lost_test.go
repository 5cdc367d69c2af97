package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// TestLostDatabaseKeepsItsLog: what was written last is in the log, and the engine
// deletes a log beside which it finds no database. Whoever is told to put the database
// back must have the log to put it beside.
func TestLostDatabaseKeepsItsLog(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T, db string) (*sqlite.Store, error){
		"open": func(t *testing.T, db string) (*sqlite.Store, error) {
			t.Helper()
			return sqlite.Open(t.Context(), db, sqlite.WithMode(postproof.ModeTest))
		},
		"open for reading": func(t *testing.T, db string) (*sqlite.Store, error) {
			t.Helper()
			return sqlite.Open(t.Context(), db, sqlite.WithReadOnly())
		},
		"new": func(t *testing.T, db string) (*sqlite.Store, error) {
			t.Helper()
			return sqlite.New(t.Context(), raw(t, db), sqlite.WithMode(postproof.ModeTest))
		},
	} {
		for _, emptied := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", emptied: ", emptied), func(t *testing.T) {
				t.Parallel()
				db := filepath.Join(t.TempDir(), "ledger.db")
				child := startChild(t, db, "write-then-wait")
				child.waitFor(t, "ready")
				child.say(t, "write")
				child.waitFor(t, "written")
				child.kill(t)
				before := counted(t, db)
				child = startChild(t, db, "write-then-wait")
				child.waitFor(t, "ready")
				child.kill(t)
				move(t, db+".aside", db)
				if emptied {
					writeFile(t, db, nil)
				}
				for range 2 {
					s, err := open(t, db)
					if err == nil {
						_ = s.Close()
						t.Fatal("a database that is gone was opened")
					}
					if name == "open" && postproof.CodeOf(err) != postproof.CodeConflict {
						t.Errorf("Open = %v, want %s", err, postproof.CodeConflict)
					}
				}
				move(t, db, db+".aside")
				once(t, db, func(s *sqlite.Store) {
					if id := identity(t, s); id.EpochChanged() {
						t.Error("what came back is another history")
					}
				})
				if after := counted(t, db); after <= before {
					t.Errorf("counter = %d, was %d before the last process wrote", after, before)
				}
			})
		}
	}
}

// counted is what the children have counted.
func counted(t *testing.T, db string) (n int64) {
	t.Helper()
	once(t, db, func(s *sqlite.Store) {
		var err error
		if n, err = s.Counter(t.Context(), "n"); err != nil {
			t.Fatal(err)
		}
	})
	return n
}
