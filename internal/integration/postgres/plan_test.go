package postgres_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// planRows is how many records the plans are made for.
func planRows() int {
	if pgtest.Full() {
		return 1_000_000
	}
	return 200_000
}

// TestPlans lets the server explain what the store does on a ledger of many
// records: no statement of daily work may read through a table that grows.
func TestPlans(t *testing.T) {
	t.Parallel()
	// The server itself says how it carried out each statement, in the session
	// of the store: its settings and its prepared plans count.
	c := explaining(t)
	db, schema := openDB(t, "pgx", c.DSN("")), newSchema(t)
	s := openStore(t, db, schema)
	fillFast(t, db, schema, planRows())
	analyze(t, db)
	pause := []string{"paused"}
	var sent []idempotency.Change
	claim := func(least *int, skip []string, want int) {
		rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 50, Lease: time.Minute, Now: start(), Skip: skip, Least: least})
		if err != nil || len(rs) != want {
			t.Fatalf("claimed %d records, %v, want %d", len(rs), err, want)
		}
		for _, r := range rs {
			if r.Campaign == "paused" && r.State == idempotency.Planned && skip != nil {
				t.Fatalf("a planned record of a paused campaign was claimed")
			}
			c := step(r)
			c.Record.Due = start().Add(time.Hour)
			sent = append(sent, c)
			if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	claim(nil, nil, 50)
	claim(nil, pause, 50)
	claim(nil, pause, 50)
	// Of a campaign that is left alone, one that was sent comes up, past all that
	// is planned.
	high, unknown := 100, step(sent[0].Record)
	unknown.Record.State, unknown.Record.Campaign, unknown.Record.Due = idempotency.Unknown, "paused", start()
	if err := idempotency.CommitOne(t.Context(), s, unknown); err != nil {
		t.Fatal(err)
	}
	claim(&high, pause, 1)
	for _, req := range []idempotency.ClaimRequest{{Now: start()}, {Now: start(), Skip: pause}, {Now: start(), Skip: pause, Least: &high}} {
		if _, err := s.OldestDue(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	r := record(1)
	r.Campaign = "small"
	if err := idempotency.CommitOne(t.Context(), s, create(r)); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]idempotency.Query{
		"held": {States: []idempotency.State{idempotency.Held}}, "ref": {Ref: step(r).Record.Submissions[0].Ref},
		"piece": {Vendor: "lob", VendorID: "psc_1"}, "campaign": {Campaign: "small"},
		"ids": {IDs: []idempotency.ID{r.ID, record(2).ID}}, "bare ids": {IDs: []idempotency.ID{r.ID, record(2).ID}, Bare: true},
	} {
		for _, err := range s.Find(t.Context(), q) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	entriesOf(t, s, r.ID)
	if _, err := s.Prune(t.Context(), start(), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Inbox().Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 5, Lease: time.Minute, Now: start()}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // stored, and compared with what is there
		if _, err := s.PutBlob(t.Context(), strings.NewReader(strings.Repeat("artwork ", 200_000))); err != nil {
			t.Fatal(err)
		}
	}
	plans := readPlans(t, c)
	if len(plans) < 100 {
		t.Fatalf("the server has explained %d statements: the test looks at the wrong thing", len(plans))
	}
	claims, oldest, sums := 0, 0, 0
	for _, p := range plans {
		switch {
		case strings.Contains(p.Text, "min(f.due)"):
			oldest++
			if n := p.Plan.visited(); n > 500 { // it steps over what is leased: 150
				t.Errorf("the oldest record that is due was found among %d rows", n)
			}
		case strings.Contains(p.Text, "WITH RECURSIVE groups"):
			claims++
			if n := p.Plan.visited(); n > 2000 {
				t.Errorf("a claim of 50 has looked at %d rows", n)
			}
		}
		if strings.Contains(p.Text, "sha256") && strings.Contains(p.Text, ".chunks") {
			sums++
			p.Plan.walk(func(n *node) {
				if n.Type == "Aggregate" { // it ends at a gigabyte, and takes as much memory
					t.Errorf("one value is built of all chunks in:\n%s", p.Text)
				}
			})
		}
		if !strings.Contains(p.Text, schema) || strings.Contains(p.Text, "ANALYZE") || strings.Contains(p.Text, "generate_series") || strings.Contains(p.Text, "CREATE ") {
			continue
		}
		p.Plan.walk(func(n *node) {
			if n.Type == "Seq Scan" && n.Relation != "ledger" && n.Relation != "depth" {
				t.Errorf("a sequential scan of %s in:\n%s", n.Relation, p.Text)
			}
		})
	}
	if sums < 2 {
		t.Errorf("chunks were compared %d times: the test looks at the wrong thing", sums)
	}
	if oldest != 3 {
		t.Errorf("%d looks for the oldest record were explained: the test looks at the wrong thing", oldest)
	}
	if claims < 4 {
		t.Errorf("%d claims were explained: the test looks at the wrong thing", claims)
	}
}

// fillFast writes records as a campaign of that size has them, past the store:
// half are done, most of the others wait in a campaign that is paused.
func fillFast(t *testing.T, db *sql.DB, schema string, n int) {
	t.Helper()
	r := record(0)
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	// What the store notes of a job, so that all have it.
	pattern, sum := record(-1), int64(0)
	pattern.Job, pattern.State, pattern.Due = []byte("job"), idempotency.Done, time.Time{}
	if err := idempotency.CommitOne(t.Context(), openStore(t, db, schema), idempotency.Change{Record: pattern}); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT job_sum FROM "+schema+".records /* generate_series */").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf(`INSERT INTO %s.records SELECT -i, id, 1, 1, state, campaign, '', -9223372036854775808,
			CASE WHEN state = 'done' THEN %d END, NULL, '', %d, convert_to(replace('%s', '%s', encode(id, 'hex')), 'UTF8')
		FROM (SELECT i, sha256(('spring/contact ' || i || '/fast')::bytea) AS id, CASE WHEN i %% 2 = 0 THEN 'done' ELSE 'planned' END AS state,
			CASE WHEN i %% 10 = 1 THEN 'open' || i %% 7 ELSE 'paused' END AS campaign FROM generate_series(1, %d) AS i) AS i`,
			schema, start().Add(time.Hour).UnixNano(), sum,
			strings.Replace(string(data), `"key":"`+string(r.Key)+`",`, "", 1), r.ID, n),
		fmt.Sprintf(`INSERT INTO %[1]s.queue (num, rank, campaign, due, visible, key, version, state)
			SELECT num, -1, campaign, %[2]d - num, 0, num, 1, state FROM %[1]s.records WHERE num < 0 AND state = 'planned' /* generate_series */`,
			schema, start().Add(-time.Hour).UnixNano()),
		fmt.Sprintf(`INSERT INTO %s.jobs SELECT -i, 'job' FROM generate_series(1, %d) AS i`, schema, n),
		fmt.Sprintf(`INSERT INTO %[1]s.depth SELECT campaign, state, count(*) FROM %[1]s.records GROUP BY 1, 2 /* generate_series */`, schema),
		fmt.Sprintf(`INSERT INTO %s.entries SELECT -i, -i, NULL, '{"kind":"created"}' FROM generate_series(1, %d) AS i`, schema, n),
		fmt.Sprintf(`INSERT INTO %[1]s.refs SELECT 'fast' || i, -i FROM generate_series(1, %[2]d) AS i`, schema, n),
		fmt.Sprintf(`INSERT INTO %[1]s.pieces SELECT 'fast' || i, 'lob', -i FROM generate_series(1, %[2]d) AS i`, schema, n),
		fmt.Sprintf(`INSERT INTO %s.blobs (digest, size) SELECT ('fast' || i)::bytea, 1 FROM generate_series(1, 10000) AS i`, schema),
		fmt.Sprintf(`INSERT INTO %s.chunks (digest, place, data) SELECT ('fast' || i)::bytea, 0, 'a' FROM generate_series(1, 10000) AS i`, schema),
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

func analyze(t *testing.T, db *sql.DB) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
}

// explaining starts a server that logs the plan of each statement.
func explaining(t *testing.T, settings ...string) *pgtest.Cluster {
	t.Helper()
	return pgtest.Private(t, append(settings, "session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_analyze = on",
		"auto_explain.log_timing = off", "auto_explain.log_format = json", "auto_explain.log_nested_statements = on", "log_min_messages = log",
		"log_line_prefix = ''", "log_destination = 'csvlog'", "logging_collector = on", "log_directory = '../logs'", "log_filename = 'server'")...)
}

// TestPlansOfAYoungLedger: the plans are made while the tables are empty, and
// kept. A ledger that grows under them is not read through for it.
func TestPlansOfAYoungLedger(t *testing.T) {
	t.Parallel()
	c := explaining(t, "autovacuum = off") // which would tell the server how large the tables have become
	db, schema := openDB(t, "pgx", c.DSN("")), newSchema(t)
	s := openStore(t, db, schema)
	round := func(r *idempotency.Record) {
		if err := idempotency.CommitOne(t.Context(), s, create(r)); err != nil {
			t.Fatal(err)
		}
		rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 50, Lease: time.Minute, Now: start()})
		if err != nil || len(rs) == 0 {
			t.Fatalf("claimed %d records, %v, want some", len(rs), err)
		}
		change := step(rs[0])
		change.Reads = []idempotency.SettingRead{{Name: "pause"}}
		if err := idempotency.CommitOne(t.Context(), s, change); err != nil {
			t.Fatal(err)
		}
		for _, q := range []idempotency.Query{
			{Ref: change.Record.Submissions[0].Ref},
			{Vendor: "lob", VendorID: "psc_1"},
			{IDs: []idempotency.ID{r.ID, change.Record.ID}},
			{Campaign: "small"},
			{States: []idempotency.State{idempotency.Held}},
		} {
			for _, err := range s.Find(t.Context(), q) {
				if err != nil {
					t.Error(err)
				}
			}
		}
	}
	round(record(1))
	analyze(t, db) // of next to nothing
	round(record(2))
	before := len(readPlans(t, c))
	fillFast(t, db, schema, 5000)
	round(record(3))
	plans := readPlans(t, c)[before:]
	own := 0
	for _, p := range plans {
		if !strings.Contains(p.Text, schema) || strings.Contains(p.Text, "generate_series") {
			continue
		}
		own++
		if n := p.Plan.visited(); n > 1000 {
			t.Errorf("%d rows were looked at by:\n%s", n, p.Text)
		}
	}
	if own < 8 {
		t.Errorf("%d statements were explained: the test looks at the wrong thing", own)
	}
}

// TestPlanOfFewMessages: workers ask again and again for the messages that wait, and the
// first screen for those that are parked, and people for both, which are few among all
// that ever came in.
func TestPlanOfFewMessages(t *testing.T) {
	t.Parallel()
	c := explaining(t)
	db, schema := openDB(t, "pgx", c.DSN("")), newSchema(t)
	s := openStore(t, db, schema)
	few := []*idempotency.Message{{State: idempotency.MessageWaiting}, {State: idempotency.MessageParked}}
	for _, m := range few {
		m.Vendor, m.Dedupe, m.ReceivedAt = "lob", string(m.State), start()
		if _, err := s.Inbox().Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	fill := `INSERT INTO %[1]s.messages SELECT 1000 + i, 'lob', '', 'test', 'fast' || i, 0, 'applied', 3, 0, 0, '', 0, 0, '', NULL, 'body' FROM generate_series(1, 20000) AS i`
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(fill, schema)); err != nil {
		t.Fatal(err)
	}
	analyze(t, db)
	before := len(readPlans(t, c))
	lists := 0
	for _, wants := range [][]*idempotency.Message{few[:1], few[1:], few} {
		for _, q := range []idempotency.MessageQuery{{}, {Limit: 1}, {Bare: true}, {Bare: true, Limit: 1}} {
			lists++
			for _, want := range wants {
				q.States = append(q.States, want.State)
			}
			n := 0
			for m, err := range s.Inbox().List(t.Context(), q) {
				if err != nil || m.ID != wants[n].ID {
					t.Fatalf("%v: listed %v, %v", q.States, m, err)
				}
				n++
			}
			if want := len(wants); n != want && n != q.Limit {
				t.Errorf("%d messages are listed, want %d that are %v", n, want, q.States)
			}
		}
	}
	own := 0
	for began := time.Now(); own < lists && time.Since(began) < time.Minute; { // the server writes its log beside
		own = 0
		for _, p := range readPlans(t, c)[before:] {
			if strings.Contains(p.Text, schema) {
				own++
				if n := p.Plan.visited(); n > 100 {
					t.Fatalf("%d rows were looked at by:\n%s", n, p.Text)
				}
			}
		}
	}
	if own == 0 {
		t.Error("no statement was explained: the test looks at the wrong thing")
	}
}

type explained struct {
	Text string `json:"Query Text"`
	Plan node   `json:"Plan"`
}

type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Plans    []node  `json:"Plans"`
}

func (n *node) walk(visit func(*node)) {
	visit(n)
	for i := range n.Plans {
		n.Plans[i].walk(visit)
	}
}

// visited is how many rows of tables were looked at.
func (n *node) visited() int {
	total := 0.0
	n.walk(func(n *node) {
		if n.Relation != "" {
			total += (n.Rows + n.Removed) * n.Loops
		}
	})
	return int(total)
}

func readPlans(t *testing.T, c *pgtest.Cluster) []explained {
	t.Helper()
	var plans []explained
	for _, message := range c.Log(t) {
		_, text, ok := strings.Cut(message, "plan:\n")
		if !ok {
			continue
		}
		var p explained
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatalf("plan: %v\n%s", err, text)
		}
		plans = append(plans, p)
	}
	return plans
}

// TestSettingsThatLose: a server that forgets what it has acknowledged is no
// place for a ledger.
func TestSettingsThatLose(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	open := func(ctx context.Context, dsn string) error {
		s, err := postgres.New(ctx, openDB(t, "pgx", dsn), postgres.WithMode(postproof.ModeTest), postgres.WithSchema("strict"))
		if err == nil {
			err = s.Close()
		}
		return err
	}
	if err := open(t.Context(), c.DSN("")); err != nil {
		t.Fatalf("Open of a good server: %v", err)
	}
	for _, level := range []string{"local", "remote_write", "remote_apply"} {
		if err := open(t.Context(), c.DSN("")+"&synchronous_commit="+level); err != nil {
			t.Errorf("Open with synchronous_commit = %s: %v", level, err)
		}
	}
	expectUnsafe(t, open(t.Context(), c.DSN("")+"&synchronous_commit=off"), "synchronous_commit")
	for _, name := range []string{"fsync", "full_page_writes"} {
		configure(t, c, name+" = off")
		expectUnsafe(t, open(t.Context(), c.DSN("")), name)
		configure(t, c, name+" = on")
	}
	db := openDB(t, "pgx", c.DSN(""))
	db.SetMaxOpenConns(2)
	if _, err := postgres.New(t.Context(), db, postgres.WithMode(postproof.ModeTest)); err == nil || !strings.Contains(err.Error(), "SetMaxOpenConns") {
		t.Errorf("Open with two connections = %v, want an error that says what to do", err)
	}
}
