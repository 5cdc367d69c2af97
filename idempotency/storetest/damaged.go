package storetest

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
)

func damagedChecks() []check {
	return []check{
		{name: "records are listed on behind a damaged one", run: damagedRecords},
		{name: "a damaged record is not taken to be absent", run: damagedNotAbsent},
		{name: "a damaged record keeps no other from its worker", run: damagedClaim},
		{name: "the history goes on behind a damaged entry", run: damagedEntries},
		{name: "an inbox is listed on behind a damaged message", run: damagedMessages},
		{name: "a damaged message keeps no other from its worker", run: damagedMessageClaim},
		{name: "the first damaged thing ends a list whose reader stops", run: damagedStop},
	}
}

// damage has the store's test damage something.
func damage(t reporter, h Harness, what idempotency.DamagedError) {
	t.Helper()
	if err := h.Damage(t.Context(), what); err != nil {
		t.Fatalf("Damage of %s: %v", what.What(), err)
	}
}

// listed is what a list has yielded, a name for each: that of something damaged has
// an exclamation mark before it.
func listed[T any](t reporter, seq iter.Seq2[T, error], name func(T) string) []string {
	t.Helper()
	all := []string{}
	for v, err := range seq {
		if len(all) > 10_000 {
			t.Fatalf("list: it does not end; its last is %s", all[len(all)-1])
		}
		if err == nil {
			all = append(all, name(v))
			continue
		}
		one := idempotency.AsDamaged(err)
		if one == nil || !errors.Is(err, idempotency.ErrCorrupt) {
			t.Fatalf("list: %v, want a DamagedError, which is ErrCorrupt", err)
		}
		all = append(all, "!"+one.What())
	}
	return all
}

func recordName(r *idempotency.Record) string { return "record " + string(r.ID) }

// many is how many there are: more than a store reads at once.
func many(h Harness) int {
	if h.small {
		return 12
	}
	return 600
}

func damagedRecords(t reporter, h Harness) {
	if h.Damage == nil {
		return
	}
	n := many(h)
	var changes []idempotency.Change
	var numbers []int
	for i := range n {
		r := planned(i)
		if i%3 == 0 { // the rare states have an index of their own
			r.State = idempotency.Held
		}
		changes, numbers = append(changes, create(r)), append(numbers, i)
	}
	must(t, h.Engine, changes...)
	ids := sorted(numbers...)
	bad := []idempotency.ID{ids[0], ids[n/2-1], ids[n/2], ids[n-1]} // the ends, and two beside each other
	for _, id := range bad {
		damage(t, h, idempotency.DamagedError{Record: id})
	}
	name := func(id idempotency.ID) string {
		if slices.Contains(bad, id) {
			return "!record " + string(id)
		}
		return "record " + string(id)
	}
	held := func(id idempotency.ID) bool {
		return slices.ContainsFunc(numbers, func(i int) bool { return i%3 == 0 && idOf(i) == id })
	}
	all, rare := []string{}, []string{}
	for _, id := range ids {
		all = append(all, name(id))
		if held(id) {
			rare = append(rare, name(id))
		}
	}
	some := ids[:min(n, idempotency.MaxQueryIDs)]
	for what, c := range map[string]struct {
		q    idempotency.Query
		want []string
	}{
		"all":                 {idempotency.Query{}, all},
		"all, bare":           {idempotency.Query{Bare: true}, all},
		"of a campaign":       {idempotency.Query{Campaign: "spring"}, all},
		"of a rare state":     {idempotency.Query{States: []idempotency.State{idempotency.Held}}, rare},
		"of two states":       {idempotency.Query{States: []idempotency.State{idempotency.Held, idempotency.Planned}}, all},
		"by their ids":        {idempotency.Query{IDs: some}, all[:len(some)]},
		"behind the first":    {idempotency.Query{After: ids[0]}, all[1:]},
		"behind two of them":  {idempotency.Query{After: ids[n/2]}, all[n/2+1:]},
		"a few":               {idempotency.Query{Limit: 3}, all[:3]},
		"a few of a campaign": {idempotency.Query{Campaign: "spring", After: ids[n/2-3], Limit: 4}, all[n/2-2 : n/2+2]},
	} {
		same(t, what, c.want, listed(t, h.Engine.Find(t.Context(), c.q), recordName))
	}
}

func damagedNotAbsent(t reporter, h Harness) {
	if h.Damage == nil {
		return
	}
	r := sent(1, "lob")
	r.State, r.Submissions[0].VendorID = idempotency.Accepted, "psc_1"
	r.Receipt.Vendor, r.Receipt.VendorID, r.Receipt.Ref = "lob", "psc_1", r.Submissions[0].Ref
	must(t, h.Engine, create(planned(0)), create(r))
	damage(t, h, idempotency.DamagedError{Record: r.ID})
	want := []string{"!record " + string(r.ID)}
	for what, q := range map[string]idempotency.Query{
		"by its reference": {Ref: r.Submissions[0].Ref}, "by the vendor's id": {Vendor: "lob", VendorID: "psc_1"},
		"by its id": {IDs: []idempotency.ID{r.ID}}, "by its vendor": {Vendor: "lob"},
	} {
		same(t, what, want, listed(t, h.Engine.Find(t.Context(), q), recordName))
	}
	if _, err := h.Engine.Get(t.Context(), r.ID); idempotency.AsDamaged(err) == nil || idempotency.AsDamaged(err).Record != r.ID {
		t.Errorf("Get = %v, want a DamagedError with the id", err)
	}
	refuse(t, h.Engine, idempotency.ErrExists, create(planned(1)))
}

func damagedClaim(t reporter, h Harness) {
	if h.Damage == nil {
		return
	}
	must(t, h.Engine, create(planned(0)), create(planned(1)), create(planned(2)))
	ids := sorted(0, 1, 2)
	damage(t, h, idempotency.DamagedError{Record: ids[0]})
	got := idsOf(claim(t, h.Engine, epoch(), 3))
	slices.Sort(got)
	same(t, "claimed", ids[1:], got)
	same(t, "while the leases hold", []idempotency.ID{}, idsOf(claim(t, h.Engine, epoch(), 3)))
	for _, r := range collect(t, h.Engine.Find(t.Context(), idempotency.Query{IDs: ids[1:]})) {
		must(t, h.Engine, step(r, func(r *idempotency.Record) { r.State, r.Due = idempotency.Done, time.Time{} }))
	}
	later := idempotency.ClaimRequest{Owner: "worker", Limit: 3, Lease: time.Minute, Now: epoch().Add(time.Hour)}
	rs, err := h.Engine.Claim(t.Context(), later)
	if one := idempotency.AsDamaged(err); one == nil || one.Record != ids[0] || len(rs) > 0 {
		t.Errorf("Claim of the damaged one alone = %v, %v, want a DamagedError with its id", idsOf(rs), err)
	}
	if rs, err := h.Engine.Claim(t.Context(), later); err != nil || len(rs) > 0 {
		t.Errorf("Claim right after it = %v, %v, want nothing: it has a lease", idsOf(rs), err)
	}
}

func damagedEntries(t reporter, h Harness) {
	if h.Damage == nil {
		return
	}
	n := many(h)
	changes := []idempotency.Change{create(planned(0)), create(planned(1))}
	for i := range n {
		changes = append(changes, idempotency.Change{Entries: []idempotency.Entry{{At: epoch().Add(time.Duration(i) * time.Second), Kind: "noted"}}})
	}
	must(t, h.Engine, append(changes, step(planned(0), func(r *idempotency.Record) { r.Priority = 1 }))...)
	entryName := func(e idempotency.Entry) string { return fmt.Sprintf("entry %d", e.Seq) }
	all := listed(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{}), entryName)
	own := collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{ID: idOf(0)}))
	if len(own) != 2 || len(all) != n+3 {
		t.Fatalf("%d entries of %d are the record's, want 2 of %d", len(own), len(all), n+3)
	}
	noted := collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"noted"}}))
	for _, seq := range []uint64{own[0].Seq, noted[n/2].Seq} {
		damage(t, h, idempotency.DamagedError{Entry: seq})
		all[slices.Index(all, fmt.Sprintf("entry %d", seq))] = fmt.Sprintf("!entry %d", seq)
	}
	same(t, "all", all, listed(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{}), entryName))
	same(t, "from a place on", all[n/2:], listed(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{After: own[0].Seq + uint64(n/2) - 1}), entryName))
	same(t, "of a kind that no other has", []string{fmt.Sprintf("!entry %d", own[0].Seq), fmt.Sprintf("!entry %d", noted[n/2].Seq)},
		listed(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"late_arrival"}}), entryName))
	same(t, "of the record", []string{fmt.Sprintf("!entry %d", own[0].Seq), fmt.Sprintf("entry %d", own[1].Seq)},
		listed(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{ID: idOf(0)}), entryName))
	for e, err := range h.Engine.Entries(t.Context(), idempotency.EntryQuery{ID: idOf(0), Limit: 1}) {
		if e.Seq != own[0].Seq || err == nil {
			t.Errorf("beside the error, which is %v, stands entry %d, want %d", err, e.Seq, own[0].Seq)
		}
	}
}

func messageName(m *idempotency.Message) string { return fmt.Sprintf("message %d", m.ID) }

func damagedMessages(t reporter, h Harness) {
	if h.Damage == nil {
		return
	}
	n := min(many(h), 300)
	all := []string{}
	for i := range n {
		all = append(all, messageName(put(t, h.Engine, message(i))))
	}
	first := messages(t, h.Engine, idempotency.MessageQuery{Limit: 1})[0].ID
	for _, i := range []int{0, n/2 - 1, n / 2, n - 1} {
		damage(t, h, idempotency.DamagedError{Message: first + uint64(i)})
		all[i] = "!" + all[i]
	}
	waits := []idempotency.MessageState{idempotency.MessageWaiting}
	for what, c := range map[string]struct {
		q    idempotency.MessageQuery
		want []string
	}{
		"all":              {idempotency.MessageQuery{}, all},
		"those that wait":  {idempotency.MessageQuery{States: waits}, all},
		"of a vendor":      {idempotency.MessageQuery{Vendor: "lob"}, all},
		"behind the first": {idempotency.MessageQuery{After: first}, all[1:]},
		"a few":            {idempotency.MessageQuery{Limit: 2}, all[:2]},
		"a few that wait":  {idempotency.MessageQuery{States: waits, After: first + uint64(n/2) - 2, Limit: 3}, all[n/2-1 : n/2+2]},
		"one of them":      {idempotency.MessageQuery{After: first + uint64(n/2) - 1, Limit: 1}, all[n/2 : n/2+1]},
		"of other vendors": {idempotency.MessageQuery{Vendor: "pcm"}, []string{}},
	} {
		same(t, what, c.want, listed(t, h.Engine.Inbox().List(t.Context(), c.q), messageName))
	}
}

func damagedMessageClaim(t reporter, h Harness) {
	if h.Damage == nil {
		return
	}
	bad := put(t, h.Engine, message(0))
	good := put(t, h.Engine, message(1))
	damage(t, h, idempotency.DamagedError{Message: bad.ID})
	got := claimMessages(t, h.Engine, epoch().Add(time.Minute), 2)
	same(t, "claimed", []uint64{good.ID}, messageIDs(got))
	mark := idempotency.Mark{ID: good.ID, Expect: got[0].Fence, State: idempotency.MessageApplied}
	must(t, h.Engine, idempotency.Change{Marks: []idempotency.Mark{mark}})
	later := idempotency.ClaimRequest{Owner: "worker", Limit: 2, Lease: time.Minute, Now: epoch().Add(time.Hour)}
	ms, err := h.Engine.Inbox().Claim(t.Context(), later)
	if one := idempotency.AsDamaged(err); one == nil || one.Message != bad.ID || len(ms) > 0 {
		t.Errorf("Claim of the damaged one alone = %v, %v, want a DamagedError with its id", messageIDs(ms), err)
	}
	if ms, err := h.Engine.Inbox().Claim(t.Context(), later); err != nil || len(ms) > 0 {
		t.Errorf("Claim right after it = %v, %v, want nothing: it has a lease", messageIDs(ms), err)
	}
}

func damagedStop(t reporter, h Harness) {
	if h.Damage == nil {
		return
	}
	must(t, h.Engine, create(planned(0)), create(planned(1)))
	bad := put(t, h.Engine, message(0))
	put(t, h.Engine, message(1))
	damage(t, h, idempotency.DamagedError{Message: bad.ID})
	damage(t, h, idempotency.DamagedError{Record: sorted(0, 1)[0]})
	for _, err := range h.Engine.Find(t.Context(), idempotency.Query{}) {
		if err == nil {
			t.Errorf("the damaged record was not listed first")
		}
		break // it must not be called again, which would panic
	}
	for _, err := range h.Engine.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		if err == nil {
			t.Errorf("the damaged message was not listed first")
		}
		break
	}
}
