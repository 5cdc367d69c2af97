package postgres_test

import (
	"io"
	"strings"
	"testing"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// largeChunks is how many mebibytes are read: the server has no value of more than a
// gigabyte. That none is built of several chunks, [TestPlans] sees at any size.
func largeChunks() int {
	if pgtest.Full() {
		return 1025
	}
	return 9
}

// TestLargeBlobIsComparedInParts: whether artwork is whole is looked at chunk by chunk,
// and what is more than it should be is stored again.
func TestLargeBlobIsComparedInParts(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	s := openStore(t, db, schema)
	b, err := s.PutBlob(t.Context(), strings.NewReader("artwork"))
	if err != nil {
		t.Fatal(err)
	}
	// As if it had been that long: it is the same to whoever reads all of it.
	if _, err := db.ExecContext(t.Context(), `WITH one AS MATERIALIZED (SELECT decode(repeat('00', 1048576), 'hex') AS mebibyte)
		INSERT INTO `+schema+`.chunks (digest, place, data) SELECT digest, place, mebibyte FROM `+schema+`.blobs, one, generate_series(1, $1::int) AS place`, largeChunks()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutBlob(t.Context(), strings.NewReader("artwork")); err != nil {
		t.Fatalf("PutBlob: %v", err)
	}
	rc, err := s.OpenBlob(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); err != nil || string(got) != "artwork" {
		t.Errorf("content = %.20q, %v", got, err)
	}
}

// TestManyLargeJobs: jobs with artwork of their own that come in one list, or from many
// callers at once, are not put into one statement: a server takes none of a gigabyte.
func TestManyLargeJobs(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	s := openStore(t, db, schema)
	made := func() (n int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+schema+".commits").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	job := []byte(`{"filling":"` + strings.Repeat("x", 12<<20) + `"}`)
	changes := make([]idempotency.Change, 5)
	for i := range changes {
		r := record(i)
		r.Job = job
		changes[i] = create(r)
	}
	before := made()
	errs, err := s.Commit(t.Context(), changes)
	if err != nil || errs != nil {
		t.Fatalf("Commit: %v, %v", errs, err)
	}
	if n := made() - before; n != 3 {
		t.Errorf("%d transactions for five jobs of 12 MiB, want 3", n)
	}
	for i := range changes {
		if r, err := s.Get(t.Context(), changes[i].Record.ID); err != nil || len(r.Job) != len(job) {
			t.Errorf("job %d: %d bytes, %v, want %d", i, len(r.Job), err, len(job))
		}
	}
}
