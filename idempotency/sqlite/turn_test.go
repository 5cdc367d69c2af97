package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// TestTurns: two stores that write to one file without a pause take turns, so
// that neither waits past the busy timeout. Without turns who has the lock gets
// it again and again, while the other looks now and then whether it is free.
func TestTurns(t *testing.T) {
	t.Parallel()
	const tries, most = 3, 15
	for range tries { // a machine that is busy may stop one of them for a while
		row := longestRow(t)
		if t.Logf("at most %d transactions of one store in a row", row); row <= most {
			return
		}
	}
	t.Errorf("more than %d transactions of one store in a row, while the other one waited, in each of %d tries", most, tries)
}

// longestRow lets two stores make 300 transactions and returns how many one has
// made in a row.
func longestRow(t *testing.T) int {
	t.Helper()
	const enough = 300
	path := filepath.Join(t.TempDir(), "ledger.db")
	var mu sync.Mutex
	total, row, longest, last := 0, 0, 0, 0
	made := func(by int) bool {
		mu.Lock()
		defer mu.Unlock()
		if by != last {
			last, row = by, 0
		}
		total++
		row++
		longest = max(longest, row)
		return total < enough
	}
	var wg sync.WaitGroup
	for i, s := range []*sqlite.Store{openStore(t, path), openStore(t, path)} {
		for w := range 3 { // there is always a next transaction
			wg.Go(func() {
				for more := true; more; more = made(i) {
					changes := make([]idempotency.Change, 512) // as many as one transaction takes
					for j := range changes {
						changes[j].Counters = []idempotency.CounterAdd{{Name: fmt.Sprint(i, w, j%8), Add: 1}}
					}
					if _, err := s.Commit(t.Context(), changes); err != nil {
						t.Errorf("Commit: %v", err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	return longest
}
