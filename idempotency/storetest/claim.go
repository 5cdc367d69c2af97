package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof/idempotency"
)

func claimChecks() []check {
	return []check{
		{name: "work comes by priority, in turns, by due time and id", run: claimOrder},
		{name: "campaigns take turns in small claims, too", run: claimTurns},
		{name: "nothing is offered early", run: nothingEarly},
		{name: "a lease holds until it ends, and no longer", run: leases},
		{name: "an extended lease is not offered", run: extension},
		{name: "a stale fence can do nothing after a new claim", run: staleWorker},
		{name: "a claim tells what it did", run: claimResult},
		{name: "what is planned of a skipped campaign is left alone", run: skipping},
		{name: "what is planned of a lower priority is left alone", run: leastPriority},
		{name: "what a vendor may have is worked on, whatever is left alone", run: onlyPlannedLeftAlone},
		{name: "what is planned and the rest come in one order", run: oneOrder},
		{name: "only states with work are offered", run: workableOnly},
		{name: "what is watched for a late arrival is offered in every state", run: watchedOffered},
		{name: "the oldest that is due is what a claim would look at", run: oldestDue},
		{name: "two claimers never share", run: neverShare},
		{name: "a clock that runs back is offered nothing early", run: clockBack},
	}
}

func claimOrder(t reporter, h Harness) {
	var changes []idempotency.Change
	add := func(i, priority int, due time.Duration, campaign string) {
		r := planned(i)
		r.Priority, r.Due, r.Campaign = priority, epoch().Add(due), campaign
		changes = append(changes, create(r))
	}
	add(1, 0, -time.Minute, "a")
	add(2, 5, 0, "b")
	add(3, 5, -time.Nanosecond, "a")
	add(4, -1, -time.Hour, "a")
	add(5, 0, -2*time.Minute, "c")
	for i := range 8 { // of one campaign: the same priority and time by twos
		add(6+i, 1, time.Duration(i/2)*time.Second-time.Minute, "a")
	}
	add(14, 1, -time.Second, "b")
	add(15, 1, -2*time.Second, "b")
	add(16, 1, -time.Second, "A")
	must(t, h.Engine, changes...)
	want := []idempotency.ID{idOf(3), idOf(2)}
	ofA := slices.Concat(sorted(6, 7), sorted(8, 9), sorted(10, 11), sorted(12, 13))
	want = append(want, idOf(16), ofA[0], idOf(15), ofA[1], idOf(14))
	want = append(append(want, ofA[2:]...), idOf(1), idOf(5), idOf(4))
	for _, limit := range []int{1, 20} { // less is the beginning of more
		rs, err := h.Engine.Claim(t.Context(), idempotency.ClaimRequest{Owner: "worker", Limit: limit, Lease: time.Nanosecond, Now: epoch()})
		if err != nil {
			t.Fatalf("Claim: %v", err)
		}
		same(t, "order", want[:min(limit, len(want))], idsOf(rs))
		for _, r := range rs { // given back
			back := *r
			back.Fence, back.Lease = r.Fence+1, idempotency.Lease{}
			must(t, h.Engine, idempotency.Change{Record: &back, Expect: r.Fence})
		}
	}
}

// claimTurns: a small campaign does not wait for a large one, whatever the size
// of the claims.
func claimTurns(t reporter, h Harness) {
	campaigns := map[idempotency.ID]string{}
	var changes []idempotency.Change
	for i := range 40 {
		r := planned(i)
		r.Campaign, r.Due = "large", epoch().Add(-time.Hour)
		switch i {
		case 7, 8:
			r.Campaign, r.Due = "small", epoch()
		case 9:
			r.Campaign, r.Due = "another", epoch()
		}
		campaigns[r.ID] = r.Campaign
		changes = append(changes, create(r))
	}
	must(t, h.Engine, changes...)
	served, got := "", []string{}
	for _, limit := range []int{1, 1, 1, 1, 2, 1} {
		rs, err := h.Engine.Claim(t.Context(), idempotency.ClaimRequest{Owner: "worker", Limit: limit, Lease: time.Minute, Now: epoch(), Served: served})
		if err != nil || len(rs) != limit {
			t.Fatalf("Claim = %d records, %v, want %d", len(rs), err, limit)
		}
		for _, r := range rs {
			served = campaigns[r.ID]
			got = append(got, served)
		}
	}
	same(t, "turns", []string{"another", "large", "small", "large", "small", "large", "large"}, got)
}

func nothingEarly(t reporter, h Harness) {
	soon, later := planned(1), planned(2)
	soon.Due = epoch().Add(time.Nanosecond)
	later.Due, later.Priority = epoch().Add(time.Hour), 9
	whenever := planned(3)
	whenever.Due = time.Time{}
	must(t, h.Engine, create(soon), create(later), create(whenever))
	same(t, "before", []idempotency.ID{idOf(3)}, idsOf(claim(t, h.Engine, epoch(), 10)))
	same(t, "a nanosecond later", []idempotency.ID{idOf(1)}, idsOf(claim(t, h.Engine, epoch().Add(1), 10)))
	same(t, "in time", []idempotency.ID{idOf(2)}, idsOf(claim(t, h.Engine, epoch().Add(time.Hour), 1)))
}

func leases(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	first := claim(t, h.Engine, epoch(), 10)
	if len(first) != 1 {
		t.Fatalf("claimed %d records, want 1", len(first))
	}
	if rs := claim(t, h.Engine, epoch().Add(time.Minute-1), 10); len(rs) > 0 {
		t.Errorf("the record was offered again while the lease holds")
	}
	second := claim(t, h.Engine, epoch().Add(time.Minute), 10)
	if len(second) != 1 || second[0].Fence != first[0].Fence+1 {
		t.Fatalf("after the lease: %+v, want the record with a fence that has grown", second)
	}
	// The work is done: the lease is given back, and the due time counts.
	must(t, h.Engine, step(second[0], func(r *idempotency.Record) { r.Lease, r.Due = idempotency.Lease{}, epoch().Add(time.Hour) }))
	if rs := claim(t, h.Engine, epoch().Add(time.Hour-1), 10); len(rs) > 0 {
		t.Errorf("the record was offered before it is due again")
	}
	if rs := claim(t, h.Engine, epoch().Add(time.Hour), 10); len(rs) != 1 {
		t.Errorf("the record was not offered when due again")
	}
}

func extension(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	mine := claim(t, h.Engine, epoch(), 1)[0]
	longer := step(mine, func(r *idempotency.Record) { r.Lease.Until = epoch().Add(time.Hour) })
	must(t, h.Engine, longer)
	if rs := claim(t, h.Engine, epoch().Add(time.Hour-1), 1); len(rs) > 0 {
		t.Errorf("offered while the extended lease holds")
	}
	if rs := claim(t, h.Engine, epoch().Add(time.Hour), 1); len(rs) != 1 {
		t.Errorf("not offered after the extended lease")
	}
}

func staleWorker(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	old := claim(t, h.Engine, epoch(), 1)[0]
	young := claim(t, h.Engine, epoch().Add(2*time.Minute), 1)[0]
	before := readAll(t, h.Engine)
	refuse(t, h.Engine, idempotency.ErrStale, step(old, func(r *idempotency.Record) { r.State = idempotency.Accepted }))
	refuse(t, h.Engine, idempotency.ErrStale, step(planned(1), func(r *idempotency.Record) { r.State = idempotency.Accepted }))
	same(t, "the ledger after the old worker", before, readAll(t, h.Engine))
	must(t, h.Engine, step(young, func(r *idempotency.Record) { r.State = idempotency.Accepted }))
}

func claimResult(t reporter, h Harness) {
	full := fullRecord()
	full.Lease = idempotency.Lease{}
	must(t, h.Engine, create(full))
	now := full.Due.Add(3)
	got := claim(t, h.Engine, now, 5)
	if len(got) != 1 {
		t.Fatalf("claimed %d records, want 1", len(got))
	}
	want := fullRecord()
	want.Fence = 2
	want.Lease = idempotency.Lease{Owner: "worker", Until: now.Add(time.Minute)}
	same(t, "claimed", want, got[0])
	same(t, "stored", want, get(t, h.Engine, full.ID))
	if n := len(history(t, h.Engine, full.ID)); n != 1 {
		t.Errorf("%d entries: a claim is no history", n)
	}
	for _, limit := range []int{0, -1} {
		if rs := claim(t, h.Engine, now.Add(time.Hour), limit); len(rs) > 0 {
			t.Errorf("limit %d: %d records", limit, len(rs))
		}
	}
}

func workableOnly(t reporter, h Harness) {
	var changes []idempotency.Change
	want := map[idempotency.ID]bool{}
	for i, state := range idempotency.States() {
		r := planned(i)
		r.State = state
		changes = append(changes, create(r))
		if state.Workable() {
			want[r.ID] = true
		}
	}
	buried := planned(100)
	buried.Tombstone, buried.Key = true, ""
	must(t, h.Engine, append(changes, create(buried))...)
	got := map[idempotency.ID]bool{}
	for _, r := range claim(t, h.Engine, epoch(), 100) {
		got[r.ID] = true
	}
	same(t, "states with work", want, got)
}

// watchedOffered: after absence was taken as proven, whatever became of the
// job, a worker has to look for a late piece when its time has come.
func watchedOffered(t reporter, h Harness) {
	var changes []idempotency.Change
	var all []int
	for i, state := range idempotency.States() {
		if state == idempotency.Sending {
			continue // bytes are on their way: nothing else is done with it
		}
		r := watched(i, state, epoch().Add(time.Hour))
		r.Due = epoch().Add(100 * time.Hour)
		if !state.Workable() {
			r.Due = epoch().Add(-time.Hour) // since then it has been at rest
		}
		r.Campaign = string(state)
		all, changes = append(all, i), append(changes, create(r))
	}
	must(t, h.Engine, changes...)
	same(t, "before", []idempotency.ID{}, idsOf(claim(t, h.Engine, epoch().Add(time.Hour-1), 20)))
	same(t, "all campaigns skipped", len(all)-1, len(claim(t, h.Engine, epoch().Add(time.Hour), 20, "planned", "unknown", "refused", "accepted", "held", "canceled", "done")))
	// The leases of the first end after a minute.
	claimed := claim(t, h.Engine, epoch().Add(time.Hour+time.Minute), 20)
	inTime := idsOf(claimed)
	slices.Sort(inTime)
	same(t, "in time", sorted(all...), inTime)
	same(t, "leased", []idempotency.ID{}, idsOf(claim(t, h.Engine, epoch().Add(time.Hour+time.Minute), 20)))
	for _, r := range claimed { // looked at, and nothing is to be watched any more
		must(t, h.Engine, step(r, func(r *idempotency.Record) { r.Lease, r.Submissions[0].NextWatch = idempotency.Lease{}, time.Time{} }))
	}
	same(t, "after the watch", []idempotency.ID{}, idsOf(claim(t, h.Engine, epoch().Add(99*time.Hour), 20)))
	if n := len(claim(t, h.Engine, epoch().Add(100*time.Hour), 20)); n != 3 {
		t.Errorf("%d of the 3 records with work are offered when due", n)
	}
	// The time since when there is something to do is that of the watch.
	old, young := watched(20, idempotency.Held, epoch().Add(-2*time.Minute)), planned(21)
	young.Due = epoch().Add(-time.Minute)
	old.Due = epoch()
	must(t, h.Engine, create(young), create(old))
	same(t, "order", []idempotency.ID{idOf(20), idOf(21)}, idsOf(claim(t, h.Engine, epoch(), 20)))
}

// neverShare lets several workers empty a queue, each claiming, working and
// going back for more.
func neverShare(t reporter, h Harness) {
	n, workers := 10_000, 4
	if h.less() {
		n = 2000
	}
	changes := make([]idempotency.Change, n)
	for i := range changes {
		r := planned(i)
		r.Priority, r.Campaign = i%3, []string{"a", "b"}[i%2]
		changes[i] = idempotency.Change{Record: r}
	}
	must(t, h.Engine, changes...)
	engines := []idempotency.Engine{h.Engine}
	if h.Second != nil {
		second, err := h.Second()
		if err != nil {
			t.Fatalf("Second: %v", err)
		}
		engines = append(engines, second)
	}
	var mu sync.Mutex
	seen, total := make(map[idempotency.ID]int, n), 0
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			e := engines[w%len(engines)]
			for {
				rs, err := e.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 50, Lease: time.Hour, Now: epoch()})
				if err != nil {
					t.Errorf("Claim: %v", err)
					return
				}
				if len(rs) == 0 {
					return
				}
				mu.Lock()
				for _, r := range rs {
					seen[r.ID]++
				}
				total += len(rs)
				enough := total > n
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	wg.Wait()
	shared := 0
	for _, times := range seen {
		if times > 1 {
			shared++
		}
	}
	if len(seen) != n || shared > 0 {
		t.Errorf("%d of %d records were claimed, %d of them more than once", len(seen), n, shared)
	}
}

func clockBack(t reporter, h Harness) {
	r := planned(1)
	r.Due = epoch().Add(time.Hour)
	must(t, h.Engine, create(r), create(planned(2)))
	// A worker with a fast clock skips the campaign, and so only looks.
	claim(t, h.Engine, epoch().Add(2*time.Hour), 10, "spring")
	same(t, "a right clock", []idempotency.ID{idOf(2)}, idsOf(claim(t, h.Engine, epoch(), 10)))
}
