package postgres_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestHotCounterBesideALongTransaction: a counter that each transaction writes, as
// those of a replay and of a cap are, costs no more while another transaction, a
// dump say, keeps the server from removing what is dead.
func TestHotCounterBesideALongTransaction(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t, "session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = -1", "auto_explain.log_analyze = on",
		"auto_explain.log_buffers = on", "auto_explain.log_timing = off", "auto_explain.log_format = json", "log_min_messages = log",
		"log_line_prefix = ''", "log_destination = 'csvlog'", "logging_collector = on", "log_directory = '../logs'", "log_filename = 'server'")
	db := openDB(t, "pgx", c.DSN(""))
	schema := newSchema(t)
	s := openStore(t, db, schema)
	long := begin(t, db)
	if _, err := long.ExecContext(t.Context(), "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class"); err != nil {
		t.Fatal(err)
	}
	const n = 1500
	add := idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "hot", Add: 1, Limit: n}}}
	for i := range n {
		if i == n-10 { // what the first ones cost is not asked
			configure(t, c, "auto_explain.log_min_duration = 0")
		}
		if err := idempotency.CommitOne(t.Context(), s, add); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := s.Counter(t.Context(), "hot"); err != nil || have != n {
		t.Errorf("counter = %d, %v, want %d", have, err, n)
	}
	// The pages that the latest statements went through to find the counter.
	read, wrote := -1, -1
	for _, message := range c.Log(t) {
		_, text, ok := strings.Cut(message, "plan:\n")
		if !ok || !strings.Contains(message, ".counters") {
			continue
		}
		var p struct {
			Text string `json:"Query Text"`
			Plan pages  `json:"Plan"`
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.Contains(p.Text, "INSERT INTO"):
			wrote = max(0, p.Plan.ofCounters())
		case strings.HasPrefix(p.Text, "SELECT 0 AS kind"): // what a transaction loads
			read = max(0, p.Plan.ofCounters())
		}
	}
	versions := 0
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+schema+".counters WHERE name = 'hot'").Scan(&versions); err != nil {
		t.Fatal(err)
	}
	if versions > 256 {
		t.Errorf("%d versions of the counter are kept", versions)
	}
	if read < 0 || wrote < 0 || read > 6 || wrote > 6 {
		t.Errorf("after %d transactions one reads %d pages for its counter and %d to write it", n, read, wrote)
	}
	t.Logf("%d pages read, %d to write", read, wrote)
}

// pages is a node of a plan and how many pages it went through.
type pages struct {
	Relation string  `json:"Relation Name"`
	Hit      int     `json:"Shared Hit Blocks"`
	Read     int     `json:"Shared Read Blocks"`
	Plans    []pages `json:"Plans"`
}

// ofCounters is the pages of the counters; -1 when the plan has none.
func (p *pages) ofCounters() int {
	sum := -1
	if p.Relation == "counters" {
		sum = p.Hit + p.Read
	}
	for i := range p.Plans {
		if n := p.Plans[i].ofCounters(); n >= 0 {
			sum = max(0, sum) + n
		}
	}
	return sum
}
