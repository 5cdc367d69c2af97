package idempotency_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// A submission may cost 40 allocations altogether; the ledger gets few of them.
//
//nolint:paralleltest // AllocsPerRun counts the allocations of other tests, too
func TestMemoryCommitAllocations(t *testing.T) {
	ctx := t.Context()
	m := idempotency.NewMemory(postproof.ModeTest)
	now := time.Unix(1_800_000_000, 0)
	const runs = 1000
	var created, finished []idempotency.Change
	for i := range runs + 1 {
		key := postproof.Key(fmt.Sprintf("job %d", i))
		r := &idempotency.Record{
			Version: idempotency.RecordVersion, ID: idempotency.IDOf(key), Key: key, State: idempotency.Sending,
			Fence: 1, Generation: 1, Due: now, UpdatedAt: now,
			Submissions: []idempotency.Submission{{Generation: 1, Ref: postproof.Ref(fmt.Sprintf("%016d", i)), Vendor: "lob"}},
		}
		done := *r
		done.Fence, done.State = 2, idempotency.Accepted
		done.Receipt = postproof.Receipt{Vendor: "lob", VendorID: fmt.Sprint("psc_", i)}
		entries := []idempotency.Entry{{ID: r.ID, At: now, Kind: "sent"}}
		created = append(created, idempotency.Change{Record: r, Entries: entries})
		finished = append(finished, idempotency.Change{Record: &done, Expect: 1, Entries: entries})
	}
	for _, step := range [][]idempotency.Change{created, finished} {
		i := 0
		allocs := testing.AllocsPerRun(runs, func() {
			if errs, err := m.Commit(ctx, step[i:i+1]); errs != nil || err != nil {
				t.Fatal(errs, err)
			}
			i++
		})
		if allocs > 3 {
			t.Errorf("a commit of one change: %v allocations, want at most 3", allocs)
		}
	}
}

func TestMemoryWithoutAClock(t *testing.T) {
	t.Parallel()
	id, err := idempotency.NewMemory(postproof.ModeTest, idempotency.WithClock(nil)).Identity(t.Context())
	if err != nil || id.CreatedAt.IsZero() {
		t.Errorf("identity %+v, %v, want the time of the machine's clock", id, err)
	}
}
