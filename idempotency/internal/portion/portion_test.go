package portion_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/portion"
)

// list returns changes with jobs of so many mebibytes each; none where it is less
// than 0.
func list(mebibytes ...int) []idempotency.Change {
	changes := make([]idempotency.Change, len(mebibytes))
	for i, n := range mebibytes {
		if n >= 0 {
			changes[i].Record = &idempotency.Record{Job: make([]byte, n<<20)}
		}
	}
	return changes
}

// TestOf: no part holds more than a server takes, none is empty, and none of the
// list is left out.
func TestOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		changes []idempotency.Change
		want    []int // lengths of the parts
	}{
		{"nothing", nil, nil},
		{"one", list(0), []int{1}},
		{"small jobs", list(make([]int, 1024)...), []int{1024}},
		{"many small jobs", list(make([]int, 2049)...), []int{1024, 1024, 1}},
		{"as much as a part may hold", list(2, 2), []int{2}},
		{"more than that", list(2, 2, 1), []int{2, 1}},
		{"one alone is more than that", list(1, 5, 1), []int{1, 1, 1}},
		{"the first is more than that", list(5, 1, 1), []int{1, 2}},
		{"changes without a record", list(-1, 4, -1, 1), []int{3, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []int
			next := 0
			for from, part := range portion.Of(tt.changes) {
				if from != next || &part[0] != &tt.changes[from] {
					t.Errorf("a part begins at %d, want %d", from, next)
				}
				next += len(part)
				got = append(got, len(part))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || next != len(tt.changes) {
				t.Errorf("%d of %d changes, lengths (-want +got):\n%s", next, len(tt.changes), diff)
			}
		})
	}
	for range portion.Of(list(make([]int, 3000)...)) {
		break // a caller whose first part failed stops there
	}
}

// TestWeight: what a usual job weighs is its change, and artwork of megabytes fills a
// transaction.
func TestWeight(t *testing.T) {
	t.Parallel()
	if got := portion.Weight(list(0, -1, 0)); got != 3 {
		t.Errorf("weight of small changes = %d, want 3", got)
	}
	if got := portion.Weight(list(4)); got != 513 {
		t.Errorf("weight of 4 MiB = %d, want 513", got)
	}
}
