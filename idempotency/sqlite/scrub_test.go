package sqlite_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// inFiles returns the files of a folder that hold a text.
func inFiles(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// crowd fills a ledger with people, so that pages are split, merged and freed,
// and rewrites some records often. Every seventh is named Ada; their artwork, and
// what the inbox has of them, is long enough for pages of its own.
func crowd(t *testing.T, s *sqlite.Store, n int) (adas []*idempotency.Record) {
	t.Helper()
	at := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	for i := range n {
		name := "Ben"
		if i%7 == 0 {
			name = "Ada-Quill"
		}
		key := postproof.Key(fmt.Sprintf("spring/%s %d/card", name, i))
		r := &idempotency.Record{
			Version: 1, ID: idempotency.IDOf(key), Key: key, Contact: fmt.Sprint(name, i), Fingerprint: "v1:0", Mode: postproof.ModeTest, Campaign: "spring",
			Job:   []byte(fmt.Sprintf(`{"to":"%s"}`, strings.Repeat(name+" ", 1+i%700))),
			State: idempotency.Planned, Fence: 1, Generation: 1, Due: at, CreatedAt: at, UpdatedAt: at,
		}
		commit(t, s, idempotency.Change{Record: r, Entries: []idempotency.Entry{{ID: r.ID, At: at, Kind: "created", Note: name}}})
		for range i % 4 {
			next := *r
			next.Fence++
			next.Hold.Note = strings.Repeat(name, int(next.Fence))
			commit(t, s, idempotency.Change{Record: &next, Expect: r.Fence, Entries: []idempotency.Entry{{ID: r.ID, At: at, Kind: "changed", Note: name}}})
			r = &next
		}
		m := &idempotency.Message{Vendor: "lob", Account: "a", Mode: postproof.ModeTest, Dedupe: fmt.Sprint(i), State: idempotency.MessageApplied, Body: []byte(strings.Repeat(name, 1+3*i%2000))}
		if _, err := s.Inbox().Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if name != "Ben" {
			adas = append(adas, r)
		}
	}
	return adas
}

func commit(t *testing.T, s *sqlite.Store, c idempotency.Change) {
	t.Helper()
	if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
		t.Fatal(err)
	}
}

// forget buries the records and blanks the messages, as an erasure does.
func forget(t *testing.T, s *sqlite.Store, records []*idempotency.Record) {
	t.Helper()
	for _, r := range records {
		commit(t, s, idempotency.Change{Record: r.Bury(), Expect: r.Fence, Forget: true})
	}
	for m, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(m.Body, []byte("Ada")) {
			commit(t, s, idempotency.Change{Marks: []idempotency.Mark{{ID: m.ID, Expect: m.Fence, State: m.State, Purge: true}}})
		}
	}
}

// What was erased stands in no byte of the ledger's files, after they were
// rewritten; those who are left are whole.
func TestScrubLeavesNoByteOfTheErased(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, "mail.db"))
	adas := crowd(t, s, 400)
	if len(inFiles(t, dir, "Ada-Quill")) == 0 {
		t.Fatal("the test looks for what was never there")
	}
	forget(t, s, adas)
	if err := s.Scrub(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if names := inFiles(t, dir, "Ada-Quill"); len(names) > 0 {
		t.Errorf("she stands in %q", names)
	}
	n := 0
	for r, err := range s.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if !r.Tombstone {
			n++
		}
	}
	if n != 400-len(adas) {
		t.Errorf("%d records are left, want %d", n, 400-len(adas))
	}
	// The log is empty, and so it is while the ledger is worked on.
	if info, err := os.Stat(filepath.Join(dir, "mail.db-wal")); err == nil && info.Size() > 0 {
		t.Errorf("the log has %d bytes", info.Size())
	}
}

// One person: her bytes are overwritten at once, and with the log emptied
// nothing is left even without a rewrite. Where pages are split and merged, as
// among many, it takes one.
func TestScrubOverwritesWithoutARewrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, filepath.Join(dir, "mail.db"))
	adas := crowd(t, s, 4)
	forget(t, s, adas)
	if len(inFiles(t, dir, "Ada-Quill")) == 0 {
		t.Fatal("the log has nothing to empty")
	}
	if err := s.Scrub(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if names := inFiles(t, dir, "Ada-Quill"); len(names) > 0 {
		t.Errorf("she stands in %q", names)
	}
}

// What an older version, or another program, deleted without overwriting it goes
// only when the file is rewritten.
func TestScrubRewritesWhatOthersDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "mail.db")
	s := openStore(t, path)
	adas := crowd(t, s, 60)
	c, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"PRAGMA secure_delete = OFF", "UPDATE messages SET body = NULL"} {
		if _, err := c.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	forget(t, s, adas)
	if err := s.Scrub(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if len(inFiles(t, dir, "Ada-Quill")) == 0 {
		t.Fatal("nothing was left to be rewritten")
	}
	if err := s.Scrub(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if names := inFiles(t, dir, "Ada-Quill"); len(names) > 0 {
		t.Errorf("she stands in %q", names)
	}
}

// A read that is under way keeps the log: what was deleted is still in it, and
// the caller is told.
func TestScrubTellsOfALogInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mail.db")
	s := openStore(t, path, sqlite.WithBusyTimeout(10*time.Millisecond))
	adas := crowd(t, s, 4)
	db := raw(t, path)
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM records").Scan(&n); err != nil {
		t.Fatal(err)
	}
	forget(t, s, adas)
	if err := s.Scrub(t.Context(), false); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("with a read under way: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(t.Context(), false); err != nil {
		t.Errorf("after it: %v", err)
	}
}
