package storetest

import (
	"errors"

	"github.com/postproof/postproof/idempotency"
)

func eraseChecks() []check {
	return []check{
		{name: "a change that forgets deletes its record's earlier history", run: forgets},
		{name: "a change that fails forgets nothing", run: forgetsNothing},
		{name: "a mark purges a message in any state", run: purgingMark},
		{name: "artwork can be removed, and stored again", run: removesBlobs},
		{name: "scrubbing leaves what is there", run: scrubs},
	}
}

func kinds(es []idempotency.Entry) []string {
	all := []string{}
	for _, e := range es {
		all = append(all, string(e.Kind))
	}
	return all
}

func forgets(t reporter, h Harness) {
	one, two := planned(1), planned(2)
	must(t, h.Engine, create(one), create(two))
	first := step(one, func(r *idempotency.Record) { r.Tries++ })
	last := step(first.Record, func(r *idempotency.Record) { r.State = idempotency.Canceled })
	last.Record = last.Record.Bury()
	last.Record.Fence, last.Forget = last.Expect+1, true
	last.Entries[0].Kind = "erased"
	other := step(two, func(r *idempotency.Record) { r.Tries++ })
	must(t, h.Engine, first, other, last) // with what was committed just before
	same(t, "history", []string{"erased"}, kinds(history(t, h.Engine, one.ID)))
	same(t, "another's history", []string{"created", "changed"}, kinds(history(t, h.Engine, two.ID)))
	same(t, "all", []string{"created", "changed", "erased"}, kinds(collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{}))))
	// It goes on from there, and can be forgotten again.
	must(t, h.Engine, step(last.Record, func(*idempotency.Record) {}))
	same(t, "history afterwards", []string{"erased", "changed"}, kinds(history(t, h.Engine, one.ID)))
	again := step(get(t, h.Engine, one.ID), func(*idempotency.Record) {})
	again.Forget, again.Entries = true, nil
	must(t, h.Engine, again)
	same(t, "history without a last word", []string{}, kinds(history(t, h.Engine, one.ID)))
	if err := idempotency.CommitOne(t.Context(), h.Engine, idempotency.Change{Forget: true}); err == nil {
		t.Errorf("a change that forgets the history of no record was made")
	}
}

func forgetsNothing(t reporter, h Harness) {
	r := planned(1)
	must(t, h.Engine, create(r))
	must(t, h.Engine, step(r, func(r *idempotency.Record) { r.Tries++ }))
	stale := step(r, func(*idempotency.Record) {})
	stale.Forget = true
	refuse(t, h.Engine, idempotency.ErrStale, stale)
	same(t, "history", []string{"created", "changed"}, kinds(history(t, h.Engine, r.ID)))
}

func purgingMark(t reporter, h Harness) {
	states := []idempotency.MessageState{
		idempotency.MessageWaiting, idempotency.MessageApplied, idempotency.MessageParked, idempotency.MessageIgnored,
	}
	var change idempotency.Change
	var want []*idempotency.Message
	for i, state := range states {
		m := message(i)
		m.State = state
		put(t, h.Engine, m)
		kept := put(t, h.Engine, message(i+len(states)))
		kept.Header, kept.Body = message(i+len(states)).Header, message(i+len(states)).Body
		mark := idempotency.Mark{ID: m.ID, Expect: m.Fence, State: state, Due: m.Due, Purge: true}
		change.Marks = append(change.Marks, mark)
		purged := *m
		purged.Fence++
		purged.Header, purged.Body = nil, nil
		want = append(want, &purged, kept)
	}
	must(t, h.Engine, change)
	same(t, "messages", want, messages(t, h.Engine, idempotency.MessageQuery{}))
	for i := range states {
		if fresh, err := h.Engine.Inbox().Put(t.Context(), message(i)); fresh || err != nil {
			t.Errorf("Put of a purged message = %v, %v, want it known", fresh, err)
		}
	}
	stale := change
	stale.Marks = []idempotency.Mark{{ID: want[1].ID, Expect: want[1].Fence + 1, State: idempotency.MessageWaiting, Purge: true}}
	refuse(t, h.Engine, idempotency.ErrStale, stale)
	same(t, "messages after a mark that failed", want, messages(t, h.Engine, idempotency.MessageQuery{}))
}

func removesBlobs(t reporter, h Harness) {
	s, ok := h.Engine.(idempotency.BlobRemover)
	if !ok {
		return
	}
	b, other := putBlob(t, h.Engine, "Dear Ada"), putBlob(t, h.Engine, "Dear Ben")
	for range 2 { // gone is gone
		if err := s.RemoveBlob(t.Context(), b); err != nil {
			t.Errorf("RemoveBlob: %v", err)
		}
		if got, err := readBlob(t, h.Engine, b); !errors.Is(err, idempotency.ErrNotFound) {
			t.Errorf("after it was removed: %q, %v, want ErrNotFound", got, err)
		}
	}
	if got, err := readBlob(t, h.Engine, other); got != "Dear Ben" || err != nil {
		t.Errorf("another one is %q, %v", got, err)
	}
	if putBlob(t, h.Engine, "Dear Ada") != b {
		t.Errorf("stored again it has another name")
	}
	if got, err := readBlob(t, h.Engine, b); got != "Dear Ada" || err != nil {
		t.Errorf("stored again it is %q, %v", got, err)
	}
}

func scrubs(t reporter, h Harness) {
	s, ok := h.Engine.(idempotency.Scrubber)
	if !ok {
		return
	}
	for i := range 40 {
		r := sent(i, "lob")
		must(t, h.Engine, create(r))
		put(t, h.Engine, message(i))
		if i%4 == 0 {
			c := step(r, func(r *idempotency.Record) { r.State = idempotency.Canceled })
			c.Record, c.Forget = c.Record.Bury(), true
			c.Record.Fence = c.Expect + 1
			must(t, h.Engine, c)
		}
	}
	before := readAll(t, h.Engine)
	for _, whole := range []bool{false, true, true} {
		if err := s.Scrub(t.Context(), whole); err != nil {
			t.Fatalf("Scrub: %v", err)
		}
		same(t, "everything", before, readAll(t, h.Engine))
		must(t, h.Engine, step(get(t, h.Engine, idOf(1)), func(r *idempotency.Record) { r.Tries++ }))
		before = readAll(t, h.Engine)
	}
	again, err := h.Reopen()
	if err != nil {
		t.Fatalf("Reopen: %v", err)
	}
	same(t, "everything, opened again", before, readAll(t, again))
	if id := identify(t, again); id.EpochChanged() {
		t.Errorf("scrubbing looks like a restored backup: epoch %s, recovered %s", id.Epoch, id.Recovered)
	}
}
