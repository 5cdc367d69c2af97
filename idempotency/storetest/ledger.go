package storetest

import (
	"errors"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func ledgerChecks() []check {
	return []check{
		{name: "a ledger knows who it is", run: identity},
		{name: "a new ledger has nothing to recover from", run: freshEpoch},
		{name: "a change of another epoch is not made", run: otherEpoch},
		{name: "the newest time never runs back", run: newest},
		{name: "depth counts every record in its place", run: depth},
	}
}

func identify(t reporter, e idempotency.Engine) idempotency.Identity {
	t.Helper()
	id, err := e.Identity(t.Context())
	if err != nil {
		t.Fatalf("Identity: %v", err)
	}
	return id
}

func identity(t reporter, h Harness) {
	id := identify(t, h.Engine)
	if len(id.Namespace) != 32 || id.Mode != postproof.ModeTest || id.CreatedAt.IsZero() || id.Epoch == "" {
		t.Errorf("Identity = %+v, want namespace, mode test, time and epoch", id)
	}
	same(t, "identity, asked again", id, identify(t, h.Engine))
}

func freshEpoch(t reporter, h Harness) {
	id := identify(t, h.Engine)
	if id.EpochChanged() {
		t.Errorf("a new ledger has epoch %q, recovered %q", id.Epoch, id.Recovered)
	}
	if err := h.Engine.AcceptEpoch(t.Context(), "another epoch", "0123456789abcdef0123456789abcdef"); !errors.Is(err, idempotency.ErrStale) {
		t.Errorf("AcceptEpoch of another epoch = %v, want ErrStale", err)
	}
	same(t, "identity after a stale epoch", id, identify(t, h.Engine))
	if err := h.Engine.AcceptEpoch(t.Context(), id.Epoch, ""); err != nil {
		t.Errorf("AcceptEpoch: %v", err)
	}
	same(t, "identity after the same epoch", id, identify(t, h.Engine))
	ns := idempotency.Namespace("0123456789abcdef0123456789abcdef")
	if err := h.Engine.AcceptEpoch(t.Context(), id.Epoch, ns); err != nil {
		t.Errorf("AcceptEpoch: %v", err)
	}
	id.Namespace = ns
	same(t, "identity with a namespace of its own", id, identify(t, h.Engine))
}

// otherEpoch: a writer that read the identity before a backup was restored must
// not send by what it read, however short the time between.
func otherEpoch(t reporter, h Harness) {
	in := func(epoch string, c idempotency.Change) idempotency.Change {
		c.Epoch = epoch
		return c
	}
	first := identify(t, h.Engine).Epoch
	one := planned(1)
	must(t, h.Engine, in(first, create(one)), create(planned(2)))
	refuse(t, h.Engine, idempotency.ErrEpoch, in("another epoch", create(planned(3))))
	// So it is of one that has no record.
	nameless := idempotency.Change{
		Entries: []idempotency.Entry{{At: epoch(), Kind: "noted"}}, Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}},
		Settings: []idempotency.SettingWrite{{Name: "s", Value: []byte("v")}},
	}
	refuse(t, h.Engine, idempotency.ErrEpoch, in("another epoch", nameless))
	must(t, h.Engine, in(first, nameless))
	if h.BreakHistory == nil {
		return
	}
	second, err := h.BreakHistory(t.Context())
	if err != nil {
		t.Fatalf("BreakHistory: %v", err)
	}
	if id := identify(t, h.Engine); second == first || id.Epoch != second || !id.EpochChanged() {
		t.Fatalf("after BreakHistory: %+v, epochs %q and %q", id, first, second)
	}
	intent := step(one, func(r *idempotency.Record) { r.State = idempotency.Sending })
	intent.Counters = []idempotency.CounterAdd{{Name: "pieces", Add: 1}}
	before := readAll(t, h.Engine, "pieces")
	refuse(t, h.Engine, idempotency.ErrEpoch, in(first, intent))
	refuse(t, h.Engine, idempotency.ErrEpoch, in(first, create(planned(3))))
	same(t, "the ledger after writers of the old epoch", before, readAll(t, h.Engine, "pieces"))
	// Before and after the recovery the present epoch is good, and so is none;
	// the old one stays bad. A neighbor is not touched by it.
	must(t, h.Engine, in(second, create(planned(4))), step(planned(2), func(*idempotency.Record) {}))
	if err := h.Engine.AcceptEpoch(t.Context(), second, ""); err != nil {
		t.Fatalf("AcceptEpoch: %v", err)
	}
	errs, err := h.Engine.Commit(t.Context(), []idempotency.Change{in(first, create(planned(5))), in(second, create(planned(6)))})
	if err != nil || errs == nil || !errors.Is(errs[0], idempotency.ErrEpoch) || errs[1] != nil {
		t.Errorf("Commit = %v, %v, want the first one refused", errs, err)
	}
	must(t, h.Engine, in(second, intent))
}

func newest(t reporter, h Harness) {
	if id := identify(t, h.Engine); id.Newest.After(time.Now().Add(time.Hour)) {
		t.Errorf("an empty ledger has the time %v", id.Newest)
	}
	late := planned(1)
	late.UpdatedAt = epoch().AddDate(10, 0, 0)
	must(t, h.Engine, create(planned(2)))
	first := identify(t, h.Engine).Newest
	if !first.Equal(epoch()) {
		t.Errorf("Newest = %v, want that of the record, %v", first, epoch())
	}
	must(t, h.Engine, create(late), create(planned(3)))
	if got := identify(t, h.Engine).Newest; !got.Equal(late.UpdatedAt) {
		t.Errorf("Newest = %v, want %v", got, late.UpdatedAt)
	}
	later := late.UpdatedAt.Add(1)
	must(t, h.Engine, idempotency.Change{Entries: []idempotency.Entry{{At: later, Kind: "note"}}})
	if got := identify(t, h.Engine).Newest; !got.Equal(later) {
		t.Errorf("Newest = %v, want that of the entry, %v", got, later)
	}
	later = later.Add(1)
	m := message(1)
	m.ReceivedAt = later
	put(t, h.Engine, m)
	if got := identify(t, h.Engine).Newest; !got.Equal(later) {
		t.Errorf("Newest = %v, want that of the message, %v", got, later)
	}
	later = later.Add(1)
	if rs := claim(t, h.Engine, later, 1); len(rs) != 1 {
		t.Errorf("claimed %d records", len(rs))
	}
	if got := identify(t, h.Engine).Newest; !got.Equal(later) {
		t.Errorf("Newest = %v, want that of the claim, %v", got, later)
	}
}

func depth(t reporter, h Harness) {
	var changes []idempotency.Change
	for i := range 40 {
		r := planned(i)
		r.Campaign = []string{"a", "b", ""}[i%3]
		r.Priority = i % 2
		changes = append(changes, create(r))
	}
	must(t, h.Engine, changes...)
	for i := range 40 {
		if i%4 == 0 {
			must(t, h.Engine, step(changes[i].Record, func(r *idempotency.Record) { r.State = idempotency.Held }))
		}
	}
	claim(t, h.Engine, epoch(), 5)
	for _, campaign := range []string{"", "a", "b", "c"} {
		want := map[idempotency.StateCount]int64{}
		for _, r := range collect(t, h.Engine.Find(t.Context(), idempotency.Query{Campaign: campaign})) {
			want[idempotency.StateCount{Campaign: r.Campaign, State: r.State}]++
		}
		got := map[idempotency.StateCount]int64{}
		ds, err := h.Engine.Depth(t.Context(), campaign)
		if err != nil {
			t.Fatalf("Depth: %v", err)
		}
		for i, d := range ds {
			if i > 0 && ds[i-1].Compare(d) >= 0 {
				t.Errorf("%v comes after %v", d, ds[i-1])
			}
			got[idempotency.StateCount{Campaign: d.Campaign, State: d.State}] = d.Count
		}
		same(t, "depth of "+campaign, want, got)
	}
}
