package postgres_test

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// A claim takes no lock of the ledger. One that comes between the moments in which
// a commit reads a record and writes it must not make the same fence of it as the
// commit does: whoever claimed would go on with what the commit has ended, a
// canceled job for example, and nobody would notice.
func TestClaimBesideACommit(t *testing.T) {
	t.Parallel()
	for name, claims := range map[string]bool{"the commit looks first": false, "the commit remembers a claim that has run out": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claimBesideACommit(t, claims)
		})
	}
}

func claimBesideACommit(t *testing.T, claims bool) {
	t.Helper()
	db := openDB(t, "pgx", pgtest.Private(t).DSN(""))
	schema := newSchema(t)
	one, other := openStore(t, db, schema), openStore(t, db, schema)
	r := record(1)
	if err := idempotency.CommitOne(t.Context(), one, create(r)); err != nil {
		t.Fatal(err)
	}
	if claims {
		rs, err := one.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 1, Lease: time.Minute, Now: start()})
		if err != nil || len(rs) != 1 {
			t.Fatalf("claimed %d records, %v, want 1", len(rs), err)
		}
		r = rs[0]
	}
	between := begin(t, db) // a commit writes the depth with the records, and reads it never
	if _, err := between.ExecContext(t.Context(), "LOCK TABLE "+schema+".depth IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	canceled := *r
	canceled.Fence, canceled.State, canceled.Due, canceled.Lease = r.Fence+1, idempotency.Canceled, time.Time{}, idempotency.Lease{}
	committed := make(chan error, 1)
	go func() {
		committed <- idempotency.CommitOne(t.Context(), one, idempotency.Change{Record: &canceled, Expect: r.Fence})
	}()
	until(t, db, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = '"+schema+".depth'::regclass)")
	claimed, err := other.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 1, Lease: time.Minute, Now: start().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := between.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-committed; err != nil || len(claimed) > 0 {
		t.Fatalf("the commit: %v; meanwhile %d records were claimed: want one of the two, that which was first", err, len(claimed))
	}
	if now, err := other.Get(t.Context(), r.ID); err != nil || now.State != idempotency.Canceled {
		t.Errorf("the record is %v, %v, want it canceled", now, err)
	}
}

func until(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	for range 1000 {
		yes := false
		if err := db.QueryRowContext(t.Context(), query).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		if yes {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it did not come to be: ", query)
}

// A sequence that was restored, or that a crash set back, hands out numbers of
// records again. The second record with a number is refused, not written over the
// first, and finds a number of its own at its next try.
func TestNumberGivenOutTwice(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Private(t).DSN(""))
	schema := newSchema(t)
	one := openStore(t, db, schema)
	first, second, third := record(1), record(2), record(3)
	for _, r := range []*idempotency.Record{first, third} {
		if err := idempotency.CommitOne(t.Context(), one, create(r)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), "ALTER SEQUENCE "+schema+".blocks RESTART"); err != nil {
		t.Fatal(err)
	}
	other := openStore(t, db, schema)
	if err := idempotency.CommitOne(t.Context(), other, create(second)); err == nil {
		t.Error("a record was written in the place of another")
	}
	if err := idempotency.CommitOne(t.Context(), other, create(second)); err != nil {
		t.Errorf("the next try: %v", err)
	}
	for _, r := range []*idempotency.Record{first, second, third} {
		if now, err := one.Get(t.Context(), r.ID); err != nil || now.Key != r.Key {
			t.Errorf("record %s: %v, %v", r.ID, now, err)
		}
	}
}

// A claim reads the job of the moment in which it began, and the record of the
// moment in which it locked it. What does not belong together goes to no worker.
func TestClaimedJobIsTheRecords(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Private(t).DSN(""))
	schema := newSchema(t)
	s := openStore(t, db, schema)
	if err := idempotency.CommitOne(t.Context(), s, create(record(1))); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE "+schema+`.jobs SET job = '{"to": "another"}'`); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 1, Lease: time.Minute, Now: start()})
	if len(claimed) > 0 || !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("claimed %v, %v, want ErrCorrupt", claimed, err)
	}
}
