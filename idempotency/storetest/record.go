package storetest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func recordChecks() []check {
	return []check{
		{name: "a record comes back as it was given", run: roundTrip},
		{name: "a time survives to the nanosecond and across zones", run: times},
		{name: "a job keeps its bytes", run: jobBytes},
		{name: "a job may be replaced, go, and come back", run: jobChanges},
		{name: "a large record comes back", run: large},
		{name: "what is not there is not found", run: notThere},
		{name: "readers share what they read with nobody's changes", run: immutable},
	}
}

// fullRecord has a value in every field, the second submission in those that the first
// has none in; but it has its job, and is no tombstone.
func fullRecord() *idempotency.Record {
	at := func(minutes int) time.Time { return epoch().Add(time.Duration(minutes)*time.Minute + 7) }
	r := planned(1)
	r.Contact, r.Priority, r.Policy = "contact 1", -2, idempotency.PreferDuplicate
	r.State, r.Generation, r.Tries = idempotency.Accepted, 2, 3
	r.Due, r.Deadline, r.CreatedAt, r.UpdatedAt = at(1), at(2), at(3), at(4)
	r.Lease = idempotency.Lease{Owner: "worker 1", Until: at(5)}
	r.Submissions = []idempotency.Submission{
		{
			Generation: 1, Ref: refOf(1, 1), Vendor: "lob", Account: "acct", VendorKey: "0123", Encoder: "lob/1", Digest: "abcd",
			FirstAt: at(6), LastAt: at(7), NotAfter: at(8), Sends: 4, Join: postproof.Unknown, Fate: idempotency.FateAbsent, VendorID: "psc_1", Veto: true,
			Misses: 2, LastMiss: at(9), LookUps: 5, WatchUntil: at(10), NextWatch: at(11), Late: idempotency.LateSeen,
		},
		{
			Generation: 2, Ref: refOf(1, 2), Vendor: "pcm", Join: postproof.Accepted, VendorID: "42", Also: "acct 2", Intent: 6, Unanswered: []uint64{5, 6},
			Strays: []uint64{4}, AcceptedAt: at(18), Twin: "43", Differs: true, Amended: true, Code: postproof.CodeUnavailable, NoResend: true,
			Unguarded: true, Unlisted: true, Unasked: "no credentials", AskAt: at(19), Cents: 73, SendDate: at(20), Heir: true,
		},
	}
	r.Receipt = postproof.Receipt{
		Vendor: "pcm", VendorID: "42", Ref: refOf(1, 2), TrackingID: "9400", ExpectedDelivery: at(12), ProofURL: "https://vendor.example/proof", AcceptedAt: at(13),
	}
	r.Status = postproof.Status{
		Stage: postproof.StageReturned, Raw: "Returned <to> & sender", Source: postproof.SourceCallback, Confidence: postproof.Scanned,
		VendorTime: at(14), SeenAt: at(15), Reason: "no such street",
	}
	r.Cancel = idempotency.CancelWish{At: at(16), By: "ada", Outcome: idempotency.CancelTooLate, Tries: 2}
	r.Hold = idempotency.Hold{Reason: idempotency.HoldCanary, At: at(17), From: idempotency.Planned, Note: "wait"}
	r.Refusal = idempotency.Refusal{Vendor: "lob", Code: postproof.CodeInvalidArgument, VendorCode: "bad", Note: "size"}
	r.Run, r.Awaits, r.Canary, r.Recovery = "replay 1", "pcm", 25, 3
	r.SendDate, r.PlannedAt, r.PollAt, r.EraseAt = at(21), at(22), at(23), at(24)
	r.Prior = &idempotency.Prior{
		Fence: 1, Generation: 1, Submissions: slices.Clone(r.Submissions[:1]), Receipt: r.Receipt, Status: r.Status, Cancel: r.Cancel, Hold: r.Hold,
		Refusal: r.Refusal, PlannedAt: at(25), PollAt: at(26),
	}
	r.Artwork, r.ContactSum = []postproof.Blob{{Digest: strings.Repeat("a1", 32), Size: 7}, {Digest: strings.Repeat("b2", 32), Size: 1 << 40}}, strings.Repeat("c3", 32)
	r.Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	return r
}

func roundTrip(t reporter, h Harness) {
	want := fullRecord()
	must(t, h.Engine, create(want))
	same(t, "record", fullRecord(), get(t, h.Engine, want.ID))
	bare := &idempotency.Record{Version: idempotency.RecordVersion, ID: idOf(2), State: idempotency.Held, Fence: 1}
	must(t, h.Engine, create(bare))
	same(t, "bare record", bare, get(t, h.Engine, bare.ID))
	e := idempotency.Entry{
		ID: want.ID, At: epoch().Add(1), Kind: "late_arrival", From: idempotency.Unknown, To: idempotency.Accepted, Fence: 8, Generation: 2,
		Vendor: "pcm", Ref: refOf(1, 2), VendorID: "42", Delivery: postproof.Unknown, Code: postproof.CodeUnavailable, By: "ada", Note: "näh & <so>",
	}
	must(t, h.Engine, idempotency.Change{Entries: []idempotency.Entry{e}})
	all := history(t, h.Engine, want.ID)
	got := all[len(all)-1]
	if got.Seq == 0 {
		t.Errorf("the entry has no Seq")
	}
	e.Seq = got.Seq
	same(t, "entry", e, got)
}

func times(t reporter, h Harness) {
	for i, at := range []time.Time{
		time.Date(2027, 3, 28, 1, 59, 59, 999999999, time.FixedZone("CET", 3600)),
		time.Date(2027, 11, 7, 1, 30, 0, 1, time.FixedZone("EDT", -4*3600)),
		time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		{},
	} {
		r := planned(i)
		r.State = idempotency.Held
		r.Due, r.Deadline, r.UpdatedAt, r.Hold.At = at, at, at, at
		must(t, h.Engine, create(r))
		got := get(t, h.Engine, r.ID)
		for name, back := range map[string]time.Time{"due": got.Due, "deadline": got.Deadline, "updated": got.UpdatedAt, "hold": got.Hold.At} {
			if !back.Equal(at) {
				t.Errorf("%s: %v came back as %v", name, at, back)
			}
		}
	}
}

func jobBytes(t reporter, h Harness) {
	for i, text := range []string{
		`{"b": 1, "a": 2.50, "html": "<b>&amp;</b>",   "u": "\u00e9é"}`, ` [1 , 2]`, `"` + strings.Repeat("é", 300) + `"`,
	} {
		r := planned(i)
		r.Job = []byte(text)
		must(t, h.Engine, create(r))
		if got := get(t, h.Engine, r.ID).Job; string(got) != text {
			t.Errorf("job %s came back as %s", text, got)
		}
	}
}

// jobChanges: whatever way a store keeps from writing a job again and again,
// the record's counts, also under the same fingerprint.
func jobChanges(t reporter, h Harness) {
	first := planned(1)
	must(t, h.Engine, create(first))
	latest := first
	for _, text := range []string{`{"n": 2}`, `{"n": 2}`, "", `{"n": 3}`, `{"n": 1}`} {
		c := step(latest, func(r *idempotency.Record) {
			if r.Job = []byte(text); text == "" {
				r.Job = nil
			}
		})
		must(t, h.Engine, c)
		latest = c.Record
		if got := get(t, h.Engine, first.ID); string(got.Job) != text || (got.Job == nil) != (text == "") {
			t.Errorf("job %q came back as %q", text, got.Job)
		}
	}
	replaced := step(latest, func(r *idempotency.Record) { r.Job = []byte("one") })
	again := step(replaced.Record, func(r *idempotency.Record) { r.Job = []byte("two") })
	must(t, h.Engine, replaced, again)
	rs := claim(t, h.Engine, epoch().Add(time.Hour), 10)
	if len(rs) != 1 || string(rs[0].Job) != "two" {
		t.Errorf("claimed %d records, want one with the job of the last change", len(rs))
	}
}

func large(t reporter, h Harness) {
	r := planned(1)
	r.Job = []byte(`"` + strings.Repeat("postcard ", 250_000) + `"`)
	for g := range 300 {
		r.Submissions = append(r.Submissions, idempotency.Submission{Generation: g + 1, Ref: refOf(1, g+1), Vendor: "lob", VendorID: "psc"})
	}
	must(t, h.Engine, create(r), create(planned(2)))
	got := get(t, h.Engine, r.ID)
	if !bytes.Equal(got.Job, r.Job) || len(got.Submissions) != 300 {
		t.Errorf("job of %d bytes and %d submissions came back, want %d and 300", len(got.Job), len(got.Submissions), len(r.Job))
	}
	same(t, "found by its last reference", sorted(1), find(t, h.Engine, idempotency.Query{Ref: refOf(1, 300)}))
}

func notThere(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	for _, id := range []idempotency.ID{idOf(2), "", "nonsense", idempotency.ID(strings.ToUpper(string(idOf(1))))} {
		if r, err := h.Engine.Get(t.Context(), id); !errors.Is(err, idempotency.ErrNotFound) {
			t.Errorf("Get(%q) = %v, %v, want ErrNotFound", id, r, err)
		}
	}
}

func immutable(t reporter, h Harness) {
	old := sent(1, "lob")
	must(t, h.Engine, create(old))
	held := get(t, h.Engine, old.ID)
	must(t, h.Engine, step(old, func(r *idempotency.Record) { r.State = idempotency.Accepted; r.Submissions[0].Sends = 9 }))
	claim(t, h.Engine, epoch(), 1)
	same(t, "the record that was read before", sent(1, "lob"), held)
	value := []byte("on")
	must(t, h.Engine, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "s", Value: value}}})
	value[0] = 'X'
	set, err := h.Engine.Setting(t.Context(), "s")
	if err != nil || string(set.Value) != "on" {
		t.Errorf("Setting = %q, %v: it shares its bytes with whoever wrote it", set.Value, err)
	}
}
