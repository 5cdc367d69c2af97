package client

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// What a recovery suspected is found: it counts, and no cap forbids it.
func TestCountersForbidOnlyIntents(t *testing.T) {
	t.Parallel()
	c := &Client{settings: settings{caps: []Cap{{Vendor: "alpha", Pieces: 1}}}, store: idempotency.NewMemory(postproof.ModeTest)}
	counters, err := c.readCapCounters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.pauses.Store(&pauses{counters: counters})
	free := func(string) int64 { return 0 }
	sub := idempotency.Submission{Generation: 1, Ref: "R", Vendor: "alpha", Join: postproof.Unknown}
	before := &idempotency.Record{State: idempotency.Unknown, Generation: 1, Submissions: []idempotency.Submission{sub}}
	if got := c.counters(nil, nil, before, free); len(got) != 0 {
		t.Errorf("a suspicion counts: %+v", got)
	}
	sub.Join = postproof.Accepted
	after := &idempotency.Record{State: idempotency.Accepted, Generation: 1, Submissions: []idempotency.Submission{sub}}
	if got := c.counters(nil, before, after, free); len(got) != 1 || got[0].Add != 1 || got[0].Limit != 0 {
		t.Errorf("a piece that is found: %+v, want one, without a limit", got)
	}
	sub.Join, sub.FirstAt = 0, time.Now()
	intent := &idempotency.Record{State: idempotency.Sending, Generation: 1, Submissions: []idempotency.Submission{sub}}
	if got := c.counters(nil, nil, intent, free); len(got) != 1 || got[0].Add != 1 || got[0].Limit != 1 {
		t.Errorf("an intent: %+v, want one, limited to 1", got)
	}
}
