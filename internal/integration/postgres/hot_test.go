package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestIndexesAreLeftAlone: a record has four indexes and more. Neither a claim nor
// an intent nor an acceptance may give each of them a new entry: the server says
// how many versions of a row it has put beside the one before, where no index
// needs to know.
func TestIndexesAreLeftAlone(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Private(t, "autovacuum = off").DSN(""))
	schema := newSchema(t)
	s := openStore(t, db, schema)
	const n = 1000
	changes := make([]idempotency.Change, 0, n)
	for i := range n {
		changes = append(changes, create(record(i)))
	}
	commitAll(t, s, changes)
	for left := n; left > 0; {
		rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 50, Lease: time.Minute, Now: start()})
		if err != nil || len(rs) == 0 {
			t.Fatalf("claimed %d records, %v, want some", len(rs), err)
		}
		intents, outcomes := make([]idempotency.Change, 0, len(rs)), make([]idempotency.Change, 0, len(rs))
		for _, r := range rs {
			intent := step(r)
			intent.Record.Lease = r.Lease
			outcome := step(intent.Record)
			outcome.Record.Due = start().Add(time.Hour)
			intents, outcomes = append(intents, intent), append(outcomes, outcome)
		}
		commitAll(t, s, intents)
		commitAll(t, s, outcomes)
		left -= len(rs)
	}
	// A backend tells its last figures when it ends.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	of := func(table string) string {
		return fmt.Sprintf("FROM pg_stat_user_tables WHERE schemaname = '%s' AND relname = '%s'", schema, table)
	}
	until(t, db, fmt.Sprintf("SELECT n_tup_upd >= %d %s", 3*n, of("records")))
	for table, want := range map[string]float64{"records": 0.9 * 3 * n, "queue": 0.8 * n} {
		var hot float64
		if err := db.QueryRowContext(t.Context(), "SELECT n_tup_hot_upd "+of(table)).Scan(&hot); err != nil {
			t.Fatal(err)
		}
		if hot < want {
			t.Errorf("%s: %.0f updates have left the indexes alone, want %.0f", table, hot, want)
		}
	}
}

func commitAll(t *testing.T, s idempotency.Store, changes []idempotency.Change) {
	t.Helper()
	if errs, err := s.Commit(t.Context(), changes); err != nil || errs != nil {
		t.Fatal(err, errs)
	}
}
