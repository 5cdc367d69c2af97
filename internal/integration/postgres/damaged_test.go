package postgres_test

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestDamagedMessage: a callback whose header was damaged holds up no other one,
// although it is the oldest.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	s := openStore(t, db, schema)
	for _, name := range []string{"damaged", "2"} {
		m := &idempotency.Message{Vendor: "lob", Dedupe: name, ReceivedAt: start(), Header: map[string]string{"A": "b"}}
		if _, err := s.Inbox().Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), `UPDATE `+schema+`.messages SET header = '{"A:' WHERE dedupe = 'damaged'`); err != nil {
		t.Fatal(err)
	}
	req := idempotency.ClaimRequest{Owner: "w", Limit: 2, Lease: time.Minute, Now: start()}
	if got, err := s.Inbox().Claim(t.Context(), req); err != nil || len(got) != 1 || got[0].Dedupe != "2" {
		t.Errorf("Claim = %v, %v, want the one that is whole", got, err)
	}
	if got, err := s.Inbox().Claim(t.Context(), req); err != nil || len(got) != 0 {
		t.Errorf("Claim = %v, %v, want nothing: it has a lease", got, err)
	}
	req.Now = start().Add(2 * time.Minute)
	req.Limit = 1
	if got, err := s.Inbox().Claim(t.Context(), req); !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("Claim of the damaged one alone = %v, %v, want ErrCorrupt", got, err)
	}
}

// TestDamagedRecordIsNotPruned: a record that was damaged stays, and keeps none of the
// others, although it is the oldest.
func TestDamagedRecordIsNotPruned(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	s := openStore(t, db, schema)
	for i := range 20 {
		r := record(i)
		r.State, r.Due, r.UpdatedAt = idempotency.Done, time.Time{}, start().Add(time.Duration(i)*time.Second)
		if err := idempotency.CommitOne(t.Context(), s, create(r)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), `UPDATE `+schema+`.records SET data = substring(data FROM 2) WHERE id = $1`, bytesOf(record(0))); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Prune(t.Context(), start().Add(time.Hour), 1); n != 1 || err != nil {
		t.Errorf("Prune of one = %d, %v", n, err)
	}
	n, err := s.Prune(t.Context(), start().Add(time.Hour), 0)
	if n != 18 || !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("Prune = %d, %v, want all but the damaged one, and ErrCorrupt", n, err)
	}
}

// TestBlobThatLostItsRow: content that is there, and not to be found, is stored by
// storing it again.
func TestBlobThatLostItsRow(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	s := openStore(t, db, schema)
	for name, damage := range map[string]string{
		"no row": `DELETE FROM ` + schema + `.blobs`, "another size": `UPDATE ` + schema + `.blobs SET size = 1`,
	} {
		b, err := s.PutBlob(t.Context(), strings.NewReader("artwork"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutBlob(t.Context(), strings.NewReader("artwork")); err != nil {
			t.Errorf("%s: PutBlob: %v", name, err)
		}
		var size int64
		if err := db.QueryRowContext(t.Context(), `SELECT size FROM `+schema+`.blobs`).Scan(&size); err != nil || size != b.Size {
			t.Errorf("%s: after it was stored again its size is %d, %v, want %d", name, size, err, b.Size)
		}
		rc, err := s.OpenBlob(t.Context(), b)
		if err != nil {
			t.Errorf("%s: OpenBlob: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(rc); err != nil || string(got) != "artwork" {
			t.Errorf("%s: content = %q, %v", name, got, err)
		}
		_ = rc.Close()
	}
}

// TestBlobRemovedWhileItIsMended: nothing is left of content that somebody stored again
// at the moment of its removal.
func TestBlobRemovedWhileItIsMended(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	s := openStore(t, db, schema)
	b, err := s.PutBlob(t.Context(), strings.NewReader("artwork"))
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()            //nolint:errcheck // after a commit it does nothing
	for _, text := range []string{ // as PutBlob does
		`UPDATE ` + schema + `.blobs SET size = size`, `DELETE FROM ` + schema + `.chunks`,
		`INSERT INTO ` + schema + `.chunks SELECT digest, 0, 'artwork' FROM ` + schema + `.blobs`,
	} {
		if _, err := tx.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	var mine int
	if err := tx.QueryRowContext(t.Context(), `SELECT pg_backend_pid()`).Scan(&mine); err != nil {
		t.Fatal(err)
	}
	removed := make(chan error, 1)
	go func() { removed <- s.RemoveBlob(t.Context(), b) }()
	for waits := 0; waits == 0 && t.Context().Err() == nil; {
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))`, mine).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-removed; err != nil {
		t.Errorf("RemoveBlob: %v", err)
	}
	var rows, chunks int
	if err := db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM `+schema+`.blobs), (SELECT count(*) FROM `+schema+`.chunks)`).Scan(&rows, &chunks); err != nil || rows+chunks != 0 {
		t.Errorf("%d blobs and %d pieces of their content are left, %v", rows, chunks, err)
	}
}

func bytesOf(r *idempotency.Record) []byte {
	id, _ := hex.DecodeString(string(r.ID))
	return id
}
