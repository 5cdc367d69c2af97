package postproof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// stages are all stages in the order of the columns below, and one of a newer
// version.
func stages() []postproof.Stage {
	return []postproof.Stage{
		postproof.StageAccepted, postproof.StageOnHold, postproof.StageRendered, postproof.StageInProduction, postproof.StageMailed,
		postproof.StageInTransit, postproof.StageReRouted, postproof.StageLeftCountry, postproof.StageInLocalArea, postproof.StageIssue,
		postproof.StageOutForDelivery, postproof.StagePickupAvailable, postproof.StageDelivered,
		postproof.StageReturned, postproof.StageFailed, postproof.StageCanceled, "teleported",
	}
}

// supersedes says for each old status (row) which new ones (column) replace
// it: x always, = unless the vendor's time is earlier, > only when it is later.
const supersedes = `
               ac oh re ip ma it rr lc la is od pu de rt fa ca ne
accepted        .  =  x  x  x  x  x  x  x  x  x  x  x  x  x  x  .
on_hold         =  .  x  x  x  x  x  x  x  x  x  x  x  x  x  x  .
rendered        .  .  .  x  x  x  x  x  x  x  x  x  x  x  x  x  .
in_production   .  .  .  .  x  x  x  x  x  x  x  x  x  x  x  x  .
mailed          .  .  .  .  .  x  x  x  x  x  x  x  x  x  .  .  .
in_transit      .  .  .  .  .  .  =  =  x  x  x  x  x  x  .  .  .
re_routed       .  .  .  .  .  =  .  =  x  x  x  x  x  x  .  .  .
left_country    .  .  .  .  .  =  =  .  x  x  x  x  x  x  .  .  .
in_local_area   .  .  .  .  .  .  .  .  .  =  x  x  x  x  .  .  .
issue           .  .  .  .  .  .  .  .  =  .  x  x  x  x  .  .  .
out_for_deliv   .  .  .  .  .  .  .  .  .  .  .  =  x  x  .  .  .
pickup          .  .  .  .  .  .  .  .  .  .  =  .  x  x  .  .  .
delivered       .  .  .  .  .  .  >  .  .  .  .  .  .  x  .  .  .
returned        .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
failed          .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
canceled       .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
newer           .  .  .  .  .  .  .  .  .  .  .  .  x  x  .  .  .
`

func TestStatusSupersedes(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	rows := strings.Split(strings.TrimSpace(supersedes), "\n")[1:]
	if len(rows) != len(stages()) {
		t.Fatalf("the table has %d rows, there are %d stages", len(rows), len(stages()))
	}
	for i, from := range stages() {
		cells := strings.Fields(rows[i])[1:]
		if len(cells) != len(stages()) {
			t.Fatalf("row %q has %d cells", rows[i], len(cells))
		}
		old := postproof.Status{Stage: from, VendorTime: noon}
		for k, to := range stages() {
			for _, at := range []struct {
				name  string
				time  time.Time
				cells string
			}{
				{"earlier", noon.Add(-time.Hour), "x"},
				{"at the same time", noon, "x="},
				{"later", noon.Add(time.Hour), "x=>"},
			} {
				got := postproof.Status{Stage: to, VendorTime: at.time}.Supersedes(old)
				if want := strings.Contains(at.cells, cells[k]); got != want {
					t.Errorf("%s after %s, %s: %t, want %t", to, from, at.name, got, want)
				}
			}
		}
	}
	for _, to := range stages() {
		if !(postproof.Status{Stage: to}).Supersedes(postproof.Status{}) {
			t.Errorf("%s does not replace nothing", to)
		}
	}
}

func TestStageRankAndTerminal(t *testing.T) {
	t.Parallel()
	ranks := []int{10, 10, 20, 30, 40, 50, 50, 50, 60, 60, 70, 70, 80, 90, 90, 90, 0}
	for i, s := range stages() {
		if got := s.Rank(); got != ranks[i] {
			t.Errorf("%s has rank %d, want %d", s, got, ranks[i])
		}
		if got, want := s.Terminal(), ranks[i] >= 80; got != want {
			t.Errorf("%s terminal: %t, want %t", s, got, want)
		}
	}
}
