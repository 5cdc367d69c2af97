package postgres_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestNothingIsCompiled: in sessions that are not the store's own, those of a
// caller's transaction and of what only reads, the server takes no statement for
// so expensive that it compiles it first: a tenth of a second for a thousandth.
func TestNothingIsCompiled(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t, "jit = on", "session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_analyze = on",
		"auto_explain.log_timing = off", "auto_explain.log_format = json", "log_min_messages = log",
		"log_line_prefix = ''", "log_destination = 'csvlog'", "logging_collector = on", "log_directory = '../logs'", "log_filename = 'server'")
	db, schema := openDB(t, "pgx", c.DSN("")), newSchema(t)
	var compiles bool
	if err := db.QueryRowContext(t.Context(), "SELECT pg_jit_available()").Scan(&compiles); err != nil {
		t.Fatal(err)
	}
	if !compiles {
		pgtest.Skip(t, errors.New("the server was built without LLVM, and compiles nothing"))
	}
	s := openStore(t, db, schema)
	for _, analyzed := range []bool{false, true} { // before and after the server knows the tables
		first := 0
		if analyzed {
			first = 1000
			fillFast(t, db, schema, 20_000)
		}
		tx := begin(t, db)
		var changes []idempotency.Change
		for i := range 256 { // as many as the client enqueues at once
			changes = append(changes, create(record(first+i)))
		}
		if errs, err := s.In(tx).Commit(t.Context(), changes); errs != nil || err != nil {
			t.Fatal(errs, err)
		}
		if _, err := s.In(tx).Get(t.Context(), record(first).ID); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		fill(t, s, first+len(changes), 100)
		if !analyzed { // all that is planned
			drain(t, s, 4)
		} else if _, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 50, Lease: time.Minute, Now: start()}); err != nil {
			t.Fatal(err)
		}
		identify(t, s)
		if _, err := s.Depth(t.Context(), "spring"); err != nil {
			t.Fatal(err)
		}
		for _, q := range []idempotency.Query{
			{},
			{States: []idempotency.State{idempotency.Held}},
			{Campaign: "spring"},
			{Ref: step(record(0)).Record.Submissions[0].Ref},
			{Vendor: "lob", VendorID: "psc_1"},
			{IDs: []idempotency.ID{record(first).ID}, Bare: true},
		} {
			q.Limit = 100
			for _, err := range s.Find(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		entriesOf(t, s, record(first).ID)
		if _, err := s.Inbox().Put(t.Context(), &idempotency.Message{Vendor: "lob", Dedupe: itoa(first)}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Inbox().Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 5, Lease: time.Minute, Now: start()}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutBlob(t.Context(), strings.NewReader("artwork")); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for _, message := range c.Log(t) {
		_, text, ok := strings.Cut(message, "plan:\n")
		if !ok || !strings.Contains(text, schema) || strings.Contains(text, "generate_series") {
			continue
		}
		seen++
		var p struct {
			Text string          `json:"Query Text"`
			JIT  json.RawMessage `json:"JIT"`
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if p.JIT != nil {
			t.Errorf("the server compiles:\n%s\n%s", p.Text, p.JIT)
		}
	}
	if seen < 100 {
		t.Errorf("the server has explained %d statements: the test looks at the wrong thing", seen)
	}
}
