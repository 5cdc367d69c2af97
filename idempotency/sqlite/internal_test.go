package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

func openTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestFailingBatch: an operation that fails its transaction fails alone.
func TestFailingBatch(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	broken := errors.New("broken")
	count := func() *commitOp {
		return newCommitOp([]idempotency.Change{{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}}})
	}
	bad := &directOp{do: func(context.Context, *batch) error { return broken }}
	tries := 0
	flaky := &directOp{do: func(ctx context.Context, b *batch) error {
		tries++
		_, err := b.c.exec(ctx, "INSERT INTO counters VALUES ('flaky', 1)")
		b.dirty = true
		return err
	}}
	first, last := count(), count()
	s.writer.combiner.Close() // the writer is the test's from here
	s.writer.run([]operation{first, flaky, bad, last})
	for name, got := range map[string]error{"first": first.err, "flaky": flaky.err, "last": last.err} {
		if got != nil {
			t.Errorf("%s: %v, want it made by itself", name, got)
		}
	}
	if !errors.Is(bad.err, broken) || tries != 2 {
		t.Errorf("bad: %v, flaky was tried %d times, want once in the batch and once alone", bad.err, tries)
	}
	if n, err := s.Counter(t.Context(), "n"); n != 2 || err != nil {
		t.Errorf("counter = %d, %v, want 2: each once", n, err)
	}
	if n, err := s.Counter(t.Context(), "flaky"); n != 1 || err != nil {
		t.Errorf("flaky = %d, %v, want 1", n, err)
	}
}

func TestMarkerSlots(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "ledger.db")
	m, err := openMarker(db)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	want := mark{Epoch: newEpoch(), Session: 3, Commits: 10, Inode: "12", Device: "34", Self: "56", Boot: "0e1d3c4b-0000-0000-0000-000000000000"}
	if err := m.write(want); err != nil {
		t.Fatal(err)
	}
	read := func() mark {
		t.Helper()
		got, found, err := readMarker(db)
		if err != nil || !found {
			t.Fatalf("readMarker: %v, %v", found, err)
		}
		return got
	}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	for commits := int64(11); commits < 15; commits++ {
		if err := m.note(commits, true); err != nil {
			t.Fatal(err)
		}
		if got := read().Commits; got != commits {
			t.Errorf("commits = %d, want %d", got, commits)
		}
	}
	if err := m.note(12, true); err != nil { // never back
		t.Fatal(err)
	}
	if got := read().Commits; got != 14 {
		t.Errorf("commits = %d, want 14", got)
	}
	// A torn write leaves the other slot.
	if _, err := m.file.WriteAt([]byte("torn"), 14%2*slotSize+100); err != nil {
		t.Fatal(err)
	}
	if got := read().Commits; got != 13 {
		t.Errorf("commits = %d, want 13, of the slot that is whole", got)
	}
	// Another process was further.
	other, err := openMarker(db)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	further := want
	further.Commits = 99
	if err := other.write(further); err != nil {
		t.Fatal(err)
	}
	if err := m.note(20, false); err != nil {
		t.Fatal(err)
	}
	if got := read().Commits; got != 99 {
		t.Errorf("commits = %d, want 99, as the other process wrote", got)
	}
	if err := os.Truncate(db+markerSuffix, 100); err != nil {
		t.Fatal(err)
	}
	if _, found, err := readMarker(db); found || err != nil {
		t.Errorf("a marker that was cut off: %v, %v, want none", found, err)
	}
}

func TestBrokenBy(t *testing.T) {
	t.Parallel()
	base := mark{Epoch: "e", Session: 3, Commits: 10, Inode: "1", Device: "2", Self: "4", Boot: "b"}
	with := func(edit func(m *mark)) mark { m := base; edit(&m); return m }
	for name, tt := range map[string]struct {
		h     history
		m     mark
		found bool
		now   mark
		quiet bool
	}{
		"the same":                    {history{"e", 3, 10}, base, true, base, true},
		"killed after the commit":     {history{"e", 3, 12}, base, true, base, true},
		"killed while opening":        {history{"e", 4, 11}, base, true, base, true},
		"new":                         {history{"e", 0, 0}, mark{}, false, base, true},
		"another device after a boot": {history{"e", 3, 10}, base, true, with(func(m *mark) { m.Device, m.Boot = "9", "c" }), true},
		"no inodes here":              {history{"e", 3, 10}, mark{Epoch: "e", Session: 3, Commits: 10}, true, mark{}, true},
		"another device":              {history{"e", 3, 10}, base, true, with(func(m *mark) { m.Device = "9" }), false},
		"another file":                {history{"e", 3, 10}, base, true, with(func(m *mark) { m.Inode = "9" }), false},
		"another marker file":         {history{"e", 3, 10}, base, true, with(func(m *mark) { m.Self = "9" }), false},
		"no marker":                   {history{"e", 3, 10}, mark{}, false, base, false},
		"another epoch":               {history{"f", 3, 10}, base, true, base, false},
		"an older session":            {history{"e", 2, 10}, base, true, base, false},
		"an older commit":             {history{"e", 3, 9}, base, true, base, false},
	} {
		if got := brokenBy(tt.h, tt.m, tt.found, tt.now); (got == "") != tt.quiet {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestNanosSort(t *testing.T) {
	t.Parallel()
	ordered := []time.Time{
		{},
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(0, -1), time.Unix(0, 0), time.Unix(0, 1),
		time.Date(2261, 12, 31, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for i := 1; i < len(ordered); i++ {
		if codec.Nanos(ordered[i-1]) >= codec.Nanos(ordered[i]) {
			t.Errorf("%v does not come before %v", ordered[i-1], ordered[i])
		}
	}
	for _, at := range []time.Time{{}, time.Unix(0, 1), time.Date(2027, 3, 1, 9, 0, 0, 123456789, time.UTC)} {
		if got := codec.FromNanos(codec.Nanos(at)); !got.Equal(at) {
			t.Errorf("%v came back as %v", at, got)
		}
	}
}

// TestIndexes: what must be fast does not read through the ledger.
func TestIndexes(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for what, text := range map[string]string{
		"claim planned":   plannedText,
		"claim the rest":  restText,
		"claim both":      bothText,
		"ids":             strings.ReplaceAll(expand(selectWhole+keyText, 1000), "?", "7"),
		"bare ids":        strings.ReplaceAll(expand(selectBare+keyText, 1000), "?", "7"),
		"watched":         strings.Replace(watchedGroups, "?", "1", 1),
		"rare state":      selectBare + strings.Replace(pageText, "{?}", rareText, 1),
		"campaign":        selectBare + strings.Replace(pageText, "{?}", campaignText, 1),
		"all":             selectBare + strings.Replace(pageText, "{?}", "", 1),
		"prune":           "SELECT num FROM records WHERE prune_at < 1 ORDER BY prune_at LIMIT 1",
		"key":             "SELECT num FROM records WHERE key = 0 AND id = x'00'",
		"reference":       "SELECT r.id FROM refs JOIN records AS r USING (num) WHERE ref = 'a'",
		"vendor's id":     "SELECT r.id FROM pieces JOIN records AS r USING (num) WHERE digest = 1",
		"history":         walkText,
		"history, a page": strings.ReplaceAll(linkedText(), "?", "7"),
		"history, before": strings.ReplaceAll(looseText, "?", "7"),
		"message":         "SELECT id FROM messages WHERE vendor = 'a' AND account = 'a' AND dedupe = 'a'",
		"claim message":   "SELECT id FROM messages WHERE state = 'waiting' AND visible <= 1 ORDER BY id LIMIT 1",
		"purge a message": "SELECT id FROM messages WHERE received < 1 AND state IN ('applied', 'ignored') AND (body IS NOT NULL OR header IS NOT NULL) ORDER BY received LIMIT 1",
	} {
		err := s.read(t.Context(), "explain", func(c *conn) error {
			rows, err := c.c.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					return err
				}
				bad := strings.HasPrefix(detail, "SCAN ") && what != "claim message" && detail != "SCAN c" && detail != "SCAN chain" // what was found
				if strings.HasPrefix(what, "claim ") && strings.HasPrefix(detail, "SEARCH records ") {
					// By planned and due: what is left alone is not walked through.
					bad = detail != "SEARCH records USING INDEX records_queue (campaign=? AND priority=? AND planned=? AND due<?)"
				}
				if index, ok := map[string]string{"rare state": "records_rare (rare=? AND key>?)", "campaign": "records_campaign (campaign=? AND key>?)"}[what]; ok && strings.HasPrefix(detail, "SEARCH records ") {
					bad = detail != "SEARCH records USING INDEX "+index
				}
				if strings.HasPrefix(what, "claim ") && strings.HasPrefix(detail, "USE TEMP B-TREE ") {
					bad = true // the index has the order
				}
				if bad || detail == "USE TEMP B-TREE FOR ORDER BY" {
					t.Errorf("%s: %s", what, detail)
				}
			}
			return rows.Err()
		})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestWeightOfWhatIsLarge: jobs and callbacks with much in them that come at once from
// many callers are not put into one transaction.
func TestWeightOfWhatIsLarge(t *testing.T) {
	t.Parallel()
	job := func(bytes int) *commitOp {
		return newCommitOp([]idempotency.Change{{Record: &idempotency.Record{Job: make([]byte, bytes)}}})
	}
	if small, large := job(2000).weight(), job(4<<20).weight(); small != 1 || large < maxBatch {
		t.Errorf("a small job weighs %d, one of 4 MiB %d, want 1 and all that a transaction takes, %d", small, large, maxBatch)
	}
	if n := (&putOp{m: &idempotency.Message{Body: make([]byte, 1<<20)}}).weight(); n < 16 {
		t.Errorf("a callback of 1 MiB weighs %d", n)
	}
}
