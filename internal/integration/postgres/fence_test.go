package postgres_test

import (
	"database/sql"
	"errors"
	"strings"
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
	between := newGate(t, db, schema, "depth") // a commit writes the depth with the records, before them
	canceled := *r
	canceled.Fence, canceled.State, canceled.Due, canceled.Lease = r.Fence+1, idempotency.Canceled, time.Time{}, idempotency.Lease{}
	committed := make(chan error, 1)
	go func() {
		committed <- idempotency.CommitOne(t.Context(), one, idempotency.Change{Record: &canceled, Expect: r.Fence})
	}()
	between.reached(t)
	claimed, err := other.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 1, Lease: time.Minute, Now: start().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	between.open(t)
	if err := <-committed; err != nil || len(claimed) > 0 {
		t.Fatalf("the commit: %v; meanwhile %d records were claimed: want one of the two, that which was first", err, len(claimed))
	}
	if now, err := other.Get(t.Context(), r.ID); err != nil || now.State != idempotency.Canceled {
		t.Errorf("the record is %v, %v, want it canceled", now, err)
	}
}

// gate is where whoever writes to a table has to wait. It is no lock of the ledger's,
// which the store waits for as long as it has to and no longer: on a busy machine a
// test may not get there in that time.
type gate struct {
	db     *sql.DB
	tx     *sql.Tx
	schema string
}

// newGate puts a gate that is closed before the rows that are inserted into a table.
func newGate(t *testing.T, db *sql.DB, schema, table string) *gate {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), strings.ReplaceAll(`CREATE TABLE @.gate ();
		CREATE FUNCTION @.gate() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS 'BEGIN LOCK TABLE @.gate; RETURN NULL; END';
		CREATE TRIGGER gate BEFORE INSERT ON @.`, "@", schema)+table+" EXECUTE FUNCTION "+schema+".gate()"); err != nil {
		t.Fatal(err)
	}
	g := &gate{db: db, tx: begin(t, db), schema: schema}
	if _, err := g.tx.ExecContext(t.Context(), "LOCK TABLE "+schema+".gate"); err != nil {
		t.Fatal(err)
	}
	return g
}

// reached waits until somebody is there.
func (g *gate) reached(t *testing.T) {
	t.Helper()
	until(t, g.db, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = '"+g.schema+".gate'::regclass)")
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	if err := g.tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

func until(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	for range 10_000 {
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
