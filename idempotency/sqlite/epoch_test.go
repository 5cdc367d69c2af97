package sqlite_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// once opens the ledger, does something, and closes it.
func once(t *testing.T, path string, do func(s *sqlite.Store)) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func identity(t *testing.T, s *sqlite.Store) idempotency.Identity {
	t.Helper()
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// write commits n changes, one by one.
func write(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	for range n {
		if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// copyInto overwrites the file in place, as cp does: the inode stays.
func copyInto(t *testing.T, to, from string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, to, from string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// vacuumInto makes a backup of a ledger at work.
func vacuumInto(t *testing.T, path, to string) {
	t.Helper()
	db := raw(t, path)
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", to); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // an open file would keep the log
		t.Fatal(err)
	}
}

// TestRestoreIsNoticed puts a ledger back in every way that there is.
func TestRestoreIsNoticed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		restore func(t *testing.T, dir string) (path string)
		note    string
	}{
		"an older copy over the file": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			copyInto(t, db+".bak", db)
			once(t, db, func(s *sqlite.Store) { write(t, s, 1) })
			copyInto(t, db, db+".bak")
			return db
		}, "older than its marker"},
		"an older copy in its place": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			copyInto(t, db+".bak", db)
			once(t, db, func(s *sqlite.Store) { write(t, s, 1) })
			move(t, db, db+".bak")
			return db
		}, "another file"},
		"a copy of the last state in its place": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			copyInto(t, db+".bak", db)
			move(t, db, db+".bak")
			return db
		}, "another file"},
		"a backup of the same session, one write old": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) {
				write(t, s, 3)
				vacuumInto(t, db, db+".bak")
				write(t, s, 1)
			})
			copyInto(t, db, db+".bak")
			return db
		}, "older than its marker"},
		"a backup of the same session, before a kill": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			child := startChild(t, db, "write-then-wait")
			child.waitFor(t, "ready")
			vacuumInto(t, db, db+".bak")
			child.say(t, "one more")
			child.waitFor(t, "written")
			child.kill(t)
			remove(t, db+"-wal", db+"-shm")
			copyInto(t, db, db+".bak")
			return db
		}, "older than its marker"},
		"a copy somewhere else": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			other := filepath.Join(t.TempDir(), "ledger.db")
			copyInto(t, other, db)
			return other
		}, "missing"},
		"a copy of the folder": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			other := filepath.Join(t.TempDir(), "ledger.db")
			copyInto(t, other, db)
			copyInto(t, other+"-epoch", db+"-epoch")
			return other
		}, "another file"},
		"the marker is gone": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			remove(t, db+"-epoch")
			return db
		}, "missing"},
		"the marker cannot be read": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			if err := os.WriteFile(db+"-epoch", bytes.Repeat([]byte("x"), 1024), 0o600); err != nil {
				t.Fatal(err)
			}
			return db
		}, "missing"},
		"another ledger over the file": {func(t *testing.T, dir string) string {
			t.Helper()
			db := filepath.Join(dir, "ledger.db")
			once(t, db, func(s *sqlite.Store) { write(t, s, 1) })
			other := filepath.Join(dir, "other.db")
			once(t, other, func(s *sqlite.Store) { write(t, s, 9) })
			copyInto(t, db, other)
			return db
		}, "another history"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tt.restore(t, t.TempDir())
			var changed idempotency.Identity
			once(t, path, func(s *sqlite.Store) {
				changed = identity(t, s)
				if !changed.EpochChanged() {
					t.Fatalf("nothing was noticed: %+v", changed)
				}
				var notes []string
				for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"epoch_changed"}}) {
					if err != nil {
						t.Fatal(err)
					}
					notes = append(notes, e.Note)
				}
				if len(notes) != 1 || !strings.Contains(notes[0], tt.note) {
					t.Errorf("history says %q, want %q in it", notes, tt.note)
				}
			})
			once(t, path, func(s *sqlite.Store) {
				id := identity(t, s)
				if id.Epoch != changed.Epoch || !id.EpochChanged() {
					t.Errorf("opened again the epoch is %s, want %s, not accepted by itself", id.Epoch, changed.Epoch)
				}
				if err := s.AcceptEpoch(t.Context(), "00", ""); !errors.Is(err, idempotency.ErrStale) {
					t.Errorf("AcceptEpoch of another epoch = %v, want ErrStale", err)
				}
				if err := s.AcceptEpoch(t.Context(), id.Epoch, ""); err != nil {
					t.Error(err)
				}
			})
			once(t, path, func(s *sqlite.Store) {
				if id := identity(t, s); id.EpochChanged() {
					t.Errorf("after it was accepted: %+v", id)
				}
			})
		})
	}
}

// TestNoFalseAlarm does what must not change the epoch.
func TestNoFalseAlarm(t *testing.T) {
	t.Parallel()
	quiet := func(t *testing.T, path string) {
		t.Helper()
		once(t, path, func(s *sqlite.Store) {
			if id := identity(t, s); id.EpochChanged() {
				for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"epoch_changed"}}) {
					t.Errorf("false alarm: %s, %v", e.Note, err)
				}
			}
		})
	}
	t.Run("opened many times", func(t *testing.T) {
		t.Parallel()
		db := filepath.Join(t.TempDir(), "ledger.db")
		for range 5 {
			once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
			quiet(t, db)
		}
	})
	t.Run("vacuumed", func(t *testing.T) {
		t.Parallel()
		db := filepath.Join(t.TempDir(), "ledger.db")
		once(t, db, func(s *sqlite.Store) { write(t, s, 3) })
		if _, err := raw(t, db).ExecContext(t.Context(), "VACUUM"); err != nil {
			t.Fatal(err)
		}
		quiet(t, db)
	})
	t.Run("the folder was moved", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		before, after := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		if err := os.Mkdir(before, 0o700); err != nil {
			t.Fatal(err)
		}
		once(t, filepath.Join(before, "ledger.db"), func(s *sqlite.Store) { write(t, s, 3) })
		move(t, after, before)
		quiet(t, filepath.Join(after, "ledger.db"))
	})
	t.Run("many open at the same time, the file is new", func(t *testing.T) {
		t.Parallel()
		for range 3 {
			db := filepath.Join(t.TempDir(), "ledger.db")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					s, err := sqlite.Open(t.Context(), db, sqlite.WithMode(postproof.ModeTest))
					if err != nil {
						t.Error(err)
						return
					}
					if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}}); err != nil {
						t.Error(err)
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			quiet(t, db)
		}
	})
	t.Run("killed at every moment", func(t *testing.T) {
		t.Parallel()
		db := filepath.Join(t.TempDir(), "ledger.db")
		for i := range 12 {
			// Two at a time open, write and are killed, some in the midst of opening.
			a, b := startChild(t, db, "write"), startChild(t, db, "write")
			time.Sleep(time.Duration(20+i*15) * time.Millisecond)
			a.kill(t)
			b.kill(t)
		}
		quiet(t, db)
	})
}

// TestLostDatabaseIsNotMadeAnew: a new ledger would know nothing of what the
// lost one has sent.
func TestLostDatabaseIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "ledger.db")
	once(t, db, func(s *sqlite.Store) { write(t, s, 1) })
	remove(t, db)
	_, err := sqlite.Open(t.Context(), db, sqlite.WithMode(postproof.ModeTest))
	if err == nil || !strings.Contains(err.Error(), "put the database back") {
		t.Fatalf("Open = %v, want an error that says what to do", err)
	}
	if _, err := sqlite.Open(t.Context(), db, sqlite.WithMode(postproof.ModeTest)); err == nil {
		t.Fatal("the second try made a ledger")
	}
	remove(t, db+"-epoch")
	once(t, db, func(s *sqlite.Store) { write(t, s, 1) })
}

// TestReplacedWhileOpen: nothing is acknowledged that would be lost.
func TestNewNamespaceForACopy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := filepath.Join(dir, "ledger.db")
	var before idempotency.Identity
	once(t, db, func(s *sqlite.Store) { before = identity(t, s) })
	copied := filepath.Join(dir, "copy.db")
	copyInto(t, copied, db)
	once(t, copied, func(s *sqlite.Store) {
		id := identity(t, s)
		if id.Namespace != before.Namespace {
			t.Errorf("the namespace changed by itself")
		}
		ns := idempotency.NewNamespace()
		if err := s.AcceptEpoch(t.Context(), id.Epoch, ns); err != nil {
			t.Fatal(err)
		}
		if got := identity(t, s); got.Namespace != ns || got.EpochChanged() {
			t.Errorf("identity = %+v, want namespace %s", got, ns)
		}
	})
	once(t, db, func(s *sqlite.Store) {
		if id := identity(t, s); id.EpochChanged() || id.Namespace != before.Namespace {
			t.Errorf("the original changed: %+v", id)
		}
	})
}
