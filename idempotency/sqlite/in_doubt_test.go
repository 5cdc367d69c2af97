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

// A transaction whose log was written, but could not be synced, is undone for this
// process. When that dies before the next one the log has it all the same: it comes
// true. So whoever was refused is told that nobody can say.
func TestRefusedCommitMayComeTrue(t *testing.T) {
	t.Parallel()
	unraced(t)
	for name, fault := range map[string]struct {
		code    error
		lasting bool
	}{
		"bad sector": {sqlite3.IOERR, false}, "dead": {sqlite3.IOERR, true}, "full for a moment": {sqlite3.FULL, false}, "full": {sqlite3.FULL, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cameTrue, doubted, refused := 0, 0, 0
			for n := 1; refused == n-1; n++ { // until each of the commit's changes of the disk has failed
				t.Run(fmt.Sprint("change ", n), func(t *testing.T) {
					path := filepath.Join(t.TempDir(), "ledger.db")
					s, files := faultyStore(t, path)
					if _, err := someWork(t, s, "before", 2); err != nil {
						t.Fatal(err)
					}
					files.fail(n, fault.code, fault.lasting, false)
					ch, _ := submission("during")
					err := idempotency.CommitOne(t.Context(), s, ch)
					files.repair()
					if err != nil {
						refused++
						if _, err := s.Get(t.Context(), ch.Record.ID); !errors.Is(err, idempotency.ErrNotFound) {
							t.Errorf("it was refused, and is there: %v", err)
						}
						inDoubt := errors.Is(err, idempotency.ErrInDoubt)
						if inDoubt {
							doubted++
						}
						dead := filepath.Join(t.TempDir(), "ledger.db") // as it is when the process dies now
						for _, suffix := range []string{"", "-wal", "-epoch"} {
							writeFile(t, dead+suffix, readFile(t, path+suffix))
						}
						once(t, dead, func(s *sqlite.Store) {
							if _, e := s.Get(t.Context(), ch.Record.ID); e != nil {
								return
							}
							if cameTrue++; !inDoubt {
								t.Errorf("it came true; the error was: %v", err)
							}
						})
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			// Of the changes of a disk that fails for good, the last one is the sync.
			if want := map[bool]int{true: 1}[fault.lasting]; cameTrue != want || refused < 8 || (doubted > 0) != fault.lasting {
				t.Errorf("of %d commits that were refused, %d in doubt, %d came true, want %d", refused, doubted, cameTrue, want)
			}
		})
	}
}
