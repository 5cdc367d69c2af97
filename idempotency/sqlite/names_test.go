package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// TestFileWithTwoNames: two programs that open one file by two names would have a
// log each, and each would overwrite what the other one has acknowledged.
func TestFileWithTwoNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "ledger.db"), filepath.Join(dir, "other.db")
	first, err := sqlite.Open(t.Context(), path, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, first, create(t, "job"))
	if err := os.Link(path, other); err != nil {
		needsLinks(t, err)
	}
	for _, name := range []string{path, other} {
		for _, opts := range [][]sqlite.Option{{sqlite.WithMode(postproof.ModeTest)}, {sqlite.WithReadOnly()}} {
			s, err := sqlite.Open(t.Context(), name, opts...)
			if postproof.CodeOf(err) != postproof.CodeConflict {
				t.Errorf("Open of %s = %v, want %s", filepath.Base(name), err, postproof.CodeConflict)
			}
			if s != nil {
				_ = s.Close()
			}
		}
	}
	commit(t, first, create(t, "another job")) // who was there first goes on
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, path)
	if id, err := again.Identity(t.Context()); err != nil || id.EpochChanged() {
		t.Errorf("with one name again: %+v, %v, want the same history", id, err)
	}
}

// create is the intent of a job.
func create(t *testing.T, name string) idempotency.Change {
	t.Helper()
	intent, _ := submission(name)
	return intent
}

// TestCheckpointCutOffBehindALink: a process that dies while it moves the log leaves
// a file that is shorter than it says it is, and the rest in the log. That is beside
// the file, not beside a link that leads there.
func TestCheckpointCutOffBehindALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "real", "ledger.db"), filepath.Join(dir, "ledger.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		needsLinks(t, err)
	}
	work := filepath.Join(dir, "work.db")
	s := openStore(t, work)
	before, err := os.ReadFile(work)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		commit(t, s, create(t, "job "+string(rune('a'+i))))
	}
	log, err := os.ReadFile(work + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, work).ExecContext(t.Context(), "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(work)
	if err != nil {
		t.Fatal(err)
	}
	if len(after) <= len(before) {
		t.Fatal("the log was not moved: the test looks at the wrong thing")
	}
	copy(before, after[:4096]) // the first page, which says how long the file is, goes first
	for name, content := range map[string][]byte{path: before, path + "-wal": log} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cut := openStore(t, link)
	if _, err := cut.Get(t.Context(), idempotency.IDOf("job a")); err != nil {
		t.Error(err)
	}
}

// TestMigratedWhileOpen: a newer version that opens the file migrates it under those
// that have it open. What they wrote from then on might lack what it goes by.
func TestMigratedWhileOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openStore(t, path)
	commit(t, s, create(t, "job"))
	newer := func(version string) {
		t.Helper()
		if _, err := raw(t, path).ExecContext(t.Context(), "PRAGMA user_version = "+version); err != nil {
			t.Fatal(err)
		}
	}
	newer("2")
	for range 2 { // not only the first one
		if err := idempotency.CommitOne(t.Context(), s, create(t, "another job")); !errors.Is(err, idempotency.ErrNewer) || !errors.Is(err, idempotency.ErrReopen) {
			t.Errorf("Commit = %v, want ErrNewer, and that waiting is for nothing", err)
		}
		if _, err := s.Inbox().Put(t.Context(), &idempotency.Message{Vendor: "lob", Dedupe: "1"}); !errors.Is(err, idempotency.ErrNewer) {
			t.Errorf("Put = %v, want ErrNewer", err)
		}
	}
	if _, err := s.Get(t.Context(), idempotency.IDOf("another job")); !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound: nothing was written", err)
	}
	newer("1") // the newer version has gone, and a copy from before the migration was restored
	commit(t, s, create(t, "another job"))
}

// needsLinks skips a test only where a file system may have no links.
func needsLinks(t *testing.T, err error) {
	t.Helper()
	if runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	t.Skipf("there are no links here: %v", err)
}
