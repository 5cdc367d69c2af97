package sqlite_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency/sqlite"
)

// TestUploadsOfKilledProcesses: what is left of an upload is artwork, which may be
// one person's, under a name that nothing refers to.
func TestUploadsOfKilledProcesses(t *testing.T) {
	t.Parallel()
	for name, sweep := range map[string]func(t *testing.T, path string, scrub func()){
		"open":  func(t *testing.T, path string, _ func()) { t.Helper(); openStore(t, path) },
		"scrub": func(t *testing.T, _ string, scrub func()) { t.Helper(); scrub() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ledger.db")
			s := openStore(t, path)
			leave := func(name string, age time.Duration) {
				t.Helper()
				file := filepath.Join(path+"-blobs", name)
				if err := os.WriteFile(file, []byte("<b>For Ada-Quill</b>"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(file, time.Time{}, time.Now().Add(-age)); err != nil {
					t.Fatal(err)
				}
			}
			leave(".new-1", 2*time.Hour)
			leave(".new-2", 30*time.Minute) // of a process that may be at it
			leave("of somebody else", 2*time.Hour)
			sweep(t, path, func() {
				if err := s.Scrub(t.Context(), false); err != nil {
					t.Fatal(err)
				}
			})
			entries, err := os.ReadDir(path + "-blobs")
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, e := range entries {
				left = append(left, e.Name())
			}
			if len(left) != 2 || left[0] != ".new-2" || left[1] != "of somebody else" {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestUploadThatCannotBeDeleted: what is left of an upload stops no mail. Who opens the
// ledger is told where it lies, and an erasure is not said to be complete.
func TestUploadThatCannotBeDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := openStore(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(path+"-blobs", ".new-1")
	if err := os.MkdirAll(filepath.Join(left, "a folder that is not empty is not deleted"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(left, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := openStore(t, path, sqlite.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if !strings.Contains(log.String(), left) || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("the log says %q, want one line with the file", log.String())
	}
	if _, err := s.PutBlob(t.Context(), strings.NewReader("artwork")); err != nil {
		t.Errorf("PutBlob: %v", err)
	}
	if err := s.Scrub(t.Context(), false); err == nil || !strings.Contains(err.Error(), ".new-1") {
		t.Errorf("Scrub = %v, want the file that is left", err)
	}
}
