package storetest

import (
	"sync"
	"sync/atomic"

	"github.com/postproof/postproof/idempotency"
)

func entryChecks() []check {
	return []check{
		{name: "history comes in commit order", run: historyOrder},
		{name: "a query selects record, kinds and place", run: entryQueries},
		{name: "the feed shows each entry once while four write", run: feed},
	}
}

func historyOrder(t reporter, h Harness) {
	r := planned(1)
	must(t, h.Engine, create(r))
	for range 5 {
		c := step(r, func(r *idempotency.Record) { r.Tries++ })
		c.Entries = append(c.Entries, idempotency.Entry{ID: r.ID, At: epoch(), Kind: "second"})
		must(t, h.Engine, c)
		r = c.Record
	}
	fence, last := uint64(0), uint64(0)
	all := history(t, h.Engine, r.ID)
	for _, e := range all {
		if e.Seq <= last {
			t.Errorf("entry %d comes after %d", e.Seq, last)
		}
		last = e.Seq
		if e.Kind == "second" {
			continue
		}
		if e.Fence != fence+1 {
			t.Errorf("entry of fence %d comes after that of %d", e.Fence, fence)
		}
		fence = e.Fence
	}
	if len(all) != 11 {
		t.Errorf("%d entries, want 11", len(all))
	}
}

func entryQueries(t reporter, h Harness) {
	var changes []idempotency.Change
	for i := range 300 {
		changes = append(changes, idempotency.Change{Entries: []idempotency.Entry{{ID: idOf(i % 3), At: epoch(), Kind: []idempotency.EntryKind{"a", "b"}[i%2], Note: string(rune('A' + i%26))}}})
	}
	must(t, h.Engine, create(planned(0)))
	must(t, h.Engine, changes...)
	all := collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{}))
	if len(all) != 301 {
		t.Fatalf("%d entries, want 301", len(all))
	}
	for name, q := range map[string]idempotency.EntryQuery{
		"record":          {ID: idOf(1)},
		"record and kind": {ID: idOf(0), Kinds: []idempotency.EntryKind{"b"}},
		"kinds":           {Kinds: []idempotency.EntryKind{"a", "created"}},
		"after":           {After: all[250].Seq},
		"after, kind":     {After: all[99].Seq, Kinds: []idempotency.EntryKind{"b"}},
		"record, after":   {ID: idOf(2), After: all[40].Seq},
		"nobody's":        {ID: idOf(9)},
	} {
		var want []idempotency.Entry
		for i := range all {
			if q.Matches(&all[i]) {
				want = append(want, all[i])
			}
		}
		same(t, name, want, collect(t, h.Engine.Entries(t.Context(), q)))
		q.Limit = 2
		same(t, name+", two only", want[:min(2, len(want))], collect(t, h.Engine.Entries(t.Context(), q)))
	}
}

// feed follows the history while four write to it, as a consumer does that
// remembers the last Seq it has seen: an entry that becomes visible behind
// that place would be lost.
func feed(t reporter, h Harness) {
	const writers, each = 4, 60
	engines := []idempotency.Engine{h.Engine}
	if h.Second != nil {
		second, err := h.Second()
		if err != nil {
			t.Fatalf("Second: %v", err)
		}
		engines = append(engines, second)
	}
	var wg sync.WaitGroup
	defer wg.Wait() // also where the reading ends the test early
	var finished atomic.Int32
	for w := range writers {
		wg.Go(func() {
			defer finished.Add(1)
			for i := range each {
				r := planned(w*each + i)
				c := create(r)
				c.Entries = append(c.Entries, idempotency.Entry{ID: r.ID, At: epoch(), Kind: "second"})
				if err := idempotency.CommitOne(t.Context(), engines[w%len(engines)], c); err != nil {
					t.Errorf("Commit: %v", err)
				}
			}
		})
	}
	seen := map[uint64]int{}
	perRecord := map[idempotency.ID]int{}
	after := uint64(0)
	for {
		last := finished.Load() == writers // what is there now is all there will be
		for e, err := range h.Engine.Entries(t.Context(), idempotency.EntryQuery{After: after}) {
			if err != nil {
				t.Fatalf("Entries: %v", err)
			}
			if e.Seq <= after {
				t.Errorf("entry %d was shown after %d", e.Seq, after)
			}
			after = e.Seq
			seen[e.Seq]++
			perRecord[e.ID]++
		}
		if last {
			break
		}
	}
	wg.Wait()
	if len(seen) != 2*writers*each || len(perRecord) != writers*each {
		t.Errorf("the feed showed %d entries of %d records, want %d of %d", len(seen), len(perRecord), 2*writers*each, writers*each)
	}
}
