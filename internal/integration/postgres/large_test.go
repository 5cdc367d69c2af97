package postgres_test

import (
	"io"
	"strings"
	"testing"

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
