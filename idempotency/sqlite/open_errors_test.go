package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// Whatever is wrong with a path, the error has a class, says that nothing was sent,
// where it was and what to do.
func TestOpenErrorsHaveAClass(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	file := func(name, content string) string {
		if err := os.WriteFile(in(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	ledger := func(name, statement string) string {
		once(t, in(name), func(*sqlite.Store) {})
		if _, err := raw(t, in(name)).ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	songs := in("songs.db")
	if _, err := raw(t, songs).ExecContext(t.Context(), "CREATE TABLE songs (title TEXT)"); err != nil {
		t.Fatal(err)
	}
	orphan := in("orphan.db")
	once(t, orphan, func(s *sqlite.Store) { write(t, s, 1) })
	blocked := in("blocked.db")
	once(t, blocked, func(*sqlite.Store) {})
	if err := errors.Join(os.Remove(orphan), os.MkdirAll(blocked+"-wal", 0o700)); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	test, reading := sqlite.WithMode(postproof.ModeTest), sqlite.WithReadOnly()
	for _, c := range []struct {
		name string
		ctx  context.Context
		path string
		opts []sqlite.Option
		code postproof.Code
		say  string
	}{
		{"no folder", t.Context(), in("none/mail.db"), []sqlite.Option{test}, postproof.CodeNotFound, "make it first"},
		{"no ledger to read", t.Context(), in("none.db"), []sqlite.Option{reading}, postproof.CodeNotFound, "no ledger at"},
		{"a folder", t.Context(), dir, []sqlite.Option{test}, postproof.CodeInvalidArgument, "give the path of a file"},
		{"a file for a folder", t.Context(), filepath.Join(file("notes", ""), "mail.db"), []sqlite.Option{test}, postproof.CodeInvalidArgument, "needs a folder"},
		{"memory", t.Context(), ":memory:", []sqlite.Option{test}, postproof.CodeInvalidArgument, "NewMemory"},
		{"unknown mode", t.Context(), in("new.db"), []sqlite.Option{sqlite.WithMode("prod")}, postproof.CodeInvalidArgument, `want "test" or "live"`},
		{"a nil option", t.Context(), in("new.db"), []sqlite.Option{test, nil}, postproof.CodeInvalidArgument, "option 1 is nil"},
		{"no mode", t.Context(), in("new.db"), nil, postproof.CodeInvalidArgument, "WithMode"},
		{"another program's", t.Context(), songs, []sqlite.Option{test}, postproof.CodeInvalidArgument, "give the path of another file"},
		{"another mode", t.Context(), ledger("mode.db", "SELECT 1"), []sqlite.Option{sqlite.WithMode(postproof.ModeLive)}, postproof.CodeConflict, "use another file"},
		{"a marker alone", t.Context(), orphan, []sqlite.Option{test}, postproof.CodeConflict, "put the database back"},
		{"newer", t.Context(), ledger("newer.db", "PRAGMA user_version = 77"), []sqlite.Option{test}, postproof.CodeUnsupported, "upgrade the library"},
		{"no database", t.Context(), file("text.db", strings.Repeat("notes\n", 1000)), []sqlite.Option{test}, postproof.CodeInternal, "not an SQLite database"},
		{"cannot be opened", t.Context(), blocked, []sqlite.Option{test}, postproof.CodePermissionDenied, "make files in its folder"},
		{"canceled", canceled, in("new.db"), []sqlite.Option{test}, postproof.CodeCanceled, "canceled"},
	} {
		s, err := sqlite.Open(c.ctx, c.path, c.opts...)
		if err == nil {
			_ = s.Close()
		}
		checkOpenError(t, c.name, err, c.code, c.say)
	}
	memory, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	_, err = sqlite.New(t.Context(), memory, test)
	checkOpenError(t, "New in memory", err, postproof.CodeInvalidArgument, "NewMemory")
	_, err = sqlite.New(t.Context(), nil, test)
	checkOpenError(t, "New of nothing", err, postproof.CodeInvalidArgument, "give Open the path")
}

func checkOpenError(t *testing.T, name string, err error, code postproof.Code, say string) {
	t.Helper()
	e, ok := err.(*postproof.Error) //nolint:errorlint // the outermost is to be one
	if !ok || e.Op != "sqlite: open" {
		t.Errorf("%s: %T %v, want a *postproof.Error of sqlite: open", name, err, err)
		return
	}
	if postproof.CodeOf(err) != code || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), say) {
		t.Errorf("%s: %v, want %s, not sent, and %q in it", name, err, code, say)
	}
}
