package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/damaged"
)

// A replay goes on beside a damaged record: its job is a person's, never handed in
// anew, and all others are sent.
func TestReplayBesideADamagedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), damaged.New()
		c, rows := newClient(t, s, []*press{p}), takeList(t, list(6))
		enqueueRows(t, c, rows, 0, 4)
		drainFor(t, c, time.Hour)
		s.Record(postproof.Key(keyOf(1)))
		of := plan(t, c, client.Replay{Query: &client.ReplayQuery{Campaign: "spring", States: []idempotency.State{idempotency.Accepted}}})
		want := map[string]int64{"accepted accepted": 3, "held corrupt": 1}
		if diff := cmp.Diff(want, counted(of)); diff != "" {
			t.Errorf("of a query (-want +got):\n%s", diff)
		}
		r := replayOf(rows, "again")
		made := plan(t, c, r)
		want = map[string]int64{"accepted accepted": 3, "held corrupt": 1, "new not_in_ledger": 2}
		if diff := cmp.Diff(want, counted(made)); diff != "" {
			t.Errorf("of a list (-want +got):\n%s", diff)
		}
		runReplay(t, c, made)
		drainFor(t, c, 24*time.Hour)
		if n := p.alive(); n != 6 {
			t.Errorf("%d printed, want each once", n)
		}
		if _, err := c.ReplayReport(t.Context(), "again"); err != nil {
			t.Errorf("ReplayReport: %v", err)
		}
	})
}
