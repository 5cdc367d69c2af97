package snapshot

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two lists differ in the same way with whatever memory they are compared, and
// as two maps say.
func TestDiffSpills(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	lists := [2]map[string]string{{}, {}}
	var snaps [2]*Snapshot
	for i := range snaps {
		var b strings.Builder
		b.WriteString("contact_id,name,address_line1,city,state,zip\n")
		for _, n := range rng.Perm(2000) {
			if rng.IntN(5) == 0 {
				continue
			}
			id, house := fmt.Sprint(n), fmt.Sprint(n)
			if rng.IntN(5) == 0 {
				house = fmt.Sprint(rng.IntN(2000) + 5000*i)
			}
			lists[i][id] = house
			fmt.Fprintf(&b, "%s,Jo,%s Main St,Reno,NV,89501\n", id, house)
		}
		s, err := Take(t.Context(), CSV(strings.NewReader(b.String()), Mapping{}), Options{Campaign: "spring", Store: NewMemory()})
		if err != nil {
			t.Fatal(err)
		}
		snaps[i] = s
	}
	want := map[string]ChangeKind{}
	for id, house := range lists[0] {
		if now, ok := lists[1][id]; !ok {
			want[id] = Removed
		} else if now != house {
			want[id] = Changed
		}
	}
	for id := range lists[1] {
		if _, ok := lists[0][id]; !ok {
			want[id] = Added
		}
	}
	for _, l := range []limits{{}, {sort: recordBytes}, {sort: 100 * recordBytes}} {
		d := newDiffer(snaps[0], snaps[1], l)
		got := map[string]ChangeKind{}
		last := map[bool]int{}
		err := d.run(t.Context(), func(c Change, err error) bool {
			if err != nil {
				t.Error(err)
			}
			got[c.Row.ContactID] = c.Kind
			if c.Row.Number <= last[c.Kind == Removed] {
				t.Errorf("row %d comes out of order", c.Row.Number)
			}
			last[c.Kind == Removed] = c.Row.Number
			return true
		})
		if cerr := d.close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limits %+v: changes (-want +got):\n%.2000s", l, diff)
		}
	}
}
