package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// A file is put back again and again, as an operator does it: each time it has an epoch
// of its own, and the recoveries before are noticed.
func TestRecoverNoticesOnSQLite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(t *testing.T, file string) *sqlite.Store {
		t.Helper()
		store, err := sqlite.Open(t.Context(), file, sqlite.WithMode(postproof.ModeTest))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		return store
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		live := open(t, filepath.Join(dir, "mail.db"))
		if _, err := newClient(t, live, []*press{p}, seldom()).Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		if err := live.Close(); err != nil {
			t.Fatal(err)
		}
		for n := range 4 {
			file := filepath.Join(dir, fmt.Sprintf("restored%d.db", n))
			backup, err := os.ReadFile(filepath.Join(dir, "mail.db"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, backup, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(file+"-blobs", os.DirFS(filepath.Join(dir, "mail.db-blobs"))); err != nil {
				t.Fatal(err)
			}
			c := newClient(t, open(t, file), []*press{p}, client.WithPollInterval(15*time.Minute))
			p.down.Store(n == 3) // then it is learned later
			if done := recovered(t, c, client.RecoverOptions{}); n < 3 && done.Recoveries != n {
				t.Errorf("put back for the %d. time: %d recoveries before", n+1, done.Recoveries)
			}
			p.down.Store(false)
			time.Sleep(10 * time.Minute)
			control(t, c, "alpha", 1)
			runFor(t, c, 24*time.Hour)
			if rec := status(t, c, "contact-0"); p.alive() != n+2 || rec.State != idempotency.Accepted {
				t.Errorf("put back for the %d. time: %d pieces, want one, and a piece of ours each time: %v", n+1, p.alive(), rec)
			}
		}
	})
}
