package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func commitChecks() []check {
	return []check{
		{name: "a key is created once", run: createdOnce},
		{name: "a stale fence changes nothing", run: staleChangesNothing},
		{name: "a change that fails at its last precondition leaves nothing", run: lastPrecondition},
		{name: "one bad change does not fail its neighbors", run: neighbors},
		{name: "changes of one call build on each other", run: inOrder},
		{name: "a reference belongs to one record for ever", run: refTaken},
		{name: "references that look alike are two", run: refsAlike},
		{name: "a change is made while what it has read stands", run: dependsOnSettings},
		{name: "a change that no store may accept is refused", run: badChanges},
		{name: "a change without a record is a change", run: withoutRecord},
		{name: "what a newer version wrote stays untouched", run: newerUntouched},
		{name: "a context that is over changes nothing", run: contextOver},
		{name: "thousands of changes in one call", run: bulk},
	}
}

func createdOnce(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	other := planned(1)
	other.Fingerprint = "v1:ffffffffffffffffffffffffffffffff"
	refuse(t, h.Engine, idempotency.ErrExists, create(other))
	same(t, "record", planned(1), get(t, h.Engine, idOf(1)))
	if n := len(history(t, h.Engine, idOf(1))); n != 1 {
		t.Errorf("%d entries, want that of the first creation only", n)
	}
}

func staleChangesNothing(t reporter, h Harness) {
	first := planned(1)
	must(t, h.Engine, create(first))
	second := step(first, func(r *idempotency.Record) { r.State = idempotency.Sending })
	must(t, h.Engine, second)
	before := readAll(t, h.Engine, "sent")
	loser := step(first, func(r *idempotency.Record) { r.State = idempotency.Canceled })
	loser.Counters = []idempotency.CounterAdd{{Name: "sent", Add: 1}}
	loser.Settings = []idempotency.SettingWrite{{Name: "mark", Value: []byte("x")}}
	refuse(t, h.Engine, idempotency.ErrStale, loser)
	missing := step(planned(2), func(*idempotency.Record) {})
	refuse(t, h.Engine, idempotency.ErrStale, missing)
	ahead := step(second.Record, func(*idempotency.Record) {})
	ahead.Expect++
	ahead.Record.Fence++
	refuse(t, h.Engine, idempotency.ErrStale, ahead)
	same(t, "the ledger after the losers", before, readAll(t, h.Engine, "sent"))
}

// lastPrecondition lets changes fail at each kind of precondition in turn, all
// others being met.
func lastPrecondition(t reporter, h Harness) {
	ctx := t.Context()
	base := sent(1, "lob")
	must(t, h.Engine, create(base), create(sent(2, "lob")), idempotency.Change{
		Settings: []idempotency.SettingWrite{{Name: "pause", Value: []byte("on")}},
		Counters: []idempotency.CounterAdd{{Name: "cap", Add: 9}},
	})
	msg := &idempotency.Message{Vendor: "lob", Dedupe: "evt_1", Body: []byte("{}"), ReceivedAt: epoch()}
	if _, err := h.Engine.Inbox().Put(ctx, msg); err != nil {
		t.Fatalf("Put: %v", err)
	}
	full := func() idempotency.Change { // all its preconditions are met
		c := step(base, func(r *idempotency.Record) {
			r.State = idempotency.Accepted
			r.Submissions[0].VendorID = "psc_1"
		})
		c.Settings = []idempotency.SettingWrite{{Name: "new", Value: []byte("1")}, {Name: "pause", Value: []byte("off"), Expect: 1}}
		c.Marks = []idempotency.Mark{{ID: msg.ID, Expect: msg.Fence, State: idempotency.MessageApplied}}
		c.Counters = []idempotency.CounterAdd{{Name: "fresh", Add: 1}, {Name: "cap", Add: 1, Limit: 10}}
		return c
	}
	before := readAll(t, h.Engine, "cap", "fresh")
	for name, fail := range map[string]struct {
		spoil func(c *idempotency.Change)
		want  error
	}{
		"fence": {func(c *idempotency.Change) { c.Expect++; c.Record.Fence++ }, idempotency.ErrStale},
		"reference": {func(c *idempotency.Change) {
			c.Record.Submissions = append(c.Record.Submissions, idempotency.Submission{Generation: 2, Ref: refOf(2, 1), Vendor: "pcm"})
		}, idempotency.ErrRefTaken},
		"setting": {func(c *idempotency.Change) { c.Settings[1].Expect = 7 }, idempotency.ErrStale},
		"new setting twice": {func(c *idempotency.Change) {
			c.Settings = append(c.Settings, idempotency.SettingWrite{Name: "new", Value: []byte("2")})
		}, idempotency.ErrStale},
		"mark":               {func(c *idempotency.Change) { c.Marks[0].Expect++ }, idempotency.ErrStale},
		"unknown mark":       {func(c *idempotency.Change) { c.Marks[0].ID += 1000 }, idempotency.ErrStale},
		"mark twice":         {func(c *idempotency.Change) { c.Marks = append(c.Marks, c.Marks[0]) }, idempotency.ErrStale},
		"limit":              {func(c *idempotency.Change) { c.Counters[1].Add = 2 }, idempotency.ErrLimit},
		"limit in two steps": {func(c *idempotency.Change) { c.Counters = append(c.Counters, c.Counters[1]) }, idempotency.ErrLimit},
	} {
		c := full()
		fail.spoil(&c)
		if err := idempotency.CommitOne(ctx, h.Engine, c); !errors.Is(err, fail.want) {
			t.Errorf("%s: Commit = %v, want %v", name, err, fail.want)
		}
		same(t, "the ledger after a failure at the "+name, before, readAll(t, h.Engine, "cap", "fresh"))
		if ids := find(t, h.Engine, idempotency.Query{Vendor: "lob", VendorID: "psc_1"}); len(ids) > 0 {
			t.Errorf("%s: the vendor's id of a change that failed is found", name)
		}
	}
	must(t, h.Engine, full())
	after := readAll(t, h.Engine, "cap", "fresh")
	same(t, "counters", map[string]int64{"cap": 10, "fresh": 1}, after.Counters)
	same(t, "settings", []idempotency.Setting{{Name: "new", Value: []byte("1"), Version: 1}, {Name: "pause", Value: []byte("off"), Version: 2}}, after.Settings)
	if got := after.Messages[0].State; got != idempotency.MessageApplied {
		t.Errorf("message is %s, want applied together with the record", got)
	}
	same(t, "piece", sorted(1), find(t, h.Engine, idempotency.Query{Vendor: "lob", VendorID: "psc_1"}))
}

func neighbors(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	errs, err := h.Engine.Commit(t.Context(), []idempotency.Change{
		create(planned(2)),
		create(planned(1)),
		{Record: &idempotency.Record{ID: "not a digest"}, Expect: 5},
		step(planned(9), func(*idempotency.Record) {}),
		create(planned(3)),
		{Counters: []idempotency.CounterAdd{{Name: "n", Add: 2, Limit: 1}}},
	})
	if err != nil || len(errs) != 6 {
		t.Fatalf("Commit = %v, %v, want six outcomes", errs, err)
	}
	for i, want := range []error{nil, idempotency.ErrExists, errs[2], idempotency.ErrStale, nil, idempotency.ErrLimit} {
		if !errors.Is(errs[i], want) {
			t.Errorf("change %d: %v, want %v", i, errs[i], want)
		}
	}
	if errs[2] == nil {
		t.Errorf("a bad change was made")
	}
	same(t, "records", sorted(1, 2, 3), find(t, h.Engine, idempotency.Query{}))
}

func inOrder(t reporter, h Harness) {
	a := planned(1)
	b := step(a, func(r *idempotency.Record) { r.State = idempotency.Sending })
	c := step(b.Record, func(r *idempotency.Record) { r.State = idempotency.Accepted; r.Campaign = "autumn"; r.Priority = 3 })
	again := step(a, func(r *idempotency.Record) { r.State = idempotency.Held })
	set := func(expect uint64) idempotency.Change {
		return idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "s", Value: []byte{byte(expect)}, Expect: expect}}}
	}
	errs, err := h.Engine.Commit(t.Context(), []idempotency.Change{create(a), b, again, c, set(0), set(1), set(1)})
	if err != nil || len(errs) != 7 {
		t.Fatalf("Commit = %v, %v", errs, err)
	}
	for i, want := range []error{nil, nil, idempotency.ErrStale, nil, nil, nil, idempotency.ErrStale} {
		if !errors.Is(errs[i], want) {
			t.Errorf("change %d: %v, want %v", i, errs[i], want)
		}
	}
	same(t, "record", c.Record, get(t, h.Engine, a.ID))
	kinds := []string{}
	for _, e := range history(t, h.Engine, a.ID) {
		kinds = append(kinds, string(e.To))
	}
	same(t, "history", []string{"planned", "sending", "accepted"}, kinds)
	depth, err := h.Engine.Depth(t.Context(), "")
	if err != nil {
		t.Fatalf("Depth: %v", err)
	}
	same(t, "depth", []idempotency.StateCount{{Campaign: "autumn", State: idempotency.Accepted, Count: 1}}, depth)
}

func refTaken(t reporter, h Harness) {
	one := sent(1, "lob")
	must(t, h.Engine, create(one))
	thief := sent(2, "pcm")
	thief.Submissions[0].Ref = refOf(1, 1)
	refuse(t, h.Engine, idempotency.ErrRefTaken, create(thief))
	// Its own reference is no obstacle, nor is another generation's.
	next := step(one, func(r *idempotency.Record) {
		r.Generation = 2
		r.Submissions = append(r.Submissions, idempotency.Submission{Generation: 2, Ref: refOf(1, 2), Vendor: "lob"})
	})
	must(t, h.Engine, next)
	refuse(t, h.Engine, idempotency.ErrRefTaken, create(thief))
	thief.Submissions[0].Ref = refOf(1, 2)
	refuse(t, h.Engine, idempotency.ErrRefTaken, create(thief))
	// Two records of one call want the same new reference.
	a, b := sent(3, "lob"), sent(4, "lob")
	b.Submissions[0].Ref = a.Submissions[0].Ref
	errs, err := h.Engine.Commit(t.Context(), []idempotency.Change{create(a), create(b)})
	if err != nil || errs == nil || errs[0] != nil || !errors.Is(errs[1], idempotency.ErrRefTaken) {
		t.Errorf("Commit = %v, %v, want the second one refused", errs, err)
	}
	same(t, "records", sorted(1, 3), find(t, h.Engine, idempotency.Query{}))
	same(t, "owner", sorted(1), find(t, h.Engine, idempotency.Query{Ref: refOf(1, 2)}))
}

// alike are references whose SHA-256 begin with the same 64 bits: who keeps a
// digest instead of the reference takes them for one.
func alike() [2]postproof.Ref { return [2]postproof.Ref{"REF2A4V0IVFH849O", "REF6HHUQS6AQ7L71"} }

func refsAlike(t reporter, h Harness) {
	var changes []idempotency.Change
	for i, ref := range alike() {
		r := sent(i, "lob")
		r.Submissions[0].Ref, r.Submissions[0].VendorID = ref, string(ref)
		changes = append(changes, create(r))
	}
	must(t, h.Engine, changes[0])
	must(t, h.Engine, changes[1])
	for i, ref := range alike() {
		same(t, "owner", sorted(i), find(t, h.Engine, idempotency.Query{Ref: ref}))
		same(t, "owner of the piece", sorted(i), find(t, h.Engine, idempotency.Query{Vendor: "lob", VendorID: string(ref)}))
		thief := sent(2, "lob")
		thief.Submissions[0].Ref = ref
		refuse(t, h.Engine, idempotency.ErrRefTaken, create(thief))
	}
	// In one call, and as a second reference of each.
	for i, ref := range alike() {
		changes[i] = step(changes[i].Record, func(r *idempotency.Record) {
			r.Submissions = append(r.Submissions, idempotency.Submission{Generation: 2, Ref: ref[:8] + ref, Vendor: "pcm", VendorID: "same"})
		})
	}
	must(t, h.Engine, changes...)
	same(t, "owners of one piece", sorted(0, 1), find(t, h.Engine, idempotency.Query{Vendor: "pcm", VendorID: "same"}))
}

func badChanges(t reporter, h Harness) {
	for name, spoil := range map[string]func(c *idempotency.Change){
		"a fence that stands still": func(c *idempotency.Change) { c.Record.Fence = 0 },
		"a fence that jumps":        func(c *idempotency.Change) { c.Record.Fence = 2 },
		"another key's id":          func(c *idempotency.Change) { c.Record.ID = idOf(2) },
		"no id":                     func(c *idempotency.Change) { c.Record.ID = "" },
		"an id that is no digest":   func(c *idempotency.Change) { c.Record.Key, c.Record.ID = "", "../../etc" },
		"a mark without a state":    func(c *idempotency.Change) { c.Marks = []idempotency.Mark{{ID: 1, Expect: 1}} },
	} {
		c := create(planned(1))
		spoil(&c)
		if err := idempotency.CommitOne(t.Context(), h.Engine, c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	unknown := planned(1)
	unknown.State = "posted"
	refuse(t, h.Engine, idempotency.ErrNewer, create(unknown))
	newer := planned(1)
	newer.Version = idempotency.RecordVersion + 1
	refuse(t, h.Engine, idempotency.ErrNewer, create(newer))
	same(t, "records", sorted(), find(t, h.Engine, idempotency.Query{}))
}

func withoutRecord(t reporter, h Harness) {
	must(t, h.Engine, idempotency.Change{}, idempotency.Change{
		Entries:  []idempotency.Entry{{At: epoch(), Kind: "paused", By: "ada"}, {ID: idOf(1), At: epoch(), Kind: "evidence"}},
		Counters: []idempotency.CounterAdd{{Name: "n", Add: 4}},
		Settings: []idempotency.SettingWrite{{Name: "s", Value: []byte("v")}},
	})
	all := readAll(t, h.Engine, "n")
	if len(all.Entries) != 2 || all.Entries[0].By != "ada" || all.Entries[1].ID != idOf(1) {
		t.Errorf("entries = %+v, want both", all.Entries)
	}
	if all.Counters["n"] != 4 || len(all.Settings) != 1 {
		t.Errorf("counters %v, settings %v, want both written", all.Counters, all.Settings)
	}
	// The entry finds its record when that comes later.
	must(t, h.Engine, create(planned(1)), create(planned(2)))
	kinds := []string{}
	for _, e := range history(t, h.Engine, idOf(1)) {
		kinds = append(kinds, string(e.Kind))
	}
	same(t, "history of the record", []string{"evidence", "created"}, kinds)
}

// newer returns two records that a newer version wrote: a state, and a form,
// that this one does not know. Both would be due.
func newer() []*idempotency.Record {
	state, form := planned(1), planned(2)
	state.State = "posted"
	form.Version = idempotency.RecordVersion + 1
	form.State = idempotency.Done
	form.UpdatedAt = epoch().AddDate(-1, 0, 0)
	claimable := planned(3)
	claimable.Version = idempotency.RecordVersion + 1
	return []*idempotency.Record{state, form, claimable}
}

func newerUntouched(t reporter, h Harness) {
	for _, r := range newer() {
		if err := h.Plant(t.Context(), r); err != nil {
			t.Fatalf("Plant: %v", err)
		}
	}
	for _, r := range newer() {
		c := step(r, func(r *idempotency.Record) { r.State, r.Version = idempotency.Held, idempotency.RecordVersion })
		refuse(t, h.Engine, idempotency.ErrNewer, c)
		refuse(t, h.Engine, idempotency.ErrExists, create(planned(1)))
	}
	if rs := claim(t, h.Engine, epoch().AddDate(1, 0, 0), 10); len(rs) > 0 {
		t.Errorf("%d records of a newer version were claimed", len(rs))
	}
	if n, err := h.Engine.Prune(t.Context(), epoch().AddDate(1, 0, 0), 10); n != 0 || err != nil {
		t.Errorf("Prune = %d, %v, want none of a newer version's records", n, err)
	}
	for _, r := range newer() {
		same(t, "record of a newer version", r, get(t, h.Engine, r.ID))
	}
	same(t, "found by its state", sorted(1), find(t, h.Engine, idempotency.Query{States: []idempotency.State{"posted"}}))
}

func contextOver(t reporter, h Harness) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := h.Engine.Commit(ctx, []idempotency.Change{create(planned(1))}); !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v, want the context's end", err)
	}
	if _, err := h.Engine.Claim(ctx, idempotency.ClaimRequest{Limit: 1, Now: epoch()}); err == nil {
		t.Errorf("Claim: no error")
	}
	if _, err := h.Engine.Get(ctx, idOf(1)); err == nil || errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("Get = %v, want the context's end, not an answer", err)
	}
	if _, err := h.Engine.Inbox().Put(ctx, &idempotency.Message{Vendor: "lob", Dedupe: "1"}); err == nil {
		t.Errorf("Put: no error")
	}
	for _, err := range h.Engine.Find(ctx, idempotency.Query{}) {
		if err == nil {
			t.Errorf("Find: a record")
		}
	}
	all := readAll(t, h.Engine)
	if len(all.Records)+len(all.Entries)+len(all.Messages) > 0 {
		t.Errorf("something was written: %+v", all)
	}
}

func bulk(t reporter, h Harness) {
	n := 3000
	if h.less() {
		n = 1100
	}
	changes := make([]idempotency.Change, n)
	for i := range changes {
		changes[i] = create(planned(i))
	}
	changes[n/2] = create(planned(0)) // in the midst of it, one that cannot be
	errs, err := h.Engine.Commit(t.Context(), changes)
	if err != nil || len(errs) != n {
		t.Fatalf("Commit: %d outcomes, %v", len(errs), err)
	}
	for i, err := range errs {
		if (i == n/2) != errors.Is(err, idempotency.ErrExists) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	depth, err := h.Engine.Depth(t.Context(), "spring")
	if err != nil {
		t.Fatalf("Depth: %v", err)
	}
	want := []idempotency.StateCount{{Campaign: "spring", State: idempotency.Planned, Count: int64(n - 1)}}
	same(t, fmt.Sprintf("depth after %d changes", n), want, depth)
	if got := len(find(t, h.Engine, idempotency.Query{})); got != n-1 {
		t.Errorf("%d records, want %d", got, n-1)
	}
}
