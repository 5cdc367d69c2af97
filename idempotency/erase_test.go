package idempotency_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// marked fills every text of a record with one that names its field, so that
// whatever is left of it is seen.
func marked(r *idempotency.Record) *idempotency.Record {
	c := *r
	c.Submissions = slices.Clone(r.Submissions)
	var fill func(v reflect.Value, name string)
	fill = func(v reflect.Value, name string) {
		switch v.Kind() { //nolint:exhaustive // the others hold no text
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				fill(v.Field(i), name+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() == reflect.Struct {
				for i := range v.Len() {
					fill(v.Index(i), name)
				}
			}
		case reflect.String:
			if v.String() == "" {
				v.SetString("ADA" + name)
			}
		}
	}
	fill(reflect.ValueOf(&c).Elem(), "")
	c.Job = json.RawMessage(`{"to":"ADA.Job"}`)
	return &c
}

// What may be left of a text in a tombstone: names of ours and of vendors, and
// what the vendor is asked by. None of it says who the person is.
func TestTombstoneHoldsNothingOfThePerson(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.accept("key", "id")
	l.r.Submissions[0].Digest, l.r.Submissions[0].VendorKey = "", "" // to be marked
	text, err := json.Marshal(marked(l.r).Bury())
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for part := range strings.SplitSeq(string(text), `"`) {
		if strings.HasPrefix(part, "ADA") {
			left = append(left, strings.TrimPrefix(part, "ADA."))
		}
	}
	// The campaign is the mailing's, and the client looks at what it says; the
	// lease, the policy, and what a refusal was about are the ledger's own.
	want := []string{
		"Policy", "Lease.Owner", "Submissions.Also", "Submissions.Fate", "Submissions.Twin", "Submissions.Late", "Submissions.Unasked", "Status.Confidence",
		"Cancel.Outcome", "Hold.Reason", "Hold.From", "Refusal.Vendor",
		"Run", // a replay counts its jobs
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

// The names of artwork outlive the job that had it, in readers' records untouched, and
// the contact is known by who can name it: until none of it is left.
func TestNamesOfArtworkAreKept(t *testing.T) {
	t.Parallel()
	blob := func(c string, size int64) postproof.Blob {
		return postproof.Blob{Digest: strings.Repeat(c, 64), Size: size}
	}
	with := func(front, back postproof.Blob) json.RawMessage {
		j := postproof.Job{Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{FrontBlob: front, BackBlob: back}}}
		text, err := j.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	one, two, back := blob("1", 1), blob("2", 2), blob("b", 3)
	l := newLife(t, "key")
	l.r.Job, l.r.Contact = with(one, back), "ada"
	first := l.r
	l.do(idempotency.Amend{Job: with(two, back), Fingerprint: "v1:2", By: "ann"})
	if diff := cmp.Diff([]postproof.Blob{one, back}, l.r.Artwork); diff != "" || first.Artwork != nil || l.r.ContactSum != "" {
		t.Errorf("amended (-want +got):\n%s", diff)
	}
	amended := l.r
	l.do(idempotency.Amend{Job: with(one, back), Fingerprint: "v1:1", By: "ann"})
	l.do(idempotency.Erase{})
	for name, r := range map[string]*idempotency.Record{"erased": l.r, "pruned": amended.Bury()} {
		if diff := cmp.Diff([]postproof.Blob{one, back, two}, r.Artwork); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !r.Tombstone || !r.HadContact("ada") || r.HadContact("") || r.HadContact("bob") {
			t.Errorf("%s: %v, is it Ada's? %v, %v, %v", name, r, r.HadContact("ada"), r.HadContact(""), r.HadContact("bob"))
		}
		some := r.WithoutArtwork(func(b postproof.Blob) bool { return b != two })
		if diff := cmp.Diff([]postproof.Blob{two}, some.Artwork); diff != "" || !slices.Equal(r.Artwork, []postproof.Blob{one, back, two}) || !some.HadContact("ada") {
			t.Errorf("%s, without what is gone (-want +got):\n%s", name, diff)
		}
		if none := some.WithoutArtwork(func(postproof.Blob) bool { return true }); none.Artwork != nil || none.ContactSum != "" || none.Fence != r.Fence+2 {
			t.Errorf("%s, and none is left: %v %q", name, none.Artwork, none.ContactSum)
		}
	}
	if len(amended.Artwork) != 2 {
		t.Error("a record that readers share was changed")
	}
	plain := newRecord()
	plain.Contact = "ada"
	if plain.Bury().HadContact("ada") {
		t.Error("a tombstone without artwork knows its contact")
	}
}

func TestBuryLeavesTheRecordAlone(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.accept("key", "id")
	before := l.r.Submissions[0].Digest
	if l.r.Bury().Submissions[0].Digest != "" || before == "" || l.r.Submissions[0].Digest != before {
		t.Error("a record that readers share was changed")
	}
}

func TestRule10ErasureOfWhatNobodyHas(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		come func(l *life)
	}{
		{"planned", func(*life) {}},
		{"planned after a refusal", func(l *life) {
			l.send("key")
			l.do(l.answered("key", postproof.Refused, postproof.CodeRateLimited))
			l.state(idempotency.Planned)
		}},
		{"refused", func(l *life) { l.lease(); l.do(idempotency.NoRoute{Code: postproof.CodeUnsupported}) }},
		{"held", func(l *life) { l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator}) }},
	} {
		for _, ev := range []idempotency.Erase{{}, {Now: true}, {Stop: true}} {
			l := newLife(t, "key")
			tc.come(l)
			l.do(ev)
			l.state(idempotency.Canceled)
			if !l.r.Tombstone || !l.r.Erased() || l.r.Job != nil {
				t.Errorf("%s, %+v: it is no tombstone", tc.name, ev)
			}
			l.lease()
			l.refused(10, l.intent("key"))
			l.refused(10, ev)
		}
	}
}

// A vendor may have the piece: it is not lost sight of, and nothing is sent.
func TestRule10ErasureFollowsPaper(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list", "key")
	l.lose("list")
	l.do(idempotency.Erase{Now: true})
	l.state(idempotency.Unknown)
	if !l.r.Erased() || l.r.Job != nil || l.r.Tombstone {
		t.Fatalf("erased %v, tombstone %v, want the content gone and the job followed", l.r.Erased(), l.r.Tombstone)
	}
	l.wait(leaseFor)
	l.next(idempotency.DoLookUp)
	piece := see("id", postproof.StageAccepted)
	piece.Receipt.ProofURL, piece.Receipt.TrackingID, piece.Status.Reason = "https://proof/ada", "9400", "moved to 12 Elm St"
	l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{piece}})
	l.state(idempotency.Accepted)
	if l.r.Receipt.ProofURL+l.r.Receipt.TrackingID+l.r.Status.Reason != "" {
		t.Errorf("it learned of the person again: %q", l.r.Receipt.ProofURL)
	}
	if l.r.Cancel.Outcome != idempotency.CancelLeft {
		t.Errorf("outcome %q: nobody asked to have it stopped", l.r.Cancel.Outcome)
	}
	if a := l.m.Next(l.r, l.now.Add(time.Minute)); a.Do == idempotency.DoCancel || a.Do == idempotency.DoTooLate {
		t.Errorf("next is %s", a.Do)
	}
	l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: see("id", postproof.StageDelivered)})
	l.do(idempotency.Finish{})
	l.state(idempotency.Done)
	if !l.r.Tombstone || l.r.Receipt.VendorID != "id" {
		t.Error("at its end it is no tombstone that knows the piece")
	}
}

// The vendor gives the piece up: without its content there is no next one.
func TestRule10ErasedIsNeverMadeAnew(t *testing.T) {
	t.Parallel()
	for _, ev := range []idempotency.Erase{{Now: true}, {Stop: true}} {
		l := newLife(t, "list")
		l.accept("list", "id")
		l.do(ev)
		l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)})
		l.state(idempotency.Canceled)
		if !l.r.Tombstone || l.r.Generation != 1 {
			t.Errorf("%+v: generation %d, tombstone %v", ev, l.r.Generation, l.r.Tombstone)
		}
	}
}

// Without Now the job goes on as it would, and is erased when it comes to rest.
func TestRule10ErasureWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list", "key")
	l.accept("list", "id")
	l.do(idempotency.Erase{})
	if l.r.Erased() || l.r.Job == nil || l.r.EraseAt.IsZero() {
		t.Fatal("an open job lost its content")
	}
	l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)})
	l.state(idempotency.Planned)
	l.accept("key", "id2")
	l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(2), Sighting: see("id2", postproof.StageDelivered)})
	l.do(idempotency.Finish{})
	if !l.r.Tombstone || l.r.Job != nil {
		t.Error("a job at rest keeps its content")
	}
	// Or when it is refused for good.
	l = newLife(t, "key")
	l.lose("key")
	l.do(idempotency.Erase{})
	l.do(l.answered("key", postproof.Unknown, postproof.CodeInternal))
	l.wait(keyWindow)
	l.absent("key")
	l.state(idempotency.Planned)
	l.lease()
	l.do(idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: "12 Elm St is too long"})
	l.state(idempotency.Canceled)
	if l.r.Job != nil || l.r.Refusal.Note != "" {
		t.Error("a job that was refused keeps its content")
	}
	if _, watched := l.r.Watched(); watched == l.r.Tombstone {
		t.Errorf("watched %v, tombstone %v: the watch ends with the tombstone, not before", watched, l.r.Tombstone)
	}
}

// What was proven absent is watched, though its content is gone.
func TestRule10ErasedIsWatchedForALateArrival(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.lose("list")
	l.do(idempotency.Erase{Now: true})
	l.absent("list")
	l.state(idempotency.Canceled)
	if at, watched := l.r.Watched(); !watched || l.r.Tombstone || l.r.Job != nil {
		t.Fatalf("watched %v until %v, tombstone %v", watched, at, l.r.Tombstone)
	}
	for range 40 {
		l.wait(settleFor)
		if a := l.m.Next(l.r, l.now); a.Do == idempotency.DoLookUp {
			l.lease()
			l.do(l.missed("list", 1))
		}
	}
	if !l.r.Tombstone {
		t.Error("after the watch it is no tombstone")
	}
}

// Stop is carried out, also where the piece was left alone before.
func TestRule13ErasureStopsThePiece(t *testing.T) {
	t.Parallel()
	for _, first := range []idempotency.Event{idempotency.Erase{}, idempotency.Erase{Now: true}, idempotency.Refresh{}} {
		for _, then := range []idempotency.Event{idempotency.Erase{Stop: true}, idempotency.WishCancel{By: "ann"}} {
			l := newLife(t, "list")
			l.accept("list", "id")
			l.do(first)
			l.do(then)
			l.next(idempotency.DoCancel)
			if l.r.Erased() && l.r.Cancel.By != "" {
				t.Errorf("%+v, %+v: who asked is remembered", first, then)
			}
			back := see("id", postproof.StageCanceled)
			l.do(idempotency.CancelAnswer{Vendor: "list", Ref: exampleRef(1), ReadBack: &back})
			l.state(idempotency.Canceled)
		}
	}
}

func TestErasureForgetsTheHistory(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.lose("list")
	ch, err := l.m.Apply(l.r, l.now, idempotency.Erase{Stop: true})
	if err != nil || !ch.Forget {
		t.Fatalf("Forget %v, %v", ch.Forget, err)
	}
	open, err := l.m.Apply(l.r, l.now, idempotency.Erase{})
	if err != nil || open.Forget {
		t.Fatalf("Forget %v of a job that goes on, %v", open.Forget, err)
	}
	for _, e := range ch.Entries {
		if e.By != "" || e.Note != "" {
			t.Errorf("entry %s says %q by %q", e.Kind, e.Note, e.By)
		}
	}
}

// What people say about an erased job is not kept; why it is held, is.
func TestErasureKeepsReasonsOnly(t *testing.T) {
	t.Parallel()
	l := newLife(t, "blind")
	l.lose("blind")
	l.do(idempotency.Erase{Now: true})
	for _, tc := range []struct {
		ev   idempotency.Event
		note map[string]string
	}{
		{idempotency.PutOnHold{Reason: idempotency.HoldCannotAsk, Note: "ada"}, map[string]string{"held": string(idempotency.HoldCannotAsk)}},
		{idempotency.Decide{Verdict: idempotency.VerdictCanceled, By: "ann", Why: "ada said so"}, map[string]string{"decided": "", "canceled": "", "erased": ""}},
	} {
		ch, err := l.m.Apply(l.r, l.now, tc.ev)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, e := range ch.Entries {
			got[string(e.Kind)] = e.Note + e.By
		}
		if diff := cmp.Diff(tc.note, got); diff != "" || ch.Record.Hold.Note != "" {
			t.Errorf("%s: notes (-want +got):\n%s", tc.ev.Name(), diff)
		}
		l.r = ch.Record
	}
}
