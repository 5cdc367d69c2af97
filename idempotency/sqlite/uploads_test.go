package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
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
