package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func crashChecks() []check {
	return []check{
		{name: "what was acknowledged is there after a reopen", run: reopened},
		{name: "what was acknowledged under load is there after a reopen", run: reopenedUnderLoad},
		{name: "a ledger continues where it was", run: continues},
		{name: "what was taken away stays away after a reopen", run: takenAway},
	}
}

func reopen(t reporter, h Harness) idempotency.Engine {
	t.Helper()
	e, err := h.Reopen()
	if err != nil {
		t.Fatalf("Reopen: %v", err)
	}
	return e
}

func reopened(t reporter, h Harness) {
	full := fullRecord()
	two := sent(2, "lob")
	must(t, h.Engine, create(full), create(two))
	must(t, h.Engine, step(two, func(r *idempotency.Record) { r.State = idempotency.Accepted; r.Submissions[0].VendorID = "psc_2" }))
	put(t, h.Engine, message(1))
	put(t, h.Engine, message(2))
	m := claimMessages(t, h.Engine, epoch(), 1)[0]
	must(t, h.Engine, idempotency.Change{
		Marks:    []idempotency.Mark{{ID: m.ID, Expect: m.Fence, State: idempotency.MessageApplied}},
		Counters: []idempotency.CounterAdd{{Name: "cap", Add: 5}},
		Settings: []idempotency.SettingWrite{{Name: "pause", Value: []byte("on")}},
	})
	must(t, h.Engine, create(planned(3)))
	claim(t, h.Engine, epoch(), 1)
	blob := putBlob(t, h.Engine, "artwork")
	before, id := readAll(t, h.Engine, "cap"), identify(t, h.Engine)
	e := reopen(t, h)
	same(t, "all that there was", before, readAll(t, e, "cap"))
	same(t, "identity", id, identify(t, e))
	if got, err := readBlob(t, e, blob); got != "artwork" || err != nil {
		t.Errorf("artwork = %q, %v", got, err)
	}
	same(t, "reference", sorted(2), find(t, e, idempotency.Query{Ref: refOf(2, 1)}))
	same(t, "vendor's id", sorted(2), find(t, e, idempotency.Query{Vendor: "lob", VendorID: "psc_2"}))
}

// reopenedUnderLoad reopens while callers write. Whatever one of them was told
// is there; what it was not told may be there as a whole.
func reopenedUnderLoad(t reporter, h Harness) {
	var mu sync.Mutex
	acknowledged := map[idempotency.ID]uint64{}
	var received []uint64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	var ready sync.WaitGroup
	ready.Add(8)
	for w := range 8 {
		wg.Go(func() {
			warm := sync.OnceFunc(ready.Done)
			defer warm()
			for i := 0; ctx.Err() == nil; i++ {
				c := create(sent(1000*w+i, "lob"))
				if idempotency.CommitOne(ctx, h.Engine, c) != nil {
					return
				}
				mu.Lock()
				acknowledged[c.Record.ID] = 1
				mu.Unlock()
				c = step(c.Record, func(r *idempotency.Record) {
					r.State = idempotency.Accepted
					r.Submissions[0].VendorID = fmt.Sprint(r.ID)
				})
				if idempotency.CommitOne(ctx, h.Engine, c) != nil {
					return
				}
				mu.Lock()
				acknowledged[c.Record.ID] = 2
				mu.Unlock()
				m := message(1000*w + i)
				if _, err := h.Engine.Inbox().Put(ctx, m); err != nil {
					return
				}
				mu.Lock()
				received = append(received, m.ID)
				mu.Unlock()
				if i == 5 {
					warm()
				}
			}
		})
	}
	ready.Wait()
	mu.Lock() // a crash does not acknowledge anything afterwards
	known, arrived := maps.Clone(acknowledged), slices.Clone(received)
	mu.Unlock()
	e := reopen(t, h)
	cancel()
	wg.Wait()
	for id, fence := range known {
		r, err := e.Get(t.Context(), id)
		if err != nil {
			t.Errorf("acknowledged record: %v", err)
			continue
		}
		if r.Fence < fence || len(history(t, e, id)) != int(r.Fence) {
			t.Errorf("acknowledged fence %d, there is %d, with %d entries", fence, r.Fence, len(history(t, e, id)))
		}
		if fence == 2 && len(find(t, e, idempotency.Query{Vendor: "lob", VendorID: string(id)})) != 1 {
			t.Errorf("the vendor's id of an acknowledged record is not found")
		}
	}
	there := map[uint64]bool{}
	for _, m := range messages(t, e, idempotency.MessageQuery{}) {
		there[m.ID] = true
	}
	for _, id := range arrived {
		if !there[id] {
			t.Errorf("acknowledged message %d is not there", id)
		}
	}
}

func continues(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	old := claim(t, h.Engine, epoch(), 1)[0]
	put(t, h.Engine, message(1))
	last := collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{}))
	e := reopen(t, h)
	if rs := claim(t, e, epoch(), 10); len(rs) > 0 {
		t.Errorf("a lease from before is not known: %v", idsOf(rs))
	}
	must(t, e, step(old, func(r *idempotency.Record) { r.State = idempotency.Accepted }))
	if fresh, err := e.Inbox().Put(t.Context(), message(1)); fresh || err != nil {
		t.Errorf("Put = %v, %v: a message from before is not known", fresh, err)
	}
	must(t, e, create(planned(2)))
	m := put(t, e, message(2))
	if m.ID <= 1 {
		t.Errorf("message ids began anew")
	}
	all := collect(t, e.Entries(t.Context(), idempotency.EntryQuery{After: last[len(last)-1].Seq}))
	if len(all) != 2 {
		t.Errorf("%d entries since the reopen, want 2", len(all))
	}
	if _, err := e.OpenBlob(t.Context(), postproof.Blob{}); !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("Open = %v, want ErrNotFound", err)
	}
}
