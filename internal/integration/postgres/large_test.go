package postgres_test

import (
	"io"
	"strings"
	"testing"
	"time"

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

// jobOf is a job of so many bytes, and a bit.
func jobOf(bytes int) []byte { return []byte(`{"filling":"` + strings.Repeat("x", bytes) + `"}`) }

// TestManyLargeJobs: jobs with artwork of their own that come in one list are not put
// into one statement: a server takes none of a gigabyte.
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
	job := jobOf(3 << 19)
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
		t.Errorf("%d transactions for five jobs of 1.5 MiB, want 3", n)
	}
	for i := range changes {
		if r, err := s.Get(t.Context(), changes[i].Record.ID); err != nil || len(r.Job) != len(job) {
			t.Errorf("job %d: %d bytes, %v, want %d", i, len(r.Job), err, len(job))
		}
	}
}

// TestLargeJobOverASlowNetwork: a server that waits for the rest of a long statement
// takes the transaction for idle, and must not end it for that.
func TestLargeJobOverASlowNetwork(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Private(t)
	proxy := newProxy(t, cluster.Addr())
	db, schema := openDB(t, "pgx", cluster.DSN(proxy.listener.Addr().String())), newSchema(t)
	s := openStore(t, db, schema)
	proxy.on(func(fromClient bool, data []byte) cut {
		if fromClient && len(data) > 4<<10 {
			time.Sleep(time.Duration(len(data)) * time.Second / (1 << 20)) // one MiB in a second
		}
		return pass
	})
	r := record(0)
	r.Job = jobOf(5 << 19)
	c := create(r)
	c.Counters = []idempotency.CounterAdd{{Name: "one", Add: 1}} // it takes a transaction of several statements
	if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if got, err := s.Get(t.Context(), r.ID); err != nil || len(got.Job) != len(r.Job) {
		t.Errorf("%d bytes, %v, want %d", len(got.Job), err, len(r.Job))
	}
}
