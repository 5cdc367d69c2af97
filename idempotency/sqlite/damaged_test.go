package sqlite_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// TestDamagedMessage: a callback of which the disk has damaged the header holds up no
// other one, although it is the oldest.
func TestDamagedMessage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openStore(t, path)
	at := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, name := range []string{"damaged", "2", "3"} {
		m := &idempotency.Message{Vendor: "lob", Dedupe: name, ReceivedAt: at, Header: map[string]string{"A": "b"}}
		if _, err := s.Inbox().Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := raw(t, path).ExecContext(t.Context(), `UPDATE messages SET header = '{"A:"b"}' WHERE id = 1`); err != nil {
		t.Fatal(err)
	}
	req := idempotency.ClaimRequest{Owner: "w", Limit: 2, Lease: time.Minute, Now: at}
	for _, want := range [][]string{{"2"}, {"3"}, nil} { // the damaged one has its lease by then
		got, err := s.Inbox().Claim(t.Context(), req)
		if err != nil || len(got) != len(want) || (len(got) > 0 && got[0].Dedupe != want[0]) {
			t.Fatalf("Claim = %v, %v, want %v", got, err, want)
		}
	}
	req.Now, req.Limit = at.Add(2*time.Minute), 1
	if got, err := s.Inbox().Claim(t.Context(), req); !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("Claim of the damaged one alone = %v, %v, want ErrCorrupt", got, err)
	}
	var listed error
	for _, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		listed = errors.Join(listed, err)
	}
	if !errors.Is(listed, idempotency.ErrCorrupt) {
		t.Errorf("List = %v, want ErrCorrupt", listed)
	}
}

// TestDamagedRecordIsNotPruned: a record that the disk has damaged stays, and keeps none
// of the others, although it is the oldest; also where a bite is just full, and what is
// left is only damaged.
func TestDamagedRecordIsNotPruned(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 7, 20, 100} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			t.Parallel()
			pruneBesideDamage(t, limit)
		})
	}
}

func pruneBesideDamage(t *testing.T, limit int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s := openStore(t, path)
	at := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	for i := range 42 {
		key := postproof.Key(fmt.Sprint("job ", i))
		commit(t, s, idempotency.Change{Record: &idempotency.Record{
			Version: idempotency.RecordVersion, ID: idempotency.IDOf(key), Key: key, Job: []byte("{}"), State: idempotency.Done, Fence: 1, Generation: 1,
			Mode: postproof.ModeTest, CreatedAt: at, UpdatedAt: at.Add(time.Duration(i) * time.Second),
		}})
	}
	if _, err := raw(t, path).ExecContext(t.Context(), `UPDATE records SET data = substr(data, 2) WHERE num IN (1, 30)`); err != nil {
		t.Fatal(err)
	}
	total := 0
	for range 42 {
		n, err := s.Prune(t.Context(), at.Add(time.Hour), limit)
		total += n
		if err != nil {
			if !errors.Is(err, idempotency.ErrCorrupt) {
				t.Errorf("Prune = %v, want ErrCorrupt", err)
			}
			break
		}
		if n == 0 {
			t.Fatal("nobody is told of what is damaged")
		}
	}
	if total != 40 {
		t.Errorf("%d were pruned, want all but the two that are damaged", total)
	}
	if _, err := s.Get(t.Context(), idempotency.IDOf("job 0")); !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("Get = %v, want ErrCorrupt", err)
	}
}
