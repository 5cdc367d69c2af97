package storetest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// oddChecks hold what no honest caller asks for and some vendor or clock will
// bring.
func oddChecks() []check {
	return []check{
		{name: "names that look alike are two", run: namesAlike},
		{name: "names are in the order of their bytes", run: nameOrder},
		{name: "a text is bytes", run: textIsBytes},
		{name: "what a vendor calls a piece may be of any length", run: longNames},
		{name: "a header comes back byte for byte", run: headerBytes},
		{name: "limits and places at the edge of their types", run: edges},
		{name: "numbers at the edge of their types", run: numbers},
		{name: "times beyond every calendar do no harm", run: farTimes},
		{name: "lists side by side, and one that is stopped midway", run: listsBeside},
		{name: "history from before the record stays with the ledger", run: looseHistory},
	}
}

// lookalikes are names that some collation or normalization takes for one, or some
// statement for a pattern. They are in the order of their bytes.
func lookalikes() []string {
	names := []string{
		"%", "_", "A", "a", "B", "b", "ab", "aB", "a b", "a-b", "a_b", "a%b", `a\b`, `a"b`, "a'b", "{a,b}", "NULL", "null", "SS", "ss", "ß",
		"\u00e9", "e\u0301", "\u00c9", "i", "I", "\u0131", "\u0130", "\u212b", "\u00c5", "A\u030a", "\ufb01", "fi", "a ", " a", "a\t", "@records", "$1", "1", "\u0661", "\uff11",
		"\u6f22", "\U0001f5a8", "\U0010ffff", "\uffff", "\ufffd", "\u200b", "a\u200b", "\ufeffa", "zz", "z", "Z",
	}
	slices.Sort(names)
	return names
}

// namesAlike: nothing that names something is compared in another way than byte
// by byte.
func namesAlike(t reporter, h Harness) {
	names := lookalikes()
	var changes []idempotency.Change
	for i, name := range names {
		r := sent(i, "v"+name)
		r.Campaign, r.Submissions[0].VendorID, r.Lease.Owner = name, "id"+name, name
		c := create(r)
		c.Entries[0].Kind = idempotency.EntryKind(name)
		c.Counters = []idempotency.CounterAdd{{Name: name, Add: int64(i + 1), Limit: int64(i + 1)}}
		c.Settings = []idempotency.SettingWrite{{Name: "s" + name, Value: []byte(name)}}
		changes = append(changes, c)
		m := message(i)
		m.Vendor, m.Account, m.Dedupe = "v", "a", name
		put(t, h.Engine, m)
		m = message(i)
		m.Vendor, m.Account, m.Dedupe = "v", name, "evt"
		put(t, h.Engine, m)
		m = message(i)
		m.Vendor, m.Account, m.Dedupe = "v"+name, "a", "evt"
		put(t, h.Engine, m)
	}
	must(t, h.Engine, changes...)
	for i, name := range names {
		for what, q := range map[string]idempotency.Query{
			"campaign": {Campaign: name}, "campaign and state": {Campaign: name, States: []idempotency.State{idempotency.Sending}},
			"vendor": {Vendor: "v" + name}, "piece": {Vendor: "v" + name, VendorID: "id" + name}, "vendor's id": {VendorID: "id" + name},
		} {
			same(t, fmt.Sprintf("%s %q", what, name), sorted(i), find(t, h.Engine, q))
		}
		same(t, fmt.Sprintf("entries of kind %q", name), 1, len(collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{idempotency.EntryKind(name)}}))))
		same(t, fmt.Sprintf("messages of vendor %q", "v"+name), 1, len(messages(t, h.Engine, idempotency.MessageQuery{Vendor: "v" + name})))
		n, err := h.Engine.Counter(t.Context(), name)
		set, err2 := h.Engine.Setting(t.Context(), "s"+name)
		if n != int64(i+1) || string(set.Value) != name || set.Name != "s"+name || errors.Join(err, err2) != nil {
			t.Errorf("%q: counter %d, setting %+v, %v", name, n, set, errors.Join(err, err2))
		}
		depth, err := h.Engine.Depth(t.Context(), name)
		if err != nil {
			t.Fatalf("Depth: %v", err)
		}
		same(t, "depth", []idempotency.StateCount{{Campaign: name, State: idempotency.Sending, Count: 1}}, depth)
		want := 0
		for _, other := range names {
			if strings.HasPrefix(other, name) {
				want++
			}
		}
		same(t, fmt.Sprintf("settings that begin with %q", "s"+name), want, len(collect(t, h.Engine.Settings(t.Context(), "s"+name))))
	}
}

// nameOrder: whatever the database's own order of texts is.
func nameOrder(t reporter, h Harness) {
	names := lookalikes()
	var changes []idempotency.Change
	for i, place := range rand.New(rand.NewPCG(1, 2)).Perm(len(names)) {
		r := planned(i)
		r.Campaign = names[place]
		c := create(r)
		c.Settings = []idempotency.SettingWrite{{Name: names[place]}}
		changes = append(changes, c)
	}
	must(t, h.Engine, changes...)
	var listed, counted, claimed []string
	for _, set := range collect(t, h.Engine.Settings(t.Context(), "")) {
		listed = append(listed, set.Name)
	}
	same(t, "settings", names, listed)
	depth, err := h.Engine.Depth(t.Context(), "")
	if err != nil {
		t.Fatalf("Depth: %v", err)
	}
	for _, d := range depth {
		counted = append(counted, d.Campaign)
	}
	same(t, "depth", names, counted)
	served := len(names) / 2
	for len(claimed) < len(names) {
		rs, err := h.Engine.Claim(t.Context(), idempotency.ClaimRequest{
			Limit: 1 + len(names)/4, Lease: time.Hour, Now: epoch(), Served: append([]string{names[served]}, claimed...)[len(claimed)],
		})
		if err != nil || len(rs) == 0 {
			t.Fatalf("Claim = %d records, %v", len(rs), err)
		}
		for _, r := range rs {
			claimed = append(claimed, r.Campaign)
		}
	}
	same(t, "turns", append(slices.Clone(names[served+1:]), names[:served+1]...), claimed)
}

// textIsBytes: what a record and an entry say comes back, also what is no text.
func textIsBytes(t reporter, h Harness) {
	for i, text := range []string{
		"a\x00b", "\x00", "\xff", "a\xc3", "\xed\xa0\x80", "\x1e\x1f", "\x1elob\x1f", strings.Repeat("long ", 40_000), "\r\n", "\uffff\ufffe\u0000",
	} {
		r := sent(i, "lob")
		r.Contact, r.Trace, r.Hold.Note, r.Status.Raw, r.Submissions[0].VendorID, r.Receipt.ProofURL, r.Job = text, text, text, text, "id"+text, text, []byte(text)
		c := create(r)
		c.Entries[0].Note, c.Entries[0].By, c.Entries[0].VendorID = text, text, text
		c.Settings = []idempotency.SettingWrite{{Name: fmt.Sprint("s", i), Value: []byte(text)}}
		must(t, h.Engine, c)
		same(t, fmt.Sprintf("record with %.9q", text), r, get(t, h.Engine, r.ID))
		c.Entries[0].Seq = uint64(i + 1)
		same(t, fmt.Sprintf("history with %.9q", text), c.Entries, history(t, h.Engine, r.ID))
		same(t, fmt.Sprintf("piece %.9q", text), sorted(i), find(t, h.Engine, idempotency.Query{Vendor: "lob", VendorID: "id" + text}))
		set, err := h.Engine.Setting(t.Context(), fmt.Sprint("s", i))
		if err != nil || string(set.Value) != text {
			t.Errorf("setting = %.9q, %v, want %.9q", set.Value, err, text)
		}
	}
}

// longNames: an index takes no text of any length, and a vendor's id may have any.
// What is named here has a limit, which fails the change alone.
func longNames(t reporter, h Harness) {
	random := rand.New(rand.NewPCG(3, 4))
	noise := func(length int) string {
		name := make([]byte, length)
		for i := range name {
			name[i] = byte('0' + random.IntN(75))
		}
		return string(name)
	}
	for i, length := range []int{1_000, 3_000, 10_000, 100_000} {
		name := noise(length)
		one, two := sent(2*i, "lob"), sent(2*i+1, "lob")
		one.Submissions[0].VendorID, two.Submissions[0].VendorID = name+"1", name+"2"
		must(t, h.Engine, create(one), create(two))
		same(t, "piece", sorted(2*i), find(t, h.Engine, idempotency.Query{Vendor: "lob", VendorID: name + "1"}))
		same(t, "the other piece", sorted(2*i+1), find(t, h.Engine, idempotency.Query{VendorID: name + "2"}))
		two = step(two, func(r *idempotency.Record) { r.Submissions[0].VendorID = name + "1" }).Record
		must(t, h.Engine, idempotency.Change{Record: two, Expect: 1})
		same(t, "the piece of two", sorted(2*i, 2*i+1), find(t, h.Engine, idempotency.Query{Vendor: "lob", VendorID: name + "1"}))
	}
	name := noise(idempotency.MaxNameLength)
	last := planned(100)
	last.Campaign = name
	c := create(last)
	c.Counters = []idempotency.CounterAdd{{Name: name, Add: 7}}
	c.Settings = []idempotency.SettingWrite{{Name: name, Value: []byte("on")}}
	must(t, h.Engine, c)
	n, err := h.Engine.Counter(t.Context(), name)
	set, err2 := h.Engine.Setting(t.Context(), name)
	if n != 7 || set.Name != name || string(set.Value) != "on" || errors.Join(err, err2) != nil {
		t.Errorf("the longest name: counter %d, setting %q, %v", n, set.Value, errors.Join(err, err2))
	}
	same(t, "the longest campaign", sorted(100), find(t, h.Engine, idempotency.Query{Campaign: name}))
	m := message(1)
	m.Dedupe = name[len(m.Vendor)+len(m.Account):]
	put(t, h.Engine, m)
	if found := messages(t, h.Engine, idempotency.MessageQuery{}); found[0].Dedupe != m.Dedupe {
		t.Errorf("the longest name of a message did not come back")
	}
	m.Dedupe += "2"
	if _, err := h.Engine.Inbox().Put(t.Context(), m); err == nil {
		t.Errorf("a message was stored whose name is too long")
	}
	far := planned(101)
	far.Campaign = name + "2"
	errs, err := h.Engine.Commit(t.Context(), []idempotency.Change{
		create(planned(102)), create(far), {Counters: []idempotency.CounterAdd{{Name: name + "2", Add: 7}}}, {Settings: []idempotency.SettingWrite{{Name: name + "2"}}}, create(planned(103)),
	})
	if err != nil || len(errs) != 5 || errs[0] != nil || errs[1] == nil || errs[2] == nil || errs[3] == nil || errs[4] != nil {
		t.Errorf("Commit with names that are too long between others = %v, %v", errs, err)
	}
}

// headerBytes: a signature is over bytes.
func headerBytes(t reporter, h Harness) {
	want := map[string]string{
		"plain": "abc", "empty": "", "latin": "caf\xe9", "cut": "\xc3", "replacement": "\ufffd", "control": "\x00\x01\x7f", "quotes": `"\"`, "html": "<&>\u2028", "": "no name",
		"caf\xe9": "name", "caf\ufffd": "another name",
	}
	m := message(1)
	m.Header = want
	m.Body = []byte{}
	put(t, h.Engine, m)
	bare := message(2)
	bare.Header, bare.Body = nil, nil
	put(t, h.Engine, bare)
	all := messages(t, h.Engine, idempotency.MessageQuery{})
	same(t, "header", want, all[0].Header)
	// A driver may take a body of no bytes for none.
	if len(all[0].Body)+len(all[1].Body) != 0 || all[1].Header != nil {
		t.Errorf("an empty body came back as %v, none as %v, no header as %v", all[0].Body, all[1].Body, all[1].Header)
	}
	same(t, "claimed header", want, claimMessages(t, h.Engine, epoch().Add(time.Hour), 1)[0].Header)
}

// edges: a limit above all that there is means all, and behind the last place
// there is nothing.
func edges(t reporter, h Harness) {
	for i := range 3 {
		r := planned(i)
		must(t, h.Engine, create(r))
		put(t, h.Engine, message(i))
	}
	for _, limit := range []int{math.MaxInt, math.MaxInt/32 + 1, math.MaxInt32, 0, -1, math.MinInt} {
		same(t, "found", sorted(0, 1, 2), find(t, h.Engine, idempotency.Query{Limit: limit}))
		same(t, "found of a campaign", sorted(0, 1, 2), find(t, h.Engine, idempotency.Query{Limit: limit, Campaign: "spring"}))
		same(t, "found by id", sorted(1), find(t, h.Engine, idempotency.Query{Limit: limit, IDs: []idempotency.ID{idOf(1), "", "x", idOf(9)}}))
		same(t, "entries", 3, len(collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{Limit: limit}))))
		same(t, "messages", 3, len(messages(t, h.Engine, idempotency.MessageQuery{Limit: limit})))
		n, err := h.Engine.Prune(t.Context(), epoch().Add(time.Hour), limit)
		m, err2 := h.Engine.Inbox().Purge(t.Context(), epoch().Add(time.Hour), limit)
		if n+m != 0 || errors.Join(err, err2) != nil {
			t.Errorf("Prune and Purge with the limit %d = %d and %d, %v", limit, n, m, errors.Join(err, err2))
		}
		if limit <= 0 {
			same(t, "claimed", 0, len(claim(t, h.Engine, epoch(), limit)))
			same(t, "claimed messages", 0, len(claimMessages(t, h.Engine, epoch().Add(time.Hour), limit)))
		}
	}
	for i, limit := range []int{math.MaxInt, math.MaxInt/32 + 1, math.MaxInt32} {
		now := epoch().Add(time.Duration(i+1) * time.Hour)
		same(t, fmt.Sprintf("claimed with the limit %d", limit), 3, len(claim(t, h.Engine, now, limit, make([]string, 10_000)...)))
		same(t, fmt.Sprintf("messages claimed with the limit %d", limit), 3, len(claimMessages(t, h.Engine, now, limit)))
	}
	for _, place := range []uint64{3, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64 - 1, math.MaxUint64} {
		same(t, fmt.Sprintf("entries behind %d", place), 0, len(collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{After: place}))))
		same(t, fmt.Sprintf("a record's entries behind %d", place), 0, len(collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{ID: idOf(1), After: place}))))
		same(t, fmt.Sprintf("messages behind %d", place), 0, len(messages(t, h.Engine, idempotency.MessageQuery{After: place})))
		refuse(t, h.Engine, idempotency.ErrStale, idempotency.Change{Marks: []idempotency.Mark{{ID: place + 1, Expect: 1, State: idempotency.MessageApplied}}})
		refuse(t, h.Engine, idempotency.ErrStale, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "s", Expect: place}}})
		refuse(t, h.Engine, idempotency.ErrStale, idempotency.Change{Reads: []idempotency.SettingRead{{Name: "s", Version: place}}})
	}
	same(t, "behind the last id", sorted(), find(t, h.Engine, idempotency.Query{After: idempotency.ID(strings.Repeat("f", 64))}))
	for _, after := range []idempotency.ID{"g", "ffff", "\xff", idempotency.ID(strings.Repeat("F", 64))} {
		for r, err := range h.Engine.Find(t.Context(), idempotency.Query{After: after}) {
			if err == nil {
				t.Errorf("behind %q, which is no id, comes %s", after, r.ID)
			}
		}
	}
}

// numbers: priorities and counters at their ends.
func numbers(t reporter, h Harness) {
	priorities := []int{math.MaxInt, math.MaxInt - 1, 1, 0, -1, math.MinInt + 1, math.MinInt}
	var want []idempotency.ID
	for i, p := range priorities {
		r := planned(i)
		r.Priority = p
		must(t, h.Engine, create(r))
		want = append(want, r.ID)
	}
	for i, p := range priorities {
		now := epoch().Add(time.Duration(i) * time.Hour)
		rs, err := h.Engine.Claim(t.Context(), idempotency.ClaimRequest{Limit: 100, Lease: time.Minute, Now: now, Least: &p})
		if err != nil {
			t.Fatalf("Claim: %v", err)
		}
		same(t, fmt.Sprintf("claimed from the priority %d on", p), want[:i+1], idsOf(rs))
	}
	for i, a := range []idempotency.CounterAdd{
		{Name: "n", Add: math.MaxInt64},
		{Name: "n", Add: math.MaxInt64},
		{Name: "n", Add: 1, Limit: math.MaxInt64},
		{Name: "n", Add: -1},
		{Name: "n", Add: math.MinInt64, Limit: 1},
		{Name: "n", Add: math.MinInt64},
		{Name: "n", Add: 1, Limit: -1},
		{Name: "n", Add: 0, Limit: 1},
	} {
		must(t, h.Engine, idempotency.Change{Counters: []idempotency.CounterAdd{a}})
		n, err := h.Engine.Counter(t.Context(), "n")
		if want := []int64{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64 - 1, 0, 0, 1, 1}[i]; err != nil || n != want {
			t.Errorf("after %+v: %d, %v, want %d", a, n, err, want)
		}
	}
	both := idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "n", Add: math.MinInt64}, {Name: "n", Add: math.MaxInt64, Limit: math.MaxInt64}, {Name: "n", Add: 1, Limit: math.MaxInt64 - 1}}}
	refuse(t, h.Engine, idempotency.ErrLimit, both)
}

// farTimes: what is due after all calendars waits, what was due before them does
// not, and a clock that is far off takes nothing that is not visible.
func farTimes(t reporter, h Harness) {
	far := []time.Time{
		{},
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MinInt64).UTC(), epoch().Add(-time.Nanosecond), epoch(),
		epoch().Add(time.Nanosecond), time.Date(2262, 4, 11, 23, 47, 16, 854775807, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0).UTC(),
	}
	var due []idempotency.ID
	for i, at := range far {
		r := planned(i)
		r.Due, r.UpdatedAt, r.CreatedAt, r.Deadline = at, at, at, at
		must(t, h.Engine, create(r))
		same(t, "record", r, get(t, h.Engine, r.ID))
		if !at.After(epoch()) {
			due = append(due, r.ID)
		}
		m := message(i)
		m.Due = at
		if i < 7 {
			m.ReceivedAt = epoch()
		}
		put(t, h.Engine, m)
	}
	same(t, "messages that are due", 6, len(claimMessages(t, h.Engine, epoch(), 100)))
	rs := claim(t, h.Engine, epoch(), 100)
	slices.Sort(due)
	got := idsOf(rs)
	if !slices.IsSortedFunc(rs, func(a, b *idempotency.Record) int {
		if a.Due.Year() < 1678 && b.Due.Year() < 1678 { // all the same to an index
			return 0
		}
		return a.Due.Compare(b.Due)
	}) {
		t.Errorf("the records do not come by the time at which they were due")
	}
	slices.Sort(got)
	same(t, "due", due, got)
	same(t, "due long ago, and leased", 0, len(claim(t, h.Engine, time.Time{}, 100)))
	r := planned(100)
	must(t, h.Engine, create(r))
	// The longest lease there is, and one that is over before it begins.
	for i, lease := range []time.Duration{math.MinInt64, -time.Hour, 0, math.MaxInt64} {
		rs, err := h.Engine.Claim(t.Context(), idempotency.ClaimRequest{Limit: 1, Lease: lease, Now: epoch().Add(time.Hour), Served: "nobody's"})
		if err != nil || len(rs) != 1 {
			t.Fatalf("Claim with the lease %v = %d records, %v", lease, len(rs), err)
		}
		if i == 0 {
			must(t, h.Engine, step(rs[0], func(r *idempotency.Record) { r.Lease, r.Due = idempotency.Lease{}, epoch() }))
		}
	}
}

// looseHistory: what was said under an id before its record was there stays when
// the record's own history goes.
func looseHistory(t reporter, h Harness) {
	loose := func(i int) idempotency.Change {
		return idempotency.Change{Entries: []idempotency.Entry{{ID: idOf(i), At: epoch(), Kind: "before"}}}
	}
	must(t, h.Engine, loose(1), loose(2), loose(2), idempotency.Change{Entries: []idempotency.Entry{{At: epoch(), Kind: "ledger"}}})
	must(t, h.Engine, create(planned(1)))
	final := planned(2)
	final.State = idempotency.Canceled
	must(t, h.Engine, create(final))
	same(t, "history", []string{"before", "created"}, kinds(history(t, h.Engine, idOf(1))))
	c := step(planned(1), func(*idempotency.Record) {})
	c.Forget = true
	must(t, h.Engine, c)
	same(t, "history that was forgotten", []string{"before", "changed"}, kinds(history(t, h.Engine, idOf(1))))
	if n, err := h.Engine.Prune(t.Context(), epoch().Add(time.Hour), 0); n != 1 || err != nil {
		t.Errorf("Prune = %d, %v", n, err)
	}
	same(t, "history that was pruned", []string{"before", "before"}, kinds(history(t, h.Engine, idOf(2))))
	again := step(c.Record, func(*idempotency.Record) {})
	again.Forget, again.Entries = true, nil
	must(t, h.Engine, again)
	same(t, "what is left", []string{"before", "before", "before", "ledger"}, kinds(collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{}))))
}
