package storetest

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// epoch is the time at which all checks begin.
func epoch() time.Time { return time.Date(2027, 3, 1, 9, 0, 0, 123456789, time.UTC) }

func keyOf(i int) postproof.Key { return postproof.Key(fmt.Sprintf("spring/contact %d/postcard", i)) }

func idOf(i int) idempotency.ID { return idempotency.IDOf(keyOf(i)) }

// planned returns the i-th record, just planned.
func planned(i int) *idempotency.Record {
	return &idempotency.Record{
		Version: idempotency.RecordVersion, ID: idOf(i), Key: keyOf(i), Job: []byte(fmt.Sprintf(`{"n": %d}`, i)),
		Fingerprint: "v1:00112233445566778899aabbccddeeff", Mode: postproof.ModeTest, Campaign: "spring",
		State: idempotency.Planned, Fence: 1, Generation: 1, Due: epoch(), CreatedAt: epoch(), UpdatedAt: epoch(),
	}
}

// refOf returns the reference of the i-th record's generation.
func refOf(i, generation int) postproof.Ref {
	return idempotency.Namespace("storetest").Ref(postproof.ModeTest, keyOf(i), generation)
}

// sent returns the i-th record with an intent at a vendor.
func sent(i int, vendor string) *idempotency.Record {
	r := planned(i)
	r.State = idempotency.Sending
	r.Submissions = []idempotency.Submission{{Generation: 1, Ref: refOf(i, 1), Vendor: vendor, FirstAt: epoch(), LastAt: epoch(), Sends: 1}}
	return r
}

// watched returns the i-th record at rest, its vendor thought not to have it
// and watched for a late arrival from the time given on.
func watched(i int, state idempotency.State, next time.Time) *idempotency.Record {
	r := sent(i, "lob")
	r.State, r.Submissions[0].Fate, r.Submissions[0].NextWatch = state, idempotency.FateAbsent, next
	return r
}

// create is the change that makes the record, with one entry.
func create(r *idempotency.Record) idempotency.Change {
	return idempotency.Change{Record: r, Entries: []idempotency.Entry{{ID: r.ID, At: r.UpdatedAt, Kind: "created", To: r.State, Fence: 1}}}
}

// step is the change from old to what edit makes of it.
func step(old *idempotency.Record, edit func(r *idempotency.Record)) idempotency.Change {
	r := *old
	r.Submissions = slices.Clone(old.Submissions)
	r.Fence++
	edit(&r)
	return idempotency.Change{
		Record: &r, Expect: old.Fence,
		Entries: []idempotency.Entry{{ID: r.ID, At: r.UpdatedAt, Kind: "changed", From: old.State, To: r.State, Fence: r.Fence}},
	}
}

// must commits the changes and fails unless all are made.
func must(t reporter, s idempotency.Store, changes ...idempotency.Change) {
	t.Helper()
	errs, err := s.Commit(t.Context(), changes)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if errs != nil {
		t.Fatalf("Commit of %d changes: errs = %v, want nil when all were made", len(changes), errs)
	}
}

// refuse commits one change and fails unless it is refused with the error.
func refuse(t reporter, s idempotency.Store, want error, c idempotency.Change) {
	t.Helper()
	if err := idempotency.CommitOne(t.Context(), s, c); !errors.Is(err, want) {
		t.Errorf("Commit = %v, want %v", err, want)
	}
}

func get(t reporter, s idempotency.Store, id idempotency.ID) *idempotency.Record {
	t.Helper()
	r, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return r
}

// collect reads a list to its end.
func collect[T any](t reporter, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		all = append(all, v)
	}
	return all
}

func find(t reporter, s idempotency.Store, q idempotency.Query) []idempotency.ID {
	t.Helper()
	ids := []idempotency.ID{}
	for _, r := range collect(t, s.Find(t.Context(), q)) {
		ids = append(ids, r.ID)
	}
	return ids
}

// sorted returns the ids of the records of those numbers, in order.
func sorted(numbers ...int) []idempotency.ID {
	ids := []idempotency.ID{}
	for _, n := range numbers {
		ids = append(ids, idOf(n))
	}
	slices.Sort(ids)
	return ids
}

func history(t reporter, s idempotency.Store, id idempotency.ID) []idempotency.Entry {
	t.Helper()
	return collect(t, s.Entries(t.Context(), idempotency.EntryQuery{ID: id}))
}

// claim asks for work for one minute.
func claim(t reporter, s idempotency.Store, now time.Time, limit int, skip ...string) []*idempotency.Record {
	t.Helper()
	rs, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "worker", Limit: limit, Lease: time.Minute, Now: now, Skip: skip})
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return rs
}

func idsOf(rs []*idempotency.Record) []idempotency.ID {
	ids := []idempotency.ID{}
	for _, r := range rs {
		ids = append(ids, r.ID)
	}
	return ids
}

// same reports a difference. Times are equal when they are the same instant,
// and no bytes are no bytes.
func same(t reporter, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// everything is all that can be read of some records and names, to see that
// nothing has changed.
type everything struct {
	Records  []*idempotency.Record
	Entries  []idempotency.Entry
	Counters map[string]int64
	Settings []idempotency.Setting
	Depth    []idempotency.StateCount
	Messages []*idempotency.Message
}

func readAll(t reporter, e idempotency.Engine, counters ...string) everything {
	t.Helper()
	all := everything{
		Records:  collect(t, e.Find(t.Context(), idempotency.Query{})),
		Entries:  collect(t, e.Entries(t.Context(), idempotency.EntryQuery{})),
		Counters: map[string]int64{},
		Settings: collect(t, e.Settings(t.Context(), "")),
		Messages: collect(t, e.Inbox().List(t.Context(), idempotency.MessageQuery{})),
	}
	for _, name := range counters {
		n, err := e.Counter(t.Context(), name)
		if err != nil {
			t.Fatalf("Counter: %v", err)
		}
		all.Counters[name] = n
	}
	var err error
	if all.Depth, err = e.Depth(t.Context(), ""); err != nil {
		t.Fatalf("Depth: %v", err)
	}
	return all
}
