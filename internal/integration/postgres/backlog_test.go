package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestBacklogIsPlacedInBites: what transactions of the caller's own have enqueued before
// anybody was at work gets its places bit by bit. All at once it would hold up everybody,
// and from some millions on outlast the time that a statement has, again and again: the
// ledger would stand still for ever.
func TestBacklogIsPlacedInBites(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Shared(t))
	schema := newSchema(t)
	s := openStore(t, db, schema)
	const n = 3000
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	changes := make([]idempotency.Change, n)
	for i := range changes {
		changes[i] = create(record(i))
	}
	if _, err := s.In(tx).Commit(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	waiting := func() (n int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+schema+".entries WHERE seq IS NULL").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	// The last one's step is far from its creation in the order of places.
	if err := idempotency.CommitOne(t.Context(), s, step(record(n-1))); err != nil {
		t.Fatal(err)
	}
	if left := waiting(); left < n-1000 || left > n-100 {
		t.Errorf("%d of %d entries wait after one commit, want some hundred less", left, n)
	}
	kinds := map[idempotency.ID][]string{}
	for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		kinds[e.ID] = append(kinds[e.ID], string(e.Kind))
	}
	if diff := cmp.Diff([]string{"created", "changed"}, kinds[record(n-1).ID]); diff != "" {
		t.Errorf("history of the last record (-want +got):\n%s", diff)
	}
	if left := waiting(); left > 0 || len(kinds) != n {
		t.Errorf("%d entries wait after all were read, of %d records, want %d", left, len(kinds), n)
	}
}
