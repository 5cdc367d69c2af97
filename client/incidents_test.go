package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// The search by halves misses nothing and repeats nothing, wherever it begins.
func TestIncidentsSinceAreThoseOfTheWholeHistory(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 3, 7, 64, 200} {
		store := idempotency.NewMemory(postproof.ModeTest)
		start := time.Now().Add(-1000 * time.Hour).UTC()
		for i := range n {
			kind := "planned"
			if i%3 == 0 {
				kind = "late_arrival"
			}
			entry := idempotency.Entry{At: start.Add(time.Duration(i) * time.Hour), Kind: idempotency.EntryKind(kind), Note: fmt.Sprint(i)}
			if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Entries: []idempotency.Entry{entry}}); err != nil {
				t.Fatal(err)
			}
		}
		c := onlooker(t, store)
		for _, since := range []time.Time{{}, start, start.Add(90 * time.Minute), start.Add(time.Duration(n-1) * time.Hour), start.Add(999 * time.Hour)} {
			var want, got []string
			for e, err := range c.Incidents(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if !e.At.Before(since) {
					want = append(want, e.Note)
				}
			}
			for e, err := range c.IncidentsSince(t.Context(), since) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e.Note)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d entries, since %s (-want +got):\n%s", n, since, diff)
			}
		}
	}
}
