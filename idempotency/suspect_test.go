package idempotency_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// What an older history had found out about an unknown submission counts for
// nothing after the history was broken: the lost part may have sent it again.
func TestSuspectForgetsOlderMisses(t *testing.T) {
	t.Parallel()
	caps := &postproof.Capabilities{Vendor: "v", Lookup: postproof.Lookup{ByRef: true}}
	m := idempotency.Machine{Caps: func(string) *postproof.Capabilities { return caps }}
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	ref := postproof.Ref("0123456789ABCDEF")
	r := &idempotency.Record{
		Version: 1, ID: idempotency.IDOf("k"), Key: "k", Mode: postproof.ModeTest, State: idempotency.Unknown, Generation: 1,
		Fence: 3, CreatedAt: start, UpdatedAt: start, Deadline: start.Add(48 * time.Hour),
		Submissions: []idempotency.Submission{{
			Generation: 1, Ref: ref, Vendor: "v", Join: postproof.Unknown, FirstAt: start.Add(-3 * time.Hour), LastAt: start.Add(-3 * time.Hour),
			Misses: 1, LastMiss: start.Add(-2 * time.Hour), LookUps: 1,
		}},
	}
	look := idempotency.LookedUp{Vendor: "v", Ref: ref, Complete: true, Control: true}
	ch, err := m.Apply(r, start, idempotency.Suspect{})
	if err != nil {
		t.Fatal(err)
	}
	now := start
	for i, wait := range []time.Duration{time.Second, postproof.MinSettle, postproof.MinSettle} {
		now = now.Add(wait)
		if ch, err = m.Apply(ch.Record, now, look); err != nil {
			t.Fatal(err)
		}
		if gone := ch.Record.State != idempotency.Unknown; gone != (i == 2) {
			t.Fatalf("after look-up %d the record is %s: one settle time after the recovery, and another, are needed", i+1, ch.Record.State)
		}
	}
}

// What can have followed an accepted piece is looked for until its vendor shows
// it alive; a callback may be older than the doubt, and shows nothing. What can
// have followed a held one is looked for in any case: a person may have sent it
// anew.
func TestSuspectLooksForHeirs(t *testing.T) {
	t.Parallel()
	suspect := idempotency.Suspect{Vendors: []idempotency.SuspectVendor{{Vendor: "list", Account: "acct", Refs: map[int]postproof.Ref{1: exampleRef(1), 2: exampleRef(2)}}}}
	alive := func(source postproof.Source) idempotency.Observe {
		s := see("id", postproof.StageAccepted)
		s.Status.Source = source
		return idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: s}
	}
	for name, tc := range map[string]struct {
		before []idempotency.Event
		after  []idempotency.Event
		looks  bool
	}{
		"nothing was heard":             {looks: true},
		"a callback says that it lives": {after: []idempotency.Event{alive(postproof.SourceCallback)}, looks: true},
		"its vendor does not answer":    {after: []idempotency.Event{idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Failed: true}}, looks: true},
		"its vendor does not know it":   {after: []idempotency.Event{idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Missing: true}}, looks: true},
		"its vendor shows it alive":     {after: []idempotency.Event{alive(postproof.SourcePoll)}},
		"it was held in between":        {after: []idempotency.Event{alive(postproof.SourcePoll), idempotency.PutOnHold{Reason: idempotency.HoldOperator}, idempotency.Release{By: "ann"}}},
		"held before, and shown alive":  {before: []idempotency.Event{idempotency.PutOnHold{Reason: idempotency.HoldOperator}}, after: []idempotency.Event{idempotency.Release{By: "ann"}, alive(postproof.SourcePoll)}, looks: true},
		"it dies after all":             {after: []idempotency.Event{alive(postproof.SourcePoll), dies()}, looks: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "list")
			l.accept("list", "id")
			l.do(tc.before...)
			l.do(suspect)
			l.do(tc.after...)
			heir := l.r.Submissions[1]
			if looks := !heir.NextWatch.IsZero() || l.r.State == idempotency.Unknown; looks != tc.looks {
				t.Errorf("%v: looks for generation %d %t (at %s), want %t", l.r, heir.Generation, looks, heir.NextWatch, tc.looks)
			}
		})
	}
}

func dies() idempotency.Observe {
	s := see("id", postproof.StageFailed)
	return idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: s}
}

// A doubt that comes later than the recovery is about what was sent until then: what a
// look-up shows of a piece that was accepted since proves something. The record knows for
// which recovery it is doubted, and an older one takes nothing back.
func TestSuspectUntil(t *testing.T) {
	t.Parallel()
	m := idempotency.Machine{Caps: func(string) *postproof.Capabilities {
		return &postproof.Capabilities{Vendor: "list", Lookup: postproof.Lookup{ByRef: true}}
	}}
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	now := start.Add(5 * time.Hour)
	for name, tc := range map[string]struct {
		until, want time.Time
	}{
		"now": {time.Time{}, now}, "the recovery": {start.Add(time.Hour), start.Add(time.Hour)}, "a time to come": {now.Add(time.Hour), now},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &idempotency.Record{
				Version: 1, ID: idempotency.IDOf("k"), Key: "k", Mode: postproof.ModeTest, State: idempotency.Unknown, Generation: 1,
				Fence: 3, CreatedAt: start, UpdatedAt: start, Deadline: start.Add(48 * time.Hour), Recovery: 2,
				Submissions: []idempotency.Submission{{
					Generation: 1, Ref: exampleRef(1), Vendor: "list", Join: postproof.Unknown, FirstAt: start.Add(2 * time.Hour), LastAt: start.Add(2 * time.Hour),
				}},
			}
			ch, err := m.Apply(r, now, idempotency.Suspect{
				Recovery: 1, Until: tc.until, Vendors: []idempotency.SuspectVendor{{Vendor: "list", Refs: map[int]postproof.Ref{2: exampleRef(2)}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			sent, doubted := ch.Record.Submissions[0].LastAt, ch.Record.Submissions[1].LastAt
			if !doubted.Equal(tc.want) || sent.Before(start.Add(2*time.Hour)) || sent.Before(tc.want) || ch.Record.Recovery != 2 {
				t.Errorf("sent last %s and %s, want %s, of recovery %d, want 2", sent, doubted, tc.want, ch.Record.Recovery)
			}
			if ch, err = m.Apply(ch.Record, now, idempotency.Suspect{Recovery: 3}); err != nil || ch.Record.Recovery != 3 {
				t.Errorf("%v, %v: want it of recovery 3", ch.Record, err)
			}
		})
	}
}

// Whoever is sending while the ledger is recovered may go on for as long as the intent
// says: what is looked up counts from the end of that.
func TestSuspicionLeavesTheSenderItsTime(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.send("list")
	notAfter := l.r.Current().NotAfter
	l.do(idempotency.Suspect{})
	if got := l.r.Submissions[0].LastAt; l.r.State != idempotency.Unknown || !l.now.Before(notAfter) || !got.Equal(notAfter) {
		t.Errorf("%s, in doubt since %s, want unknown and %s", l.r.State, got, notAfter)
	}
	l.wait(settleFor * 2)
	l.do(idempotency.Suspect{})
	if got := l.r.Submissions[0].LastAt; !got.Equal(l.now) {
		t.Errorf("in doubt since %s, want the recovery's own time %s", got, l.now)
	}
}
