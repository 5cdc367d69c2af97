package sqlite

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// TestPlannedOnce: no statement of the writer is planned anew for other values
// than the first time, which takes longer than most statements.
func TestPlannedOnce(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	for round := range 8 {
		var changes []idempotency.Change
		for i := range 4 {
			key := postproof.Key("job " + strconv.Itoa(round) + "/" + strconv.Itoa(i))
			changes = append(changes, idempotency.Change{
				Record: &idempotency.Record{
					Version: idempotency.RecordVersion, ID: idempotency.IDOf(key), Key: key, Job: []byte("{}"), State: idempotency.Planned,
					Campaign: "c" + strconv.Itoa(i%2), Fence: 1, Generation: 1, Due: now, CreatedAt: now, UpdatedAt: now,
				},
				Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}, Reads: []idempotency.SettingRead{{Name: "pause"}},
			})
		}
		if errs, err := s.Commit(t.Context(), changes); err != nil || errs != nil {
			t.Fatal(errs, err)
		}
		claimed, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 3 + round%2, Lease: time.Minute, Now: now.Add(time.Duration(round))})
		if err != nil || len(claimed) == 0 {
			t.Fatalf("claimed %d records, %v", len(claimed), err)
		}
		for i, r := range claimed {
			next := *r
			next.Fence, next.State, next.Due = r.Fence+1, idempotency.Sending, now.Add(time.Hour)
			if i == 0 {
				next.State, next.Due = idempotency.Unknown, now
			}
			next.Submissions = []idempotency.Submission{{Generation: 1, Vendor: "lob", Ref: postproof.Ref("REF" + r.Key), VendorID: "psc" + string(r.Key)}}
			if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Record: &next, Expect: r.Fence}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Prune(t.Context(), now, 10); err != nil {
			t.Fatal(err)
		}
	}
	s.writer.combiner.Close() // the connection is the test's from here
	seen := 0
	err := s.writer.c.Raw(func(c any) error {
		raw, ok := c.(driver.Conn)
		if !ok {
			return errors.New("another driver")
		}
		for stmt := range raw.Raw().Stmts() {
			seen++
			if n := stmt.Status(sqlite3.STMTSTATUS_REPREPARE, false); n > 2 { // the schema changes at the start
				t.Errorf("planned %d times anew: %s", n, stmt.SQL())
			}
		}
		return nil
	})
	if err != nil || seen < 15 {
		t.Errorf("%d statements, %v: the test looks at the wrong thing", seen, err)
	}
}

// TestPlanOfFewMessages: workers ask again and again for the messages that wait, the
// first screen for those that are parked, and people for both, which are few among all
// that ever came in.
func TestPlanOfFewMessages(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), WithMode(postproof.ModeTest), WithReaders(1))
	if err != nil {
		t.Fatal(err)
	}
	const waiting, parked = idempotency.MessageWaiting, idempotency.MessageParked
	for _, state := range []idempotency.MessageState{waiting, parked} {
		if _, err := s.Inbox().Put(t.Context(), &idempotency.Message{Vendor: "lob", Dedupe: string(state), State: state}); err != nil {
			t.Fatal(err)
		}
	}
	s.writer.combiner.Close() // the connection is the test's from here
	const fill = `INSERT INTO messages WITH RECURSIVE n (i) AS (VALUES (1000) UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
		SELECT i, 'lob', '', 'test', 'fast' || i, 0, 'applied', 3, 0, 0, '', 0, 0, '', NULL, NULL FROM n`
	if _, err := s.writer.c.ExecContext(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	for _, states := range [][]idempotency.MessageState{{waiting}, {parked}, {parked, waiting}} {
		for _, bare := range []bool{false, true} {
			n := 0
			for _, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{States: states, Bare: bare}) {
				if n++; err != nil {
					t.Fatal(err)
				}
			}
			if steps := s.stepsOf(t, "FROM messages"); n != len(states) || steps == 0 || steps > 500 {
				t.Errorf("%v, bare %t: %d messages in %d steps of the engine, want %d in some", states, bare, n, steps, len(states))
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestPlanOfTheOldest: a metric asks for it every few seconds, beside millions of
// records that are due, are left alone, or have their end.
func TestPlanOfTheOldest(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), WithMode(postproof.ModeTest), WithReaders(1))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	states := []idempotency.State{idempotency.Planned, idempotency.Accepted, idempotency.Done}
	changes := make([]idempotency.Change, 6000)
	for i := range changes {
		key := postproof.Key("job " + strconv.Itoa(i))
		changes[i].Record = &idempotency.Record{
			Version: idempotency.RecordVersion, ID: idempotency.IDOf(key), Key: key, Job: []byte("{}"), State: states[i%3], Campaign: "c" + strconv.Itoa(i%4),
			Fence: 1, Generation: 1, Due: now.Add(-time.Duration(i+1) * time.Second), CreatedAt: now, UpdatedAt: now,
		}
	}
	if errs, err := s.Commit(t.Context(), changes); err != nil || errs != nil {
		t.Fatal(errs, err)
	}
	if rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 20, Lease: time.Hour, Now: now}); err != nil || len(rs) != 20 {
		t.Fatalf("claimed %d records, %v", len(rs), err)
	}
	for _, skip := range [][]string{nil, {"c0", "c1"}} {
		at, err := s.OldestDue(t.Context(), idempotency.ClaimRequest{Now: now, Skip: skip})
		if err != nil || now.Sub(at) < 5900*time.Second {
			t.Errorf("due %s, %v", now.Sub(at), err)
		}
		if steps := s.stepsOf(t, "FROM records") + s.stepsOf(t, "FROM depth"); steps == 0 || steps > 1500 {
			t.Errorf("found in %d steps of the engine, want some", steps)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// stepsOf returns how many steps the only reader took for the statements that have the
// text in them since it was last asked.
func (s *Store) stepsOf(t *testing.T, text string) (steps int) {
	t.Helper()
	reader := <-s.readers
	defer func() { s.readers <- reader }()
	err := reader.c.Raw(func(c any) error {
		raw, ok := c.(driver.Conn)
		if !ok {
			return errors.New("another driver")
		}
		for stmt := range raw.Raw().Stmts() {
			if strings.Contains(stmt.SQL(), text) {
				steps += stmt.Status(sqlite3.STMTSTATUS_VM_STEP, true)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return steps
}
