package postgres_test

import (
	"encoding/hex"
	"errors"
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

func bytesOf(r *idempotency.Record) []byte {
	id, _ := hex.DecodeString(string(r.ID))
	return id
}
