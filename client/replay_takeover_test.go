package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// slowReader is a ledger that takes its time to read records.
type slowReader struct {
	*idempotency.Memory

	takes time.Duration
}

// Find implements [idempotency.Store].
func (s slowReader) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		time.Sleep(s.takes)
		s.Memory.Find(ctx, q)(yield)
	}
}

// A run is planned again while another process is at work on it, and taken over:
// what that one has sent meanwhile is not lacking in the end.
func TestReplayIsPlannedWhileItRuns(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, m, c := b.t, b.press, b.ledger, b.client
		s := takeList(t, list(60))
		r := replayOf(s, "run")
		wait := begin(t, c, plan(t, c, r), client.ReplayOptions{Rate: 1})
		time.Sleep(5 * time.Second)
		other := newClient(t, slowReader{m, 3 * time.Second}, []*press{p})
		made, err := other.PlanReplay(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if n := made.Sends(); n < 30 || n >= 55 {
			t.Errorf("%d sends are planned, want what the other has not sent", n)
		}
		wait2 := begin(t, other, made, client.ReplayOptions{})
		time.Sleep(5 * time.Second) // it has it now
		if err := other.ThrottleReplay(t.Context(), "run", 0, client.Actor{By: "bob", Why: "a reason"}); err != nil {
			t.Fatal(err)
		}
		if err := wait2(); err != nil {
			t.Errorf("who took it over: %v", err)
		}
		if err := wait(); !errors.Is(err, client.ErrReplayTaken) {
			t.Errorf("err = %v, want ErrReplayTaken", err)
		}
		drain(t, c)
		if got := progressOf(t, c, "run"); got.Recovered != 60 || p.alive() != 60 {
			t.Errorf("progress %+v, %d pieces, want 60", got, p.alive())
		}
	})
}

// A newer plan that sends less holds, though the one before would have let more
// through.
func TestReplayBudgetOfTheNewerPlan(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, c := b.t, b.client
		s := takeList(t, list(60))
		r := replayOf(s, "run")
		wait := begin(t, c, plan(t, c, r), client.ReplayOptions{Rate: 1})
		time.Sleep(5 * time.Second)
		if err := c.PauseReplay(t.Context(), "run", client.Actor{By: "bob", Why: "a reason"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		enqueueRows(t, c, s, 40, 60) // by somebody else: the run has not to send them
		made := plan(t, c, r)
		handed := progressOf(t, c, "run").Handed
		if n := made.Sends(); n != 40-handed {
			t.Errorf("%d sends are planned after %d, want those of 40 that are left", n, handed)
		}
		if err := c.ResumeReplay(t.Context(), "run", client.Actor{By: "bob", Why: "a reason"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.RunReplay(t.Context(), made, client.Actor{By: "bob"}, client.ReplayOptions{}); err != nil {
			t.Error(err)
		}
		_ = wait()
		if n, err := b.ledger.Counter(t.Context(), "replay/run/sent"); err != nil || n != 40 {
			t.Errorf("%d were sent by the run, %v, want 40", n, err)
		}
		var limit int64
		for e, err := range c.Changes(t.Context(), client.ChangeQuery{Actions: []client.Action{client.ActionReplay}}) {
			if err != nil {
				t.Fatal(err)
			}
			var after struct {
				Limit int64 `json:"sends_at_most"`
			}
			if err := json.Unmarshal(e.After, &after); err != nil {
				t.Fatal(err)
			}
			limit = after.Limit
		}
		if limit != 40 {
			t.Errorf("the run may send %d, want the 40 of the newer plan", limit)
		}
	})
}
