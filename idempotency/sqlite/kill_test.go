package sqlite_test

import (
	"bufio"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// submission returns the two changes that take a job from nothing to accepted.
func submission(name string) (intent, result idempotency.Change) {
	now := time.Now()
	key := postproof.Key(name)
	r := &idempotency.Record{
		Version: idempotency.RecordVersion, ID: idempotency.IDOf(key), Key: key, Campaign: "spring", Mode: postproof.ModeTest,
		Job:         []byte(`{"to":{"name":"Ada Example","line1":"12 Example Street","city":"Springfield","region":"IL","postal_code":"62701"},"class":"first","piece":{"kind":"postcard","short":4,"long":6}}`),
		Fingerprint: "v1:00112233445566778899aabbccddeeff", State: idempotency.Sending, Fence: 1, Generation: 1,
		Due: now, Lease: idempotency.Lease{Owner: "host/1", Until: now.Add(time.Minute)}, Deadline: now.Add(48 * time.Hour), CreatedAt: now, UpdatedAt: now,
		Submissions: []idempotency.Submission{{
			Generation: 1, Ref: idempotency.Namespace("test").Ref(postproof.ModeTest, key, 1), Vendor: "lob", Account: "acct",
			VendorKey: "00112233445566778899aabbccddeeff", FirstAt: now, LastAt: now, NotAfter: now.Add(time.Minute), Sends: 1,
		}},
	}
	accepted := *r
	accepted.State, accepted.Fence, accepted.Lease, accepted.Due = idempotency.Accepted, 2, idempotency.Lease{}, now.Add(24*time.Hour)
	accepted.Submissions = []idempotency.Submission{r.Submissions[0]}
	accepted.Submissions[0].Join, accepted.Submissions[0].VendorID = postproof.Accepted, "psc_"+string(r.ID[:16])
	accepted.Receipt = postproof.Receipt{Vendor: "lob", VendorID: accepted.Submissions[0].VendorID, Ref: r.Submissions[0].Ref, AcceptedAt: now}
	return idempotency.Change{Record: r, Entries: []idempotency.Entry{{ID: r.ID, At: now, Kind: "intent", To: r.State, Fence: 1, Vendor: "lob"}}},
		idempotency.Change{Record: &accepted, Expect: 1, Entries: []idempotency.Entry{{ID: r.ID, At: now, Kind: "accepted", From: r.State, To: accepted.State, Fence: 2, Vendor: "lob"}}}
}

// TestKill kills processes at work, again and again, and looks for everything
// that they were told is durable: a few times, or 200 with POSTPROOF_TEST_FULL.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 4
	if os.Getenv("POSTPROOF_TEST_FULL") != "" {
		rounds = 200
	}
	db := filepath.Join(t.TempDir(), "ledger.db")
	all, allReceived := map[idempotency.ID]uint64{}, []string(nil)
	for round := range rounds {
		acknowledged, received := map[idempotency.ID]uint64{}, []string(nil)
		workers := []*child{startChild(t, db, "jobs"), startChild(t, db, "jobs")}
		said := make(chan []string, len(workers))
		for _, w := range workers {
			atWork := make(chan struct{})
			go func() {
				var heard []string
				lines := bufio.NewScanner(w.out)
				for lines.Scan() { // until the pipe breaks with the process
					if heard = append(heard, lines.Text()); len(heard) == 40 {
						close(atWork)
					}
				}
				said <- heard
			}()
			select {
			case <-atWork:
			case <-time.After(time.Minute):
				t.Fatal("the child does nothing")
			}
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		for _, w := range workers {
			if err := w.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		for range workers {
			for _, line := range <-said {
				switch kind, id, _ := strings.Cut(line, " "); {
				case kind == "m" && len(id) == 64:
					received = append(received, id)
				case kind == "error":
					t.Errorf("round %d: %s", round, id)
				case len(id) == 64:
					n, _ := strconv.Atoi(kind)
					acknowledged[idempotency.ID(id)] = uint64(n)
				}
			}
		}
		for _, w := range workers {
			w.kill(t)
		}
		once(t, db, func(s *sqlite.Store) { lookForAll(t, s, acknowledged, received) })
		maps.Copy(all, acknowledged)
		allReceived = append(allReceived, received...)
	}
	once(t, db, func(s *sqlite.Store) { lookForAll(t, s, all, allReceived) })
	checkIntegrity(t, db)
	t.Logf("%d kills, %d jobs and %d messages acknowledged", 2*rounds, len(all), len(allReceived))
}

func lookForAll(t *testing.T, s *sqlite.Store, acknowledged map[idempotency.ID]uint64, received []string) {
	t.Helper()
	if identity(t, s).EpochChanged() {
		t.Error("a kill changed the epoch")
	}
	for id, fence := range acknowledged {
		r, err := s.Get(t.Context(), id)
		if err != nil {
			t.Errorf("acknowledged job: %v", err)
			continue
		}
		n := 0
		for _, err := range s.Entries(t.Context(), idempotency.EntryQuery{ID: id}) {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if r.Fence < fence || n != int(r.Fence) {
			t.Errorf("acknowledged fence %d, there is %d with %d entries", fence, r.Fence, n)
		}
	}
	there := map[string]bool{}
	for m, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		there[m.Dedupe] = true
	}
	for _, dedupe := range received {
		if !there[dedupe] {
			t.Errorf("an acknowledged message is not there")
		}
	}
}

// checkIntegrity compares everything that is kept twice.
func checkIntegrity(t *testing.T, db string) {
	t.Helper()
	file := raw(t, db)
	var verdict string
	if err := file.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %s, %v", verdict, err)
	}
	for what, text := range map[string]string{
		"depth":       "SELECT count(*) FROM (SELECT campaign, state, priority, count(*) AS n FROM records GROUP BY 1, 2, 3) AS r FULL JOIN (SELECT * FROM depth WHERE n <> 0) AS d USING (campaign, state, priority) WHERE r.n IS NOT d.n",
		"references":  "SELECT count(*) FROM records WHERE links <> '' AND num NOT IN (SELECT num FROM refs)",
		"jobs":        "SELECT count(*) FROM records FULL JOIN jobs USING (num) WHERE (job_sum <> 0) IS NOT (job IS NOT NULL)",
		"keys":        "SELECT count(*) FROM records WHERE substr(lower(hex(id)), 2, 15) <> substr(printf('%016x', key), 2)",
		"entries":     "SELECT count(*) FROM entries WHERE num <> 0 AND num NOT IN (SELECT num FROM records)",
		"tails":       "SELECT count(*) FROM (SELECT num, max(seq) AS last FROM entries WHERE num <> 0 GROUP BY num) AS e FULL JOIN records AS r USING (num) WHERE coalesce(last, 0) <> tail",
		"chains":      "SELECT count(*) FROM (SELECT num, prev, lag(seq, 1, 0) OVER (PARTITION BY num ORDER BY seq) AS before FROM entries WHERE num <> 0) WHERE prev <> before",
		"last record": "SELECT count(*) FROM ledger WHERE last_record < (SELECT max(num) FROM records)",
		"last entry":  "SELECT count(*) FROM ledger WHERE last_entry < (SELECT max(seq) FROM entries)",
	} {
		var wrong int
		if err := file.QueryRowContext(t.Context(), text).Scan(&wrong); err != nil || wrong > 0 {
			t.Errorf("%s: %d rows do not agree, %v", what, wrong, err)
		}
	}
	rows, err := file.QueryContext(t.Context(), "SELECT "+codec.Columns+", state, job_sum, links FROM records LEFT JOIN jobs USING (num)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var raw codec.Stored
		var state, links string
		var sum int64
		if err := rows.Scan(append(raw.Dest(), &state, &sum, &links)...); err != nil {
			t.Fatal(err)
		}
		r, err := raw.Record()
		if err != nil {
			t.Error(err)
			continue
		}
		if row := codec.Encode(r); row.State != state || row.JobSum != sum || row.Links != links {
			t.Errorf("%s: the columns say %s, %d and %q", r.ID, state, sum, links)
		}
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}
