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
