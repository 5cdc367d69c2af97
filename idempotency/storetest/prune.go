package storetest

import (
	"time"

	"github.com/postproof/postproof/idempotency"
)

func pruneChecks() []check {
	return []check{
		{name: "pruning keeps what is younger or not final", run: prunesOnlyOld},
		{name: "a tombstone keeps the key, and nothing of the person", run: tombstones},
		{name: "what is watched for a late arrival is not pruned", run: keepsWatched},
		{name: "pruning takes bites and comes to an end", run: bites},
	}
}

func prunesOnlyOld(t reporter, h Harness) {
	var changes []idempotency.Change
	var old []int
	for i, state := range idempotency.States() {
		for j, age := range []time.Duration{-time.Hour, -1, 0, time.Hour} {
			r := planned(10*i + j)
			r.State, r.UpdatedAt = state, epoch().Add(age)
			changes = append(changes, create(r))
			if state.Final() && age < 0 {
				old = append(old, 10*i+j)
			}
		}
	}
	must(t, h.Engine, changes...)
	n, err := h.Engine.Prune(t.Context(), epoch(), 100)
	if n != len(old) || err != nil {
		t.Errorf("Prune = %d, %v, want %d", n, err, len(old))
	}
	buried := []idempotency.ID{}
	for _, r := range collect(t, h.Engine.Find(t.Context(), idempotency.Query{})) {
		if r.Tombstone {
			buried = append(buried, r.ID)
			continue
		}
		if len(history(t, h.Engine, r.ID)) != 1 {
			t.Errorf("the entries of a record that was kept are gone")
		}
	}
	same(t, "tombstones", sorted(old...), buried)
	var total int64
	depth, err := h.Engine.Depth(t.Context(), "spring")
	if err != nil {
		t.Fatalf("Depth: %v", err)
	}
	for _, d := range depth {
		total += d.Count
	}
	if total != int64(len(changes)) {
		t.Errorf("depth counts %d records, want all %d, tombstones too", total, len(changes))
	}
}

func tombstones(t reporter, h Harness) {
	r := fullRecord()
	r.State, r.Lease = idempotency.Done, idempotency.Lease{}
	r.Submissions[0].NextWatch = time.Time{}
	must(t, h.Engine, create(r))
	if n, err := h.Engine.Prune(t.Context(), r.UpdatedAt.Add(1), 10); n != 1 || err != nil {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	same(t, "tombstone", r.Bury(), get(t, h.Engine, r.ID))
	if got := get(t, h.Engine, r.ID).Run; got != r.Run {
		t.Errorf("the tombstone is of the run %q, want %q: a replay would count the job as lost", got, r.Run)
	}
	if es := history(t, h.Engine, r.ID); len(es) > 0 {
		t.Errorf("%d entries are left", len(es))
	}
	refuse(t, h.Engine, idempotency.ErrExists, create(planned(1)))
	thief := sent(2, "lob")
	thief.Submissions[0].Ref = r.Submissions[0].Ref
	refuse(t, h.Engine, idempotency.ErrRefTaken, create(thief))
	refuse(t, h.Engine, idempotency.ErrStale, step(r, func(*idempotency.Record) {}))
	same(t, "vendor's id", sorted(1), find(t, h.Engine, idempotency.Query{Vendor: "lob", VendorID: "psc_1"}))
	// Erasure buries through Commit.
	two := planned(2)
	must(t, h.Engine, create(two))
	must(t, h.Engine, idempotency.Change{Record: two.Bury(), Expect: 1})
	if got := get(t, h.Engine, two.ID); got.Key != "" || got.Job != nil || !got.Tombstone {
		t.Errorf("erased record is %+v", got)
	}
	refuse(t, h.Engine, idempotency.ErrExists, create(planned(2)))
}

func keepsWatched(t reporter, h Harness) {
	r := watched(1, idempotency.Canceled, epoch())
	must(t, h.Engine, create(r), create(watched(2, idempotency.Canceled, time.Time{})))
	if n, err := h.Engine.Prune(t.Context(), epoch().AddDate(1, 0, 0), 10); n != 1 || err != nil {
		t.Errorf("Prune = %d, %v, want the one that is not watched", n, err)
	}
	same(t, "record that is watched", r, get(t, h.Engine, r.ID))
	must(t, h.Engine, step(r, func(r *idempotency.Record) { r.Submissions[0].NextWatch = time.Time{} }))
	if n, err := h.Engine.Prune(t.Context(), epoch().AddDate(1, 0, 0), 10); n != 1 || err != nil {
		t.Errorf("Prune after the watch = %d, %v", n, err)
	}
}

func bites(t reporter, h Harness) {
	const n = 250
	var changes []idempotency.Change
	for i := range n {
		r := planned(i)
		r.State = idempotency.Canceled
		changes = append(changes, create(r))
	}
	must(t, h.Engine, changes...)
	total, calls := 0, 0
	for {
		done, err := h.Engine.Prune(t.Context(), epoch().Add(1), 40)
		if err != nil {
			t.Fatalf("Prune: %v", err)
		}
		if done > 40 {
			t.Errorf("Prune = %d, want at most 40", done)
		}
		if done == 0 {
			break
		}
		total += done
		if calls++; calls > n {
			t.Fatalf("Prune does not come to an end")
		}
	}
	if total != n {
		t.Errorf("%d records were pruned, want %d", total, n)
	}
	if es := collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{})); len(es) > 0 {
		t.Errorf("%d entries are left", len(es))
	}
}
