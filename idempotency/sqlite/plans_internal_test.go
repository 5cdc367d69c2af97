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

// TestPlanOfFewMessages: workers ask again and again for the messages that wait, and the
// first screen for those that are parked, which are few among all that ever came in.
func TestPlanOfFewMessages(t *testing.T) {
	t.Parallel()
	for _, state := range []idempotency.MessageState{idempotency.MessageWaiting, idempotency.MessageParked} {
		for _, bare := range []bool{false, true} {
			t.Run(string(state)+" bare "+strconv.FormatBool(bare), func(t *testing.T) {
				t.Parallel()
				planOfFew(t, state, bare)
			})
		}
	}
}

func planOfFew(t *testing.T, state idempotency.MessageState, bare bool) {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), WithMode(postproof.ModeTest), WithReaders(1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		m := &idempotency.Message{Vendor: "lob", Dedupe: strconv.Itoa(i), State: idempotency.MessageApplied}
		if i == 0 {
			m.State = state
		}
		if _, err := s.Inbox().Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, err := range s.Inbox().List(t.Context(), idempotency.MessageQuery{States: []idempotency.MessageState{state}, Bare: bare}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	reader := <-s.readers
	steps := 0
	err = reader.c.Raw(func(c any) error {
		raw, ok := c.(driver.Conn)
		if !ok {
			return errors.New("another driver")
		}
		for stmt := range raw.Raw().Stmts() {
			if strings.Contains(stmt.SQL(), "FROM messages") {
				steps += stmt.Status(sqlite3.STMTSTATUS_VM_STEP, false)
			}
		}
		return nil
	})
	s.readers <- reader
	if err != nil || n != 1 || steps == 0 || steps > 500 {
		t.Errorf("%d messages in %d steps of the engine, %v, want one in some", n, steps, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
