package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

func start() time.Time { return time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC) }

// record returns the i-th record, just planned.
func record(i int) *idempotency.Record {
	key := postproof.Key(fmt.Sprintf("spring/contact %d/postcard", i))
	return &idempotency.Record{
		Version: idempotency.RecordVersion, ID: idempotency.IDOf(key), Key: key, Job: []byte(`{"to": "somebody"}`),
		Fingerprint: "v1:00112233445566778899aabbccddeeff", Mode: postproof.ModeTest, Campaign: "spring",
		State: idempotency.Planned, Fence: 1, Generation: 1, Due: start(), CreatedAt: start(), UpdatedAt: start(),
	}
}

// create is the change that makes the record.
func create(r *idempotency.Record) idempotency.Change {
	return idempotency.Change{Record: r, Entries: []idempotency.Entry{{ID: r.ID, At: r.UpdatedAt, Kind: "created", To: r.State, Fence: 1}}}
}

// step is the next change of a record: an intent, an acceptance, and so on.
func step(old *idempotency.Record) idempotency.Change {
	r := *old
	r.Submissions = slices.Clone(old.Submissions)
	r.Fence++
	r.Lease = idempotency.Lease{}
	if old.State == idempotency.Sending {
		r.State = idempotency.Accepted
		r.Submissions[len(r.Submissions)-1].VendorID = fmt.Sprintf("psc_%.12s_%d", r.ID, r.Fence)
	} else {
		r.State, r.Generation = idempotency.Sending, r.Generation+1
		r.Submissions = append(r.Submissions, idempotency.Submission{
			Generation: r.Generation, Vendor: "lob", FirstAt: start(), LastAt: start(), Sends: 1,
			Ref: idempotency.Namespace("integration").Ref(postproof.ModeTest, postproof.Key(r.ID), r.Generation),
		})
	}
	return idempotency.Change{
		Record: &r, Expect: old.Fence,
		Entries: []idempotency.Entry{{ID: r.ID, At: r.UpdatedAt, Kind: "changed", From: old.State, To: r.State, Fence: r.Fence}},
	}
}

func entriesOf(tb testing.TB, s *postgres.Store, id idempotency.ID) int {
	tb.Helper()
	n := 0
	for _, err := range s.Entries(tb.Context(), idempotency.EntryQuery{ID: id}) {
		if err != nil {
			tb.Fatal(err)
		}
		n++
	}
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }

// configure changes a setting of the server, and waits until it is in force.
func configure(t *testing.T, c *pgtest.Cluster, line string) {
	t.Helper()
	if err := c.Configure(line); err != nil {
		t.Fatal(err)
	}
	if err := c.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	name, want, _ := strings.Cut(line, " = ")
	db := openDB(t, "pgx", c.DSN(""))
	for range 200 {
		var have string
		if err := db.QueryRowContext(t.Context(), "SELECT current_setting($1)", name).Scan(&have); err != nil {
			t.Fatal(err)
		}
		if have == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s is not in force", line)
}

func expectUnsafe(t *testing.T, err error, names string) {
	t.Helper()
	if !errors.Is(err, postgres.ErrUnsafe) || !strings.Contains(err.Error(), names) {
		t.Errorf("Open = %v, want ErrUnsafe and the name of %s", err, names)
	}
}
