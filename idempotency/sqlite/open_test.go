package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// notOpened opens a ledger and fails unless that is refused with the error
// and words.
func notOpened(t *testing.T, path string, want error, words string, opts ...sqlite.Option) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, opts...)
	if err == nil {
		_ = s.Close()
		t.Fatalf("Open succeeded, want an error about %q", words)
	}
	if want != nil && !errors.Is(err, want) {
		t.Errorf("Open = %v, want %v", err, want)
	}
	if !strings.Contains(err.Error(), words) {
		t.Errorf("Open = %v, want %q in it", err, words)
	}
}

func TestModeIsForEver(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "ledger.db")
	notOpened(t, db, nil, "WithMode")
	notOpened(t, db, nil, "want", sqlite.WithMode("production"))
	once(t, db, func(s *sqlite.Store) {
		if id := identity(t, s); id.Mode != postproof.ModeTest {
			t.Errorf("mode is %q", id.Mode)
		}
	})
	notOpened(t, db, nil, "another file", sqlite.WithMode(postproof.ModeLive))
	notOpened(t, db, nil, "another file", sqlite.WithMode(postproof.ModeLive), sqlite.WithReadOnly())
	s, err := sqlite.Open(t.Context(), db) // an old one need not be told
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNotALedger(t *testing.T) {
	t.Parallel()
	test := sqlite.WithMode(postproof.ModeTest)
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, bytes.Repeat([]byte("these are notes\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	notOpened(t, text, idempotency.ErrCorrupt, "not an SQLite database", test)
	other := filepath.Join(dir, "other.db")
	db := raw(t, other)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE songs (title TEXT)"); err != nil {
		t.Fatal(err)
	}
	notOpened(t, other, nil, "not a postproof ledger", test)
	var mode string
	if err := db.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "delete" {
		t.Errorf("the other program's database is in journal mode %s now, %v", mode, err)
	}
	if _, err := os.Stat(other + "-epoch"); err == nil {
		t.Error("there is a marker beside the other program's database")
	}
	notOpened(t, filepath.Join(dir, "none", "ledger.db"), nil, "open", test)
	notOpened(t, dir, nil, "open", test)
	for _, path := range []string{"", ":memory:", "file::memory:"} {
		notOpened(t, path, nil, "NewMemory", test)
	}
	memory, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if _, err := sqlite.New(t.Context(), memory, test); err == nil || !strings.Contains(err.Error(), "NewMemory") {
		t.Errorf("New in memory = %v", err)
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "ledger.db")
	once(t, db, func(s *sqlite.Store) { write(t, s, 1) })
	if _, err := raw(t, db).ExecContext(t.Context(), "PRAGMA user_version = 77"); err != nil {
		t.Fatal(err)
	}
	notOpened(t, db, idempotency.ErrNewer, "schema 77, this version knows 1")
	notOpened(t, db, idempotency.ErrNewer, "upgrade", sqlite.WithReadOnly())
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	filled := func(t *testing.T) (string, []byte) {
		t.Helper()
		db := filepath.Join(t.TempDir(), "ledger.db")
		once(t, db, func(s *sqlite.Store) {
			for i := range 200 {
				intent, _ := submission(fmt.Sprint("job ", i))
				if err := idempotency.CommitOne(t.Context(), s, intent); err != nil {
					t.Fatal(err)
				}
			}
		})
		content, err := os.ReadFile(db)
		if err != nil {
			t.Fatal(err)
		}
		return db, content
	}
	for name, damage := range map[string]func(b []byte) []byte{
		"cut off by a page":    func(b []byte) []byte { return b[:len(b)-4096] },
		"cut off in the midst": func(b []byte) []byte { return b[:len(b)/2+100] },
		"first page torn":      func(b []byte) []byte { return append(bytes.Repeat([]byte{0xff}, 64), b[64:]...) },
		"cut to half a page":   func(b []byte) []byte { return b[:2048] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, content := filled(t)
			if err := os.WriteFile(db, damage(bytes.Clone(content)), 0o600); err != nil {
				t.Fatal(err)
			}
			notOpened(t, db, idempotency.ErrCorrupt, "")
		})
	}
	t.Run("a page in the midst", func(t *testing.T) {
		t.Parallel()
		db, content := filled(t)
		for page := 12; page < len(content)/4096; page++ {
			copy(content[page*4096:(page+1)*4096], bytes.Repeat([]byte{0xa5}, 4096))
		}
		if err := os.WriteFile(db, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := sqlite.Open(t.Context(), db)
		if err == nil {
			for _, err = range s.Find(t.Context(), idempotency.Query{}) {
				if err != nil {
					break
				}
			}
			_ = s.Close()
		}
		if !errors.Is(err, idempotency.ErrCorrupt) {
			t.Errorf("%v, want ErrCorrupt when the pages are read", err)
		}
	})
	t.Run("a record that is no record", func(t *testing.T) {
		t.Parallel()
		db, _ := filled(t)
		s := openStore(t, db)
		intent, _ := submission("job 7")
		if _, err := raw(t, db).ExecContext(t.Context(), "UPDATE records SET data = x'7b' WHERE id = unhex(?)", string(intent.Record.ID)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), intent.Record.ID); !errors.Is(err, idempotency.ErrCorrupt) || !strings.Contains(err.Error(), string(intent.Record.ID)) {
			t.Errorf("Get = %v, want ErrCorrupt with the id", err)
		}
		rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Limit: 1000, Now: time.Now().Add(time.Hour), Lease: time.Minute})
		if len(rs) != 199 || err != nil {
			t.Errorf("Claim: %d records, %v, want all the others", len(rs), err)
		}
	})
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "ledger.db")
	notOpened(t, db, os.ErrNotExist, "", sqlite.WithReadOnly())
	writer := openStore(t, db)
	write(t, writer, 1)
	marker, err := os.ReadFile(db + "-epoch")
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, db, sqlite.WithReadOnly())
	for what, err := range map[string]error{
		"Commit":  idempotency.CommitOne(t.Context(), s, idempotency.Change{}),
		"Claim":   func() error { _, err := s.Claim(t.Context(), idempotency.ClaimRequest{Limit: 1}); return err }(),
		"Prune":   func() error { _, err := s.Prune(t.Context(), time.Now(), 1); return err }(),
		"PutBlob": func() error { _, err := s.PutBlob(t.Context(), strings.NewReader("x")); return err }(),
		"Accept":  s.AcceptEpoch(t.Context(), identity(t, s).Epoch, ""),
		"Inbox": func() error {
			_, err := s.Inbox().Put(t.Context(), &idempotency.Message{Vendor: "lob", Dedupe: "1"})
			return err
		}(),
	} {
		if !errors.Is(err, sqlite.ErrReadOnly) {
			t.Errorf("%s = %v, want ErrReadOnly", what, err)
		}
	}
	write(t, writer, 1)
	if n, err := s.Counter(t.Context(), "n"); n != 2 || err != nil {
		t.Errorf("Counter = %d, %v, want what the writer wrote since", n, err)
	}
	after, err := os.ReadFile(db + "-epoch")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(marker, []byte(`"session":1`)) != bytes.Count(after, []byte(`"session":1`)) {
		t.Error("a reader counts as a session")
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for what, err := range map[string]error{
		"Commit":   idempotency.CommitOne(t.Context(), s, idempotency.Change{}),
		"Get":      func() error { _, err := s.Get(t.Context(), idempotency.IDOf("job")); return err }(),
		"Identity": func() error { _, err := s.Identity(t.Context()); return err }(),
		"PutBlob":  func() error { _, err := s.PutBlob(t.Context(), strings.NewReader("x")); return err }(),
		"Find": func() error {
			for _, err := range s.Find(t.Context(), idempotency.Query{}) {
				return err
			}
			return nil
		}(),
	} {
		if !errors.Is(err, idempotency.ErrClosed) {
			t.Errorf("%s = %v, want ErrClosed", what, err)
		}
	}
}

// TestBusy: another process that holds the lock for too long is an error that
// says so, and nothing half-done.
func TestBusy(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "ledger.db")
	s := openStore(t, db, sqlite.WithBusyTimeout(50*time.Millisecond))
	other, err := raw(t, db).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	intent, _ := submission("job")
	if err := idempotency.CommitOne(t.Context(), s, intent); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("Commit = %v, want an error that names the reason", err)
	}
	if _, err := s.Get(t.Context(), intent.Record.ID); !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("Get = %v while the lock is held: readers do not wait", err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), s, intent); err != nil {
		t.Errorf("Commit = %v after the lock was given back", err)
	}
}

// TestPragmas: whatever the data source says, the promise holds.
func TestPragmas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	files := newCountingVFS(t)
	db := files.open(t, path, "synchronous(off)", "wal_autocheckpoint(1)", "query_only(off)")
	s, err := sqlite.New(t.Context(), db, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := files.syncs.Load()
	write(t, s, 10)
	if n := files.syncs.Load() - before; n != 10 {
		t.Errorf("%d syncs of 10 commits", n)
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Errorf("there is no log: %v", err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("the caller's database: %v", err)
	}
}

// TestFullDisk: an error that says so, the ledger as before, and work goes on
// when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openStore(t, path)
	write(t, s, 1)
	sqlite.LimitPages(t.Context(), t, s, 1)
	intent, _ := submission("large")
	large := *intent.Record
	large.Job = bytes.Repeat([]byte("x"), 1<<20)
	err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Record: &large})
	if err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("Commit = %v, want that the disk is full", err)
	}
	if _, err := s.Get(t.Context(), large.ID); !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("Get = %v, want nothing of it", err)
	}
	sqlite.LimitPages(t.Context(), t, s, 1<<30)
	if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Record: &large}); err != nil {
		t.Errorf("Commit = %v when there is room again", err)
	}
}

func TestBlobDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	art := filepath.Join(dir, "art")
	s := openStore(t, filepath.Join(dir, "ledger with blanks & 100%?#.db"), sqlite.WithBlobDir(art))
	b, err := s.PutBlob(t.Context(), strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(art, b.Digest[:2], b.Digest)); err != nil {
		t.Error(err)
	}
	// A file that was cut off is mended by the next who brings the content.
	if err := os.Truncate(filepath.Join(art, b.Digest[:2], b.Digest), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutBlob(t.Context(), strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(art, b.Digest[:2], b.Digest)); err != nil || info.Size() != 5 {
		t.Errorf("%v, %v, want the whole content", info, err)
	}
	left, err := filepath.Glob(filepath.Join(art, ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ledger with blanks & 100%?#.db")); err != nil {
		t.Errorf("the file has another name: %v", err)
	}
}

func TestCanceledOpen(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "ledger.db"), sqlite.WithMode(postproof.ModeTest)); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v, want canceled", err)
	}
}

// TestNoPlaceForTheFile: SQLite says "unable to open database file" for all of
// these, which tells nobody what to do.
func TestNoPlaceForTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	test := sqlite.WithMode(postproof.ModeTest)
	notOpened(t, filepath.Join(dir, "none", "mail.db"), fs.ErrNotExist, "there is no folder "+filepath.Join(dir, "none"), test)
	notOpened(t, filepath.Join(dir, "mail.db"), fs.ErrNotExist, "there is no ledger at", test, sqlite.WithReadOnly())
	notOpened(t, dir, nil, "is a folder: give the path of a file in it", test)
	notOpened(t, filepath.Join(file, "mail.db"), nil, file+" is a file", test)
}
