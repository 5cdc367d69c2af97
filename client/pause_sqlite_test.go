package client_test

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// Two processes on one file: a pause of the one holds for the other, which does not
// look again by itself; the change log is one, and what was taken back comes out of
// the file as it was.
func TestPauseAndUndoOnSQLite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mail.db")
	synctest.Test(t, func(t *testing.T) {
		p := blind(t)
		open := func(opts ...client.Option) *client.Client {
			t.Helper()
			store, err := sqlite.Open(t.Context(), file, sqlite.WithMode(postproof.ModeTest))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			return newClient(t, store, []*press{p}, opts...)
		}
		one, two := open(), open(client.WithPollInterval(365*24*time.Hour))
		pause(t, one, client.CampaignTarget("spring"))
		if _, err := two.Submit(t.Context(), job("a")); !errors.As(err, new(*client.PausedError)) || p.arrived() != 0 {
			t.Fatalf("%v; %d arrived", err, p.arrived())
		}
		if e := undo(t, one); e.Action != client.ActionResume {
			t.Errorf("%+v", e)
		}
		if _, err := one.Submit(t.Context(), job("a")); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		heldJobs(t, one, p, "b")
		before := status(t, two, "b")
		if _, err := two.Release(t.Context(), "b", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		undo(t, one)
		if after := status(t, two, "b"); after.State != before.State || after.Hold != before.Hold || len(after.Live()) != 1 {
			t.Errorf("held before, %+v, and again, %+v", before.Hold, after.Hold)
		}
		if one, two := verified(t, one), verified(t, two); one != two || one.N != 4 {
			t.Errorf("%+v and %+v", one, two)
		}
	})
}
