package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// The client finds the folder by this method: without it an answer that the
// ledger cannot take is kept in memory only.
func TestSpoolIsBesideTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mail.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.SpoolDir(); got != want+"-spool" {
		t.Errorf("SpoolDir() = %q, want %q", got, want+"-spool")
	}
	looking, err := sqlite.Open(t.Context(), path, sqlite.WithReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer looking.Close()
	if got := looking.SpoolDir(); got != "" {
		t.Errorf("open for reading only, SpoolDir() = %q, want none", got)
	}
}
