package sqlite

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// longHistory is a ledger with a record that has so many entries of its own, each
// beside another's, after so many of the ledger's and one from before it was
// there, and before as many again.
func longHistory(t *testing.T, own, loose int) (*Store, idempotency.ID, []string) {
	t.Helper()
	s := openTest(t)
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	id := idempotency.IDOf("long")
	commit := func(ch ...idempotency.Change) {
		t.Helper()
		if errs, err := s.Commit(t.Context(), ch); err != nil || errs != nil {
			t.Fatal(errs, err)
		}
	}
	ledgers := func() {
		var ch []idempotency.Change
		for i := range loose {
			ch = append(ch, idempotency.Change{Entries: []idempotency.Entry{{At: now, Kind: "ledger", Note: fmt.Sprint(i)}}})
		}
		commit(ch...)
	}
	ledgers()
	commit(idempotency.Change{Entries: []idempotency.Entry{{ID: id, At: now, Kind: "mine", Note: "before"}}})
	want := []string{"before"}
	record := func(key string, fence uint64, note string) idempotency.Change {
		rec := &idempotency.Record{
			Version: idempotency.RecordVersion, ID: idempotency.IDOf(postproof.Key(key)), Key: postproof.Key(key), Job: []byte("{}"),
			State: idempotency.Planned, Fence: fence, Generation: 1, Due: now, CreatedAt: now, UpdatedAt: now,
		}
		return idempotency.Change{Record: rec, Expect: fence - 1, Entries: []idempotency.Entry{{ID: rec.ID, At: now, Kind: "mine", Note: note}}}
	}
	var ch []idempotency.Change
	for i := range own {
		note := fmt.Sprint(i)
		ch = append(ch, record("long", uint64(i+1), note), record("other", uint64(i+1), "not "+note))
		want = append(want, note)
	}
	commit(ch...)
	ledgers()
	return s, id, want
}

// A history is read once, however long it is, from any place and in any number: all of
// it, in order, and nothing of others.
func TestHistoryOfARecordIsWhole(t *testing.T) {
	t.Parallel()
	for _, own := range []int{0, 1, pageSize - 2, pageSize - 1, pageSize, 3 * pageSize} {
		for _, loose := range []int{0, pageSize - 1, pageSize, 2*pageSize + 1} {
			s, id, want := longHistory(t, own, loose)
			var seqs []uint64
			list := func(q idempotency.EntryQuery) (got []string) {
				t.Helper()
				seqs = nil
				for e, err := range s.Entries(t.Context(), q) {
					if err != nil {
						t.Fatal(err)
					}
					if e.ID != id {
						t.Errorf("an entry of %q", e.ID)
					}
					got, seqs = append(got, e.Note), append(seqs, e.Seq)
				}
				return got
			}
			if got := list(idempotency.EntryQuery{ID: id}); !slices.Equal(got, want) || !slices.IsSorted(seqs) {
				t.Fatalf("%d of its own, %d of the ledger: %d entries, want %d", own, loose, len(got), len(want))
			}
			all := seqs
			for i := 0; i < len(want); i += 1 + len(want)/7 {
				if got := list(idempotency.EntryQuery{ID: id, After: all[i]}); !slices.Equal(got, want[i+1:]) {
					t.Errorf("behind place %d of %d: %d entries, want %d", i, len(want), len(got), len(want)-i-1)
				}
				if got := list(idempotency.EntryQuery{ID: id, Limit: i + 1}); !slices.Equal(got, want[:i+1]) {
					t.Errorf("the first %d of %d: %d entries", i+1, len(want), len(got))
				}
			}
		}
	}
}

// What a history costs grows as it does: neither is the chain walked again for each
// page, nor is what the ledger wrote down after the record was there looked at.
func TestHistoryOfARecordCostsWhatItIs(t *testing.T) {
	t.Parallel()
	steps := func(own, loose int) int {
		s, id, want := longHistory(t, own, loose)
		n := 0
		for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{ID: id}) {
			if err != nil || e.ID != id {
				t.Fatal(e, err)
			}
			n++
		}
		if n != len(want) {
			t.Fatalf("%d entries, want %d", n, len(want))
		}
		total := 0
		for range cap(s.readers) {
			c := <-s.readers
			err := c.c.Raw(func(c any) error {
				raw, ok := c.(driver.Conn)
				if !ok {
					return fmt.Errorf("another driver: %T", c)
				}
				for stmt := range raw.Raw().Stmts() {
					total += stmt.Status(sqlite3.STMTSTATUS_VM_STEP, false)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { s.readers <- c }()
		}
		return total
	}
	for name, two := range map[string][2]int{
		"ten times as long":                  {steps(2*pageSize, 0), steps(20*pageSize, 0)},
		"ten times as much before and after": {steps(10, 2*pageSize), steps(10, 20*pageSize)},
	} {
		if two[0] == 0 || two[1] > 14*two[0] {
			t.Errorf("%s: %d steps instead of %d, which is %.1f times as many", name, two[1], two[0], float64(two[1])/float64(two[0]))
		}
	}
}
