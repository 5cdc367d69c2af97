package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// A set of rows holds no more of them than it is told, and asked in the order of
// the ids it reads the list once for each part.
func TestRowSetIsBounded(t *testing.T) {
	t.Parallel()
	const rows, most = 6000, 500
	var list strings.Builder
	list.WriteString("contact_id,name,address_line1,city,state,zip\n")
	for i := range rows {
		fmt.Fprintf(&list, "c%d,Jo Doe %d,%d Main St,Reno,NV,89501\n", i, i, i+1)
	}
	s, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list.String()), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := newDeriver(s, Drop{Name: "card"})
	if err != nil {
		t.Fatal(err)
	}
	isRow := map[idempotency.ID]bool{}
	var ids []idempotency.ID
	for i := range rows {
		row, other := idempotency.IDOf(postproof.DeriveKey("spring", fmt.Sprint("c", i), "card")), idempotency.IDOf(postproof.DeriveKey("spring", fmt.Sprint("d", i), "card"))
		isRow[row] = true
		ids = append(ids, row, other)
	}
	slices.Sort(ids)
	for _, tt := range []struct{ most, parts int }{{most, 12}, {rows, 1}, {rows + 1, 1}, {rows - 1, 2}} {
		set := newRowSet(s, jobs, tt.most)
		for _, id := range ids {
			got, err := set.has(t.Context(), id)
			if err != nil || got != isRow[id] {
				t.Fatalf("most %d: has(%.8s) = %v, %v, want %v", tt.most, id, got, err, isRow[id])
			}
			if n := cap(set.ids); tt.parts > 2 && n > tt.most+tt.most/2 { // parts differ by chance
				t.Fatalf("most %d: there is room for %d rows", tt.most, n)
			}
		}
		if set.reads != tt.parts {
			t.Errorf("most %d: the list was read %d times, want %d", tt.most, set.reads, tt.parts)
		}
	}
	// From the midst on, as a run that goes on.
	set := newRowSet(s, jobs, most)
	if got, err := set.has(t.Context(), ids[len(ids)/2]); err != nil || got != isRow[ids[len(ids)/2]] || set.reads != 1 {
		t.Errorf("from the midst: %v, %v after %d readings", got, err, set.reads)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newRowSet(s, jobs, most).has(gone, ids[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("without a context: %v", err)
	}
	if got, err := (*rowSet)(nil).has(t.Context(), ids[0]); got || err != nil {
		t.Errorf("without a snapshot: %v, %v", got, err)
	}
}
