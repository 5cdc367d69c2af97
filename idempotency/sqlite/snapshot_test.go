package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/postproof/postproof/idempotency/sqlite"
)

// A disk that is set back to a snapshot takes database and marker back
// together. What the package documentation says to do then, and only that,
// makes the ledger ask for a recovery.
func TestSnapshotOfTheWholeDisk(t *testing.T) {
	t.Parallel()
	for name, procedure := range map[string]bool{"as it is": false, "the marker is removed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "ledger.db")
			files := []string{path, path + "-epoch"}
			once(t, path, func(s *sqlite.Store) { write(t, s, 3) })
			for _, f := range files {
				copyInto(t, filepath.Join(dir, "snapshot-"+filepath.Base(f)), f)
			}
			once(t, path, func(s *sqlite.Store) { write(t, s, 3) })
			for _, f := range files {
				copyInto(t, f, filepath.Join(dir, "snapshot-"+filepath.Base(f)))
			}
			if procedure {
				remove(t, path+"-epoch")
			}
			once(t, path, func(s *sqlite.Store) {
				if got := identity(t, s).EpochChanged(); got != procedure {
					t.Errorf("EpochChanged = %v, want %v", got, procedure)
				}
			})
		})
	}
}
