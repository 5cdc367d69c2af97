package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func findChecks() []check {
	return []check{
		{name: "a query finds what it names", run: queries},
		{name: "a thousand ids are looked up at once", run: manyIDs},
		{name: "a bare record has all but its job, and is not written back", run: bareRecords},
		{name: "a reference is found for ever", run: oldRefs},
		{name: "pages join without gap or overlap", run: pages},
		{name: "what does not change is seen exactly once", run: steadyUnderChange},
		{name: "a list may be left early", run: leftEarly},
	}
}

func queries(t reporter, h Harness) {
	two := sent(2, "lob")
	two.State = idempotency.Held
	three := sent(3, "pcm")
	three.Campaign = "autumn"
	three.Receipt = postproof.Receipt{Vendor: "lob", VendorID: "psc_3"} // a vendor's id outside all submissions
	three.Submissions[0].VendorID = "77"
	four := planned(4)
	four.Campaign, four.State = "autumn", idempotency.Done
	twin := sent(5, "pcm") // a vendor that uses an id twice
	twin.Submissions[0].VendorID = "77"
	twin.State = idempotency.Accepted
	twin.Campaign = ""
	must(t, h.Engine, create(planned(1)), create(two), create(three), create(four), create(twin))
	for name, tt := range map[string]struct {
		q    idempotency.Query
		want []idempotency.ID
	}{
		"all":                     {idempotency.Query{}, sorted(1, 2, 3, 4, 5)},
		"a frequent state":        {idempotency.Query{States: []idempotency.State{idempotency.Planned}}, sorted(1)},
		"a rare state":            {idempotency.Query{States: []idempotency.State{idempotency.Held}}, sorted(2)},
		"states":                  {idempotency.Query{States: []idempotency.State{idempotency.Held, idempotency.Done, idempotency.Held}}, sorted(2, 4)},
		"a state that is nowhere": {idempotency.Query{States: []idempotency.State{idempotency.Canceled}}, sorted()},
		"a campaign":              {idempotency.Query{Campaign: "autumn"}, sorted(3, 4)},
		"a campaign's state":      {idempotency.Query{Campaign: "autumn", States: []idempotency.State{idempotency.Done}}, sorted(4)},
		"a reference":             {idempotency.Query{Ref: refOf(3, 1)}, sorted(3)},
		"an unknown reference":    {idempotency.Query{Ref: refOf(3, 2)}, sorted()},
		"a reference elsewhere":   {idempotency.Query{Ref: refOf(3, 1), Campaign: "spring"}, sorted()},
		"ids":                     {idempotency.Query{IDs: []idempotency.ID{idOf(4), idOf(1), idOf(9), idOf(4)}}, sorted(1, 4)},
		"ids of no record":        {idempotency.Query{IDs: []idempotency.ID{idOf(9), "", "nonsense"}}, sorted()},
		"ids and a state":         {idempotency.Query{IDs: sorted(1, 2, 4), States: []idempotency.State{idempotency.Held, idempotency.Done}}, sorted(2, 4)},
		"ids and a campaign":      {idempotency.Query{IDs: sorted(1, 2, 4), Campaign: "autumn"}, sorted(4)},
		"ids and a reference":     {idempotency.Query{IDs: sorted(1, 3), Ref: refOf(3, 1)}, sorted(3)},
		"other ids' reference":    {idempotency.Query{IDs: sorted(1, 2), Ref: refOf(3, 1)}, sorted()},
		"ids and a piece":         {idempotency.Query{IDs: sorted(1, 5), Vendor: "pcm", VendorID: "77"}, sorted(5)},
		"ids and a vendor":        {idempotency.Query{IDs: sorted(1, 2, 5), Vendor: "lob"}, sorted(2)},
		"a vendor":                {idempotency.Query{Vendor: "lob"}, sorted(2, 3)},
		"half a vendor":           {idempotency.Query{Vendor: "lo"}, sorted()},
		"a piece":                 {idempotency.Query{Vendor: "lob", VendorID: "psc_3"}, sorted(3)},
		"a piece of two records":  {idempotency.Query{Vendor: "pcm", VendorID: "77"}, sorted(3, 5)},
		"another vendor's piece":  {idempotency.Query{Vendor: "lob", VendorID: "77"}, sorted()},
		"a piece of any vendor":   {idempotency.Query{VendorID: "psc_3"}, sorted(3)},
		"a piece in a state":      {idempotency.Query{Vendor: "pcm", VendorID: "77", States: []idempotency.State{idempotency.Accepted}}, sorted(5)},
		"a vendor and a state":    {idempotency.Query{Vendor: "lob", States: []idempotency.State{idempotency.Held}}, sorted(2)},
		"a vendor and a campaign": {idempotency.Query{Vendor: "lob", Campaign: "autumn"}, sorted(3)},
	} {
		same(t, name, tt.want, find(t, h.Engine, tt.q))
		if len(tt.want) > 0 {
			tt.q.Limit = 1
			same(t, name+", one only", tt.want[:1], find(t, h.Engine, tt.q))
			tt.q.After = tt.want[0]
			same(t, name+", the next", tt.want[1:min(2, len(tt.want))], find(t, h.Engine, tt.q))
		}
	}
}

func manyIDs(t reporter, h Harness) {
	const n = 1200
	changes, all := make([]idempotency.Change, n), make([]int, n)
	for i := range changes {
		changes[i], all[i] = create(planned(i)), i
	}
	must(t, h.Engine, changes...)
	asked := sorted(all[:idempotency.MaxQueryIDs]...)
	backwards := slices.Clone(asked)
	slices.Reverse(backwards)
	same(t, "a thousand", asked, find(t, h.Engine, idempotency.Query{IDs: backwards}))
	same(t, "behind one of them", asked[900:], find(t, h.Engine, idempotency.Query{IDs: backwards, After: asked[899]}))
	same(t, "some of them", asked[:300], find(t, h.Engine, idempotency.Query{IDs: backwards, Limit: 300}))
	unknown := sorted(n+1, n+2, 3)
	same(t, "some that are not there", []idempotency.ID{idOf(3)}, find(t, h.Engine, idempotency.Query{IDs: unknown}))
	var got []idempotency.ID
	var failed error
	for r, err := range h.Engine.Find(t.Context(), idempotency.Query{IDs: sorted(all[:idempotency.MaxQueryIDs+1]...)}) {
		if failed = err; err == nil {
			got = append(got, r.ID)
		}
	}
	if failed == nil || len(got) > 0 {
		t.Errorf("%d ids: %d records, %v, want an error that says how many may be asked for", idempotency.MaxQueryIDs+1, len(got), failed)
	}
}

// bareRecords: what is read without its job says so, however it was found, and
// cannot take the job from the ledger.
func bareRecords(t reporter, h Harness) {
	full := fullRecord()
	held := sent(2, "lob")
	held.State = idempotency.Held
	must(t, h.Engine, create(full), create(held), create(planned(3)))
	for name, q := range map[string]idempotency.Query{
		"all": {}, "ids": {IDs: sorted(1, 2)}, "reference": {Ref: refOf(1, 1)}, "piece": {Vendor: "lob", VendorID: "psc_1"},
		"campaign": {Campaign: "spring"}, "rare": {States: []idempotency.State{idempotency.Held}}, "vendor": {Vendor: "lob"},
	} {
		whole := collect(t, h.Engine.Find(t.Context(), q))
		q.Bare = true
		bare := collect(t, h.Engine.Find(t.Context(), q))
		if len(whole) == 0 || len(bare) != len(whole) {
			t.Errorf("%s: %d bare records, want %d", name, len(bare), len(whole))
			continue
		}
		for i, r := range bare {
			same(t, name, whole[i].Strip(), r)
			c := step(r, func(r *idempotency.Record) { r.Tries++ })
			if err := idempotency.CommitOne(t.Context(), h.Engine, c); err == nil {
				t.Errorf("%s: a record without its job was written back", name)
			}
		}
	}
	same(t, "the record after all", fullRecord(), get(t, h.Engine, full.ID))
}

func oldRefs(t reporter, h Harness) {
	old := sent(1, "lob")
	must(t, h.Engine, create(old))
	next := step(old, func(r *idempotency.Record) {
		r.Submissions[0].VendorID, r.Submissions[0].Fate = "psc_1", idempotency.FateCanceled
		r.Generation = 2
		r.Submissions = append(r.Submissions, idempotency.Submission{Generation: 2, Ref: refOf(1, 2), Vendor: "pcm"})
	})
	must(t, h.Engine, next)
	done := step(next.Record, func(r *idempotency.Record) { r.State = idempotency.Done })
	must(t, h.Engine, done)
	if n, err := h.Engine.Prune(t.Context(), epoch().AddDate(1, 0, 0), 10); n != 1 || err != nil {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	for _, q := range []idempotency.Query{{Ref: refOf(1, 1)}, {Ref: refOf(1, 2)}, {Vendor: "lob", VendorID: "psc_1"}} {
		same(t, "found", sorted(1), find(t, h.Engine, q))
	}
}

func pages(t reporter, h Harness) {
	const n = 777
	changes := make([]idempotency.Change, n)
	all := make([]int, n)
	for i := range changes {
		r := planned(i)
		if i%2 == 1 {
			r.State = idempotency.Held
		}
		changes[i] = create(r)
		all[i] = i
	}
	must(t, h.Engine, changes...)
	want := sorted(all...)
	same(t, "all at once", want, find(t, h.Engine, idempotency.Query{}))
	for _, q := range []idempotency.Query{{Limit: 100}, {Limit: 50, Campaign: "spring"}, {Limit: 50, States: []idempotency.State{idempotency.Held, idempotency.Planned}}} {
		var got []idempotency.ID
		for {
			page := find(t, h.Engine, q)
			got = append(got, page...)
			if len(page) == 0 {
				break
			}
			q.After = page[len(page)-1]
		}
		same(t, "page by page", want, got)
	}
}

func steadyUnderChange(t reporter, h Harness) {
	const n = 600
	changes := make([]idempotency.Change, n)
	var steady []int
	for i := range changes {
		r := planned(i)
		if i%2 == 0 {
			r.State = idempotency.Held
			steady = append(steady, i)
		}
		changes[i] = create(r)
	}
	must(t, h.Engine, changes...)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { // the others change all the time, and new ones come
		for i := n; ctx.Err() == nil; i++ {
			r, err := h.Engine.Get(ctx, idOf(i%n/2*2+1))
			if err != nil {
				continue
			}
			_, _ = h.Engine.Commit(ctx, []idempotency.Change{
				step(r, func(r *idempotency.Record) { r.Tries++; r.Due = r.Due.Add(1) }), create(planned(i)),
			})
		}
	})
	want := sorted(steady...)
	for _, q := range []idempotency.Query{{}, {Campaign: "spring"}} {
		got := []idempotency.ID{}
		for r, err := range h.Engine.Find(t.Context(), q) {
			if err != nil {
				t.Errorf("Find: %v", err)
				break
			}
			if r.State == idempotency.Held {
				got = append(got, r.ID)
			}
		}
		same(t, "records that stayed the same", want, got)
	}
	cancel()
	wg.Wait()
}

func leftEarly(t reporter, h Harness) {
	var changes []idempotency.Change
	for i := range 300 {
		changes = append(changes, create(planned(i)))
	}
	must(t, h.Engine, changes...)
	for range 50 { // whatever is held while reading is given back
		for _, err := range h.Engine.Find(t.Context(), idempotency.Query{}) {
			if err != nil {
				t.Fatalf("Find: %v", err)
			}
			break
		}
		for _, err := range h.Engine.Entries(t.Context(), idempotency.EntryQuery{}) {
			if err != nil {
				t.Fatalf("Entries: %v", err)
			}
			break
		}
	}
	// A reader may write while it reads.
	for r, err := range h.Engine.Find(t.Context(), idempotency.Query{Limit: 5}) {
		if err != nil {
			t.Fatalf("Find: %v", err)
		}
		must(t, h.Engine, step(r, func(r *idempotency.Record) { r.Tries++ }))
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	for _, err := range h.Engine.Find(ctx, idempotency.Query{}) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Find = %v, want the context's end", err)
			}
			break
		}
		if n++; n == 1 {
			cancel()
		}
	}
	cancel()
	if n == 300 {
		t.Errorf("the list went on to its end without its context")
	}
}
