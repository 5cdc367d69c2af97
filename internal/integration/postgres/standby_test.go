package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestConnectionLostWhileTheStandbyIsAway: where a standby has to have what is
// acknowledged, a commit waits for it. To end the server's process that waits makes
// the transaction visible, and does not make the standby have it: a failover would
// lose what the caller was told to be durable.
func TestConnectionLostWhileTheStandbyIsAway(t *testing.T) {
	t.Parallel()
	for name, ch := range map[string]idempotency.Change{
		"in one statement":   create(record(1)),
		"in several of them": {Counters: []idempotency.CounterAdd{{Name: "count", Add: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pgtest.Private(t)
			p := newProxy(t, c.Addr())
			s := openStore(t, openDB(t, "pgx", c.DSN(p.listener.Addr().String())), newSchema(t))
			if err := idempotency.CommitOne(t.Context(), s, create(record(0))); err != nil { // the session is there
				t.Fatal(err)
			}
			configure(t, c, "synchronous_standby_names = away")
			t.Cleanup(func() { // a failed test waits for no standby
				if err := errors.Join(c.Configure("synchronous_standby_names = ''"), c.Reload(context.WithoutCancel(t.Context()))); err != nil {
					t.Error(err)
				}
			})
			db := openDB(t, "pgx", c.DSN(""))
			const waits = "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
			answer := make(chan error, 1)
			go func() { answer <- idempotency.CommitOne(t.Context(), s, ch) }()
			until(t, db, waits)
			var process int
			if err := db.QueryRowContext(t.Context(), "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&process); err != nil {
				t.Fatal(err)
			}
			p.lead(c.Addr()) // every connection is lost; another process may wait at once
			until(t, db, fmt.Sprintf("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %d)", process))
			select {
			case err := <-answer:
				t.Errorf("Commit = %v, and no standby has it", err)
				return
			case <-time.After(time.Second):
			}
			until(t, db, waits) // for the standby, again
			if err := c.Configure("synchronous_standby_names = ''"); err != nil {
				t.Fatal(err)
			}
			if err := c.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-answer; err != nil {
				t.Errorf("Commit = %v, when the standby is not wanted any more", err)
			}
			if n, err := s.Counter(t.Context(), "count"); err != nil || n > 1 {
				t.Errorf("counter = %d, %v, want it counted once", n, err)
			}
		})
	}
}
