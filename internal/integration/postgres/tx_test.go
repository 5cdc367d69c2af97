package postgres_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func TestEnqueueInTransaction(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"pgx", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			enqueueInTransaction(t, openDB(t, driver, pgtest.Shared(t)))
		})
	}
}

func enqueueInTransaction(t *testing.T, db *sql.DB) {
	t.Helper()
	s := openStore(t, db, newSchema(t))
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), s, create(record(0))); err != nil {
		t.Fatal(err)
	}
	tx := begin(t, db)
	late := create(record(4))
	late.Epoch = "another epoch"
	sent := step(record(3)).Record // one in doubt has a reference from its first day on
	sent.Fence = 1
	changes := []idempotency.Change{create(record(0)), create(record(1)), create(record(2)), create(sent), late}
	changes[1].Epoch = id.Epoch
	errs, err := s.In(tx).Commit(t.Context(), changes)
	if err != nil || len(errs) != 5 {
		t.Fatalf("Commit = %v, %v", errs, err)
	}
	for i, want := range []error{idempotency.ErrExists, nil, nil, nil, idempotency.ErrEpoch} {
		if !errors.Is(errs[i], want) {
			t.Errorf("change %d: %v, want %v", i, errs[i], want)
		}
	}
	// Seen from within, not from outside, and nobody waits.
	if r, err := s.In(tx).Get(t.Context(), record(1).ID); err != nil || r.Fence != 1 {
		t.Errorf("Get inside = %v, %v", r, err)
	}
	if _, err := s.Get(t.Context(), record(1).ID); !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("Get outside: %v, want ErrNotFound before the commit", err)
	}
	before := time.Now()
	if err := idempotency.CommitOne(t.Context(), s, create(record(5))); err != nil {
		t.Errorf("Commit of another key beside the transaction: %v", err)
	}
	if took := time.Since(before); took > 150*time.Millisecond {
		t.Errorf("it took %s: it has waited for the transaction", took)
	}
	if err := idempotency.CommitOne(t.Context(), s, create(record(1))); !errors.Is(err, idempotency.ErrInProgress) {
		t.Errorf("Commit of the same key = %v, want ErrInProgress: nobody knows yet", err)
	}
	if took := time.Since(before); took > 3*time.Second { // while it holds up everybody
		t.Errorf("it took %s to say so", took)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), s, create(record(1))); !errors.Is(err, idempotency.ErrExists) {
		t.Errorf("Commit of the same key after it = %v, want ErrExists", err)
	}
	claimed, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 9, Lease: time.Minute, Now: start()})
	if err != nil || len(claimed) != 5 {
		t.Fatalf("claimed %d, %v, want 5", len(claimed), err)
	}
	depth, err := s.Depth(t.Context(), "spring")
	if err != nil {
		t.Fatal(err)
	}
	want := []idempotency.StateCount{{Campaign: "spring", State: idempotency.Planned, Count: 4}, {Campaign: "spring", State: idempotency.Sending, Count: 1}}
	if diff := cmp.Diff(want, depth); diff != "" {
		t.Errorf("depth (-want +got):\n%s", diff)
	}
	found := 0
	for r, err := range s.Find(t.Context(), idempotency.Query{Ref: sent.Submissions[0].Ref}) {
		if err != nil || r.ID != sent.ID {
			t.Errorf("found %v, %v", r, err)
		}
		found++
	}
	if found != 1 {
		t.Errorf("%d records have the reference", found)
	}
	// The history of each begins with its creation, though that had no place yet.
	for _, r := range claimed {
		if err := idempotency.CommitOne(t.Context(), s, step(r)); err != nil {
			t.Fatal(err)
		}
		var kinds []string
		var last uint64
		for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{ID: r.ID}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Seq <= last {
				t.Errorf("entry %d comes after %d", e.Seq, last)
			}
			last = e.Seq
			kinds = append(kinds, string(e.Kind))
		}
		if diff := cmp.Diff([]string{"created", "changed"}, kinds); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	}
}

func TestEnqueueRolledBack(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Shared(t))
	s := openStore(t, db, newSchema(t))
	tx := begin(t, db)
	if errs, err := s.In(tx).Commit(t.Context(), []idempotency.Change{create(record(1))}); errs != nil || err != nil {
		t.Fatalf("Commit = %v, %v", errs, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for r, err := range s.Find(t.Context(), idempotency.Query{}) {
		t.Errorf("after the rollback there is %v, %v", r, err)
	}
	for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{}) {
		t.Errorf("after the rollback there is %v, %v", e, err)
	}
	if depth, err := s.Depth(t.Context(), ""); len(depth) > 0 || err != nil {
		t.Errorf("depth = %v, %v", depth, err)
	}
	if err := idempotency.CommitOne(t.Context(), s, create(record(1))); err != nil {
		t.Errorf("Commit of the key: %v", err)
	}
}

// TestEnqueueWhileOthersFollow: entries whose transaction ends late do not come
// behind a place that a reader has passed.
func TestEnqueueWhileOthersFollow(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Shared(t))
	s := openStore(t, db, newSchema(t))
	tx := begin(t, db)
	if _, err := s.In(tx).Commit(t.Context(), []idempotency.Change{create(record(1))}); err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), s, create(record(2))); err != nil {
		t.Fatal(err)
	}
	var seen []idempotency.ID
	var after uint64
	follow := func() {
		for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{After: after}) {
			if err != nil {
				t.Fatal(err)
			}
			after = e.Seq
			seen = append(seen, e.ID)
		}
	}
	follow()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	follow()
	if want := []idempotency.ID{record(2).ID, record(1).ID}; !slices.Equal(seen, want) {
		t.Errorf("the reader has seen %v, want %v", seen, want)
	}
}

func TestEnqueueOnlyCreates(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Shared(t))
	s := openStore(t, db, newSchema(t))
	counting, foreign, reading := create(record(1)), create(record(1)), create(record(1))
	reading.Reads = []idempotency.SettingRead{{Name: "pauses"}}
	counting.Counters = []idempotency.CounterAdd{{Name: "n", Add: 1}}
	foreign.Entries[0].ID = record(2).ID
	for name, c := range map[string]idempotency.Change{
		"a step": step(record(1)), "a counter": counting, "another's entry": foreign, "a read": reading, "nothing": {},
	} {
		if _, err := s.In(begin(t, db)).Commit(t.Context(), []idempotency.Change{c}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	one, thief := step(record(1)).Record, step(record(2)).Record
	one.Fence, thief.Fence = 1, 1
	if err := idempotency.CommitOne(t.Context(), s, create(one)); err != nil {
		t.Fatal(err)
	}
	thief.Submissions[0].Ref = one.Submissions[0].Ref
	if _, err := s.In(begin(t, db)).Commit(t.Context(), []idempotency.Change{create(thief)}); !errors.Is(err, idempotency.ErrRefTaken) {
		t.Errorf("Commit with another's reference = %v, want ErrRefTaken", err)
	}
}
