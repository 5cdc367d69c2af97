package postgres_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestDefaultsOfTheDatabase: whatever an administrator has set for a database, a store
// in it does the same.
func TestDefaultsOfTheDatabase(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Shared(t)
	admin := openDB(t, "pgx", dsn)
	name := "defaults_" + newSchema(t)
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	alter := func(setting string) {
		t.Helper()
		if _, err := admin.ExecContext(t.Context(), "ALTER DATABASE "+name+" SET "+setting); err != nil {
			t.Errorf("%s: %v", setting, err)
		}
	}
	for _, setting := range []string{
		"default_transaction_isolation = 'serializable'", "default_transaction_read_only = on", "default_transaction_deferrable = on",
		"bytea_output = 'escape'", "datestyle = 'SQL, DMY'", "timezone = 'Asia/Kolkata'", "search_path = ''", "transform_null_equals = on",
		"row_security = off", "backslash_quote = off", "standard_conforming_strings = off", "plpgsql.variable_conflict = 'use_column'",
		"lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '1s'",
	} {
		alter(setting)
	}
	odd := strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
	db := openDB(t, "pgx", odd)
	s := openStore(t, db, "ledger")
	other := openStore(t, openDB(t, "pgx", odd), "ledger")

	r := record(1)
	r.Campaign = "Frühjahr €"
	if err := idempotency.CommitOne(t.Context(), s, create(r)); err != nil {
		t.Fatal(err)
	}
	for _, by := range []idempotency.Engine{s, other} {
		n := 0
		for r, err := range by.Find(t.Context(), idempotency.Query{Campaign: r.Campaign}) {
			if err != nil || r.Campaign != "Frühjahr €" {
				t.Errorf("Find: %v, %v", r, err)
			}
			n++
		}
		if n != 1 {
			t.Errorf("%d records of the campaign, want 1", n)
		}
	}
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if _, err := tx.ExecContext(t.Context(), "SET TRANSACTION READ WRITE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.In(tx).Commit(t.Context(), []idempotency.Change{create(record(2))}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	claimed, err := other.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 9, Lease: time.Minute, Now: start()})
	if err != nil || len(claimed) != 2 {
		t.Fatalf("Claim = %d records, %v", len(claimed), err)
	}
	for _, r := range claimed {
		if err := idempotency.CommitOne(t.Context(), other, step(r)); err != nil {
			t.Errorf("Commit: %v", err)
		}
		if n := entriesOf(t, s, r.ID); n != 2 {
			t.Errorf("%d entries, want 2", n)
		}
	}
	blob, err := s.PutBlob(t.Context(), strings.NewReader("artwork"))
	if err != nil {
		t.Fatalf("PutBlob: %v", err)
	}
	if err := s.RemoveBlob(t.Context(), blob); err != nil {
		t.Errorf("RemoveBlob: %v", err)
	}

	alter("client_encoding = 'LATIN1'")
	if _, err := postgres.New(t.Context(), openDB(t, "pgx", odd), postgres.WithSchema("ledger")); postproof.CodeOf(err) != postproof.CodeInvalidArgument ||
		!strings.Contains(err.Error(), "client_encoding") {
		t.Errorf("New with another encoding on the wire = %v, want an error: a pause would have another name there", err)
	}
}
