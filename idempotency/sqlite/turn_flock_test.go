//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// TestTurnIsACourtesy: a process that is frozen while it has the turn does not
// stop the others.
func TestTurnIsACourtesy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openStore(t, path, sqlite.WithBusyTimeout(100*time.Millisecond))
	frozen, err := os.Open(path + "-epoch")
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	if err := syscall.Flock(int(frozen.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	intent, _ := submission("job")
	if err := idempotency.CommitOne(t.Context(), s, intent); err != nil {
		t.Errorf("Commit = %v, while nobody has the write lock", err)
	}
}
