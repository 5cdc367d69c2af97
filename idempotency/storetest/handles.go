package storetest

import (
	"errors"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// agreeing lets two handles work in turn on the same things, so that each has
// something to remember that the other has changed since.
func agreeing(t reporter, h Harness) {
	if h.Second == nil {
		return
	}
	second, err := h.Second()
	if err != nil {
		t.Fatalf("Second: %v", err)
	}
	one, two := h.Engine, second
	agreeOnRecords(t, one, two)
	agreeOnNames(t, one, two)
	agreeOnMessages(t, one, two)
	for _, put := range [][2]idempotency.Engine{{one, two}, {two, one}} {
		blob := putBlob(t, put[0], "artwork")
		if got, err := readBlob(t, put[1], blob); got != "artwork" || err != nil {
			t.Errorf("artwork of the other handle is %q, %v", got, err)
		}
		remover, ok := put[1].(idempotency.BlobRemover)
		if !ok {
			continue
		}
		if err := remover.RemoveBlob(t.Context(), blob); err != nil {
			t.Errorf("RemoveBlob: %v", err)
		}
		if got, err := readBlob(t, put[0], blob); !errors.Is(err, idempotency.ErrNotFound) {
			t.Errorf("artwork that the other handle removed is %q, %v, want ErrNotFound", got, err)
		}
	}
	if err := one.AcceptEpoch(t.Context(), identify(t, one).Epoch, "0123456789abcdef0123456789abcdef"); err != nil {
		t.Fatalf("AcceptEpoch: %v", err)
	}
	same(t, "identity", identify(t, one), identify(t, two))
	if h.BreakHistory != nil {
		agreeOnEpochs(t, h, two)
	}
	same(t, "all that there is", readAll(t, one, "n"), readAll(t, two, "n"))
}

func agreeOnRecords(t reporter, one, two idempotency.Engine) {
	// Each handle has made the form that the other has replaced since.
	try := func(r *idempotency.Record) { r.Tries++ }
	first := planned(1)
	must(t, one, create(first))
	by := []idempotency.Engine{two, one, two, one}
	forms := []*idempotency.Record{first}
	for i, e := range by {
		next := step(forms[i], try)
		must(t, e, next)
		forms = append(forms, next.Record)
	}
	for _, e := range by[:2] {
		for _, old := range forms[:len(by)] {
			refuse(t, e, idempotency.ErrStale, step(old, try))
		}
		refuse(t, e, idempotency.ErrExists, create(planned(1)))
	}
	same(t, "record", forms[len(by)], get(t, two, idOf(1)))
	// A reference that nobody had when the handle looked for it.
	same(t, "owner", sorted(), find(t, two, idempotency.Query{Ref: refOf(2, 1)}))
	owner, thief := sent(2, "lob"), sent(3, "lob")
	thief.Submissions[0].Ref = owner.Submissions[0].Ref
	must(t, one, create(owner))
	refuse(t, two, idempotency.ErrRefTaken, create(thief))
	same(t, "owner", sorted(2), find(t, two, idempotency.Query{Ref: refOf(2, 1)}))
	// What the other one has pruned is not as it was.
	done := step(owner, func(r *idempotency.Record) { r.State = idempotency.Done })
	must(t, two, done)
	if n, err := one.Prune(t.Context(), epoch().Add(1), 10); n != 1 || err != nil {
		t.Errorf("Prune = %d, %v, want 1", n, err)
	}
	refuse(t, two, idempotency.ErrStale, step(done.Record, try))
}

func agreeOnNames(t reporter, one, two idempotency.Engine) {
	add := idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1, Limit: 4}}}
	for _, e := range []idempotency.Engine{one, two, one, two} {
		must(t, e, add)
	}
	for _, e := range []idempotency.Engine{one, two} {
		refuse(t, e, idempotency.ErrLimit, add)
	}
	set := func(expect uint64) idempotency.Change {
		return idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "s", Value: []byte{byte(expect)}, Expect: expect}}}
	}
	for i, e := range []idempotency.Engine{one, two, one, two} {
		must(t, e, set(uint64(i)))
	}
	for _, e := range []idempotency.Engine{one, two} {
		for i := range uint64(4) {
			refuse(t, e, idempotency.ErrStale, set(i))
		}
	}
}

func agreeOnMessages(t reporter, one, two idempotency.Engine) {
	m := put(t, one, message(1))
	if fresh, err := two.Inbox().Put(t.Context(), message(1)); fresh || err != nil {
		t.Errorf("Put of what the other handle has = %v, %v, want it known", fresh, err)
	}
	put(t, two, message(2))
	if fresh, err := one.Inbox().Put(t.Context(), message(2)); fresh || err != nil {
		t.Errorf("Put of what the other handle has = %v, %v, want it known", fresh, err)
	}
	if ms := claimMessages(t, one, epoch(), 9); len(ms) != 2 {
		t.Errorf("%d messages were claimed, want both", len(ms))
	}
	if ms := claimMessages(t, two, epoch(), 9); len(ms) > 0 {
		t.Errorf("%d messages are offered that the other handle has", len(ms))
	}
	late := claimMessages(t, two, epoch().Add(time.Hour), 1)
	if len(late) != 1 || late[0].ID != m.ID {
		t.Fatalf("claimed %v after the lease, want message %d", messageIDs(late), m.ID)
	}
	mark := func(expect uint64) idempotency.Change {
		return idempotency.Change{Marks: []idempotency.Mark{{ID: m.ID, Expect: expect, State: idempotency.MessageApplied}}}
	}
	refuse(t, one, idempotency.ErrStale, mark(late[0].Fence-1))
	must(t, two, mark(late[0].Fence))
	refuse(t, one, idempotency.ErrStale, mark(late[0].Fence))
}

func agreeOnEpochs(t reporter, h Harness, two idempotency.Engine) {
	before := identify(t, h.Engine).Epoch
	in := func(epoch string) idempotency.Change {
		c := step(get(t, h.Engine, idOf(1)), func(r *idempotency.Record) { r.Tries++ })
		c.Epoch = epoch
		return c
	}
	must(t, two, in(before)) // it has seen the epoch
	now, err := h.BreakHistory(t.Context())
	if err != nil {
		t.Fatalf("BreakHistory: %v", err)
	}
	for _, e := range []idempotency.Engine{two, h.Engine} {
		refuse(t, e, idempotency.ErrEpoch, in(before))
		must(t, e, in(now))
	}
	same(t, "identity after the history was broken", identify(t, h.Engine), identify(t, two))
}

// takenAway: what was pruned, erased, removed and accepted does not come back either.
func takenAway(t reporter, h Harness) {
	old, erased := planned(1), planned(2)
	old.State = idempotency.Done
	must(t, h.Engine, create(old), create(erased))
	if n, err := h.Engine.Prune(t.Context(), epoch().Add(1), 10); n != 1 || err != nil {
		t.Fatalf("Prune = %d, %v, want 1", n, err)
	}
	must(t, h.Engine, idempotency.Change{Record: erased.Bury(), Expect: 1, Forget: true})
	m := message(1)
	m.State = idempotency.MessageApplied
	put(t, h.Engine, m)
	if n, err := h.Engine.Inbox().Purge(t.Context(), epoch().AddDate(1, 0, 0), 10); n != 1 || err != nil {
		t.Fatalf("Purge = %d, %v, want 1", n, err)
	}
	blob := putBlob(t, h.Engine, "artwork")
	remover, removes := h.Engine.(idempotency.BlobRemover)
	if removes {
		if err := remover.RemoveBlob(t.Context(), blob); err != nil {
			t.Fatalf("RemoveBlob: %v", err)
		}
	}
	ns := idempotency.Namespace("0123456789abcdef0123456789abcdef")
	if err := h.Engine.AcceptEpoch(t.Context(), identify(t, h.Engine).Epoch, ns); err != nil {
		t.Fatalf("AcceptEpoch: %v", err)
	}
	before, id := readAll(t, h.Engine), identify(t, h.Engine)
	e := reopen(t, h)
	same(t, "all that is left", before, readAll(t, e))
	same(t, "identity", id, identify(t, e))
	refuse(t, e, idempotency.ErrExists, create(planned(1)))
	refuse(t, e, idempotency.ErrExists, create(planned(2)))
	if got, err := readBlob(t, e, blob); removes && !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("artwork that was removed is %q, %v, want ErrNotFound", got, err)
	}
}
