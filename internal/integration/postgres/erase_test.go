package postgres_test

import (
	"database/sql"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// rowsThatName returns the tables of a schema with a row that holds a text, also
// as bytes.
func rowsThatName(t *testing.T, db *sql.DB, schema, text string) (tables []string) {
	t.Helper()
	for _, table := range []string{"records", "jobs", "entries", "refs", "pieces", "messages", "settings", "counters", "blobs", "chunks", "depth"} {
		var n int
		query := `SELECT count(*) FROM "` + schema + `".` + table + ` AS t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%'`
		if err := db.QueryRowContext(t.Context(), query, text, hex.EncodeToString([]byte(text))).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			tables = append(tables, table)
		}
	}
	return tables
}

// TestErase: no row names an erased person, whether the job came by itself or in
// a transaction of the application's, and the same key sends nothing.
func TestErase(t *testing.T) {
	t.Parallel()
	sim, err := vendorsim.Start(vendorsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	printer, err := lob.New("test_simlob", lob.WithBaseURL(sim.URL+"/lob/v1"), lob.WithUseType(lob.Operational))
	if err != nil {
		t.Fatal(err)
	}
	schema, db := newSchema(t), openDB(t, "pgx", pgtest.Shared(t))
	store := openStore(t, db, schema)
	c, err := client.New(t.Context(), store, []vendors.Adapter{printer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	ada := func(key postproof.Key) postproof.Job {
		return postproof.Job{
			Key: key, Class: postproof.FirstClass, Campaign: "spring", Contact: "Ada Quill",
			To:    postproof.Address{Name: "Ada Quill", Line1: "12 Elm Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
			Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>Dear Ada Quill</b>", Back: "<b>back</b>"}},
		}
	}
	rec, err := c.Submit(t.Context(), ada("one"))
	if err != nil {
		t.Fatal(err)
	}
	tx := begin(t, db)
	if _, err := c.EnqueueTx(t.Context(), store.In(tx), func(yield func(postproof.Job, error) bool) { yield(ada("two"), nil) }); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	told := &idempotency.Message{Vendor: "lob", Mode: postproof.ModeTest, Dedupe: "evt", State: idempotency.MessageApplied, Body: []byte(rec.Receipt.VendorID + " Ada Quill")}
	if _, err := store.Inbox().Put(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	if n := len(rowsThatName(t, db, schema, "Ada Quill")); n < 4 {
		t.Fatalf("%d tables name her, the test looks for what was never there", n)
	}
	rep, err := c.Erase(t.Context(), client.Erasure{Contacts: []string{"Ada Quill"}, Now: true, Artwork: true}, client.Actor{By: "officer", Why: "request 17"})
	if err != nil || len(rep.Jobs) != 2 || len(rep.Messages) != 1 || !rep.Complete() || rep.Storage != client.StorageLeft {
		t.Fatalf("%+v, %v", rep, err)
	}
	for _, word := range []string{"Ada Quill", "12 Elm Street"} {
		if tables := rowsThatName(t, db, schema, word); len(tables) > 0 {
			t.Errorf("%s stands in %s", word, strings.Join(tables, ", "))
		}
	}
	for _, key := range []postproof.Key{"one", "two"} {
		if _, err := c.Submit(t.Context(), ada(key)); key == "one" && err != nil {
			t.Errorf("submitted again: %v", err)
		}
	}
	if n := len(sim.Prints()); n > 1 {
		t.Errorf("%d pieces were printed", n)
	}
	if tables := rowsThatName(t, db, schema, "Ada Quill"); len(tables) > 0 {
		t.Errorf("submitted again she stands in %s", strings.Join(tables, ", "))
	}
}
