package storetest

import (
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
)

func skipping(t reporter, h Harness) {
	var changes []idempotency.Change
	for i, campaign := range []string{"paused", "paused", "open", "", "late"} {
		r := planned(i)
		r.Campaign, r.Priority = campaign, 9-i
		changes = append(changes, create(r))
	}
	must(t, h.Engine, changes...)
	same(t, "two campaigns paused", []idempotency.ID{idOf(2), idOf(3)}, idsOf(claim(t, h.Engine, epoch(), 10, "paused", "late")))
	same(t, "one and the unnamed paused", []idempotency.ID{idOf(4)}, idsOf(claim(t, h.Engine, epoch(), 10, "paused", "")))
	same(t, "none paused", []idempotency.ID{idOf(0), idOf(1)}, idsOf(claim(t, h.Engine, epoch(), 10)))
}

// claimFrom asks for work of a priority, at least.
func claimFrom(t reporter, s idempotency.Store, least, limit int, skip ...string) []idempotency.ID {
	t.Helper()
	rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "worker", Limit: limit, Lease: time.Minute, Now: epoch(), Skip: skip, Least: &least})
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return idsOf(rs)
}

func leastPriority(t reporter, h Harness) {
	var changes []idempotency.Change
	for i, priority := range []int{-1, 0, 1, 2} {
		r := planned(i)
		r.Priority = priority
		changes = append(changes, create(r))
	}
	must(t, h.Engine, changes...)
	same(t, "none is that high", []idempotency.ID{}, claimFrom(t, h.Engine, 3, 10))
	same(t, "from 1 on, the campaign skipped", []idempotency.ID{}, claimFrom(t, h.Engine, 1, 10, "spring"))
	same(t, "from 1 on", []idempotency.ID{idOf(3), idOf(2)}, claimFrom(t, h.Engine, 1, 10))
	same(t, "from 0 on", []idempotency.ID{idOf(1)}, claimFrom(t, h.Engine, 0, 10))
	same(t, "any", []idempotency.ID{idOf(0)}, idsOf(claim(t, h.Engine, epoch(), 10)))
}

// onlyPlannedLeftAlone: a pause stops what is new. What was sent is settled and
// followed as ever, else the pause itself would lose pieces.
func onlyPlannedLeftAlone(t reporter, h Harness) {
	for round, req := range []struct {
		least int
		skip  []string
	}{{9, nil}, {0, []string{"spring"}}, {9, []string{"spring", "autumn"}}} {
		var changes []idempotency.Change
		var want []int
		for i, state := range []idempotency.State{
			idempotency.Planned, idempotency.Sending, idempotency.Unknown, idempotency.Accepted, idempotency.Planned, idempotency.Refused, idempotency.Canceled,
		} {
			i += 10 * round
			r := planned(i)
			switch state {
			case idempotency.Planned:
			case idempotency.Refused, idempotency.Canceled:
				r = watched(i, state, epoch())
			default:
				r = sent(i, "lob")
				r.State = state
			}
			if state != idempotency.Planned {
				want = append(want, i)
			}
			changes = append(changes, create(r))
		}
		must(t, h.Engine, changes...)
		got := claimFrom(t, h.Engine, req.least, 10, req.skip...)
		slices.Sort(got)
		same(t, "what was sent", sorted(want...), got)
		same(t, "the next claim", []idempotency.ID{}, claimFrom(t, h.Engine, req.least, 10, req.skip...))
	}
	same(t, "the planned ones, when nothing is left alone", 6, len(claim(t, h.Engine, epoch(), 10)))
	// The intent moves a record to those that are worked on, and back.
	r := planned(50)
	must(t, h.Engine, create(r))
	intent := step(r, func(r *idempotency.Record) { r.State = idempotency.Sending })
	must(t, h.Engine, intent)
	same(t, "after the intent", []idempotency.ID{r.ID}, claimFrom(t, h.Engine, 9, 10, "spring"))
	back := step(get(t, h.Engine, r.ID), func(r *idempotency.Record) { r.State, r.Lease = idempotency.Planned, idempotency.Lease{} })
	must(t, h.Engine, back)
	same(t, "planned again", []idempotency.ID{}, claimFrom(t, h.Engine, 9, 10, "spring"))
}

// oneOrder: stores may keep what is planned apart from the rest, and workers do
// not see it.
func oneOrder(t reporter, h Harness) {
	var changes []idempotency.Change
	states := []idempotency.State{idempotency.Planned, idempotency.Accepted, idempotency.Unknown, idempotency.Planned}
	var want []idempotency.ID
	for i := range 24 { // of two campaigns in turns, each by due time and id
		r := planned(i)
		r.Campaign, r.State = []string{"a", "b"}[i%2], states[i/2%4]
		r.Due = epoch().Add(time.Duration(i/8-9) * time.Second)
		changes = append(changes, create(r))
	}
	for due := range 3 {
		a, b := sorted(8*due, 8*due+2, 8*due+4, 8*due+6), sorted(8*due+1, 8*due+3, 8*due+5, 8*due+7)
		for i := range a {
			want = append(want, a[i], b[i])
		}
	}
	must(t, h.Engine, changes...)
	var got []idempotency.ID
	served := ""
	for _, limit := range []int{1, 3, 4, 2, 10, 10} {
		rs, err := h.Engine.Claim(t.Context(), idempotency.ClaimRequest{Owner: "worker", Limit: limit, Lease: time.Minute, Now: epoch(), Served: served})
		if err != nil {
			t.Fatalf("Claim: %v", err)
		}
		got = append(got, idsOf(rs)...)
		if len(rs) > 0 {
			served = rs[len(rs)-1].Campaign
		}
	}
	same(t, "order", want, got)
}
