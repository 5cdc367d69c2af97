package client_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func report(t *testing.T, c *client.Client, targets ...client.ReplayObjective) client.ReplayReport {
	t.Helper()
	r, err := c.ReplayReport(t.Context(), "run", targets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Of ten jobs one is recovered each ten minutes: 60 % after fifty minutes, all
// after ninety; the report is the same from another process.
func TestReplayReportAgainstTargets(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, m, c := b.t, b.press, b.ledger, b.client
		worker, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = c.Run(worker) }()
		wait := begin(t, c, plan(t, c, replayOf(takeList(t, list(10)), "run")), client.ReplayOptions{Rate: 1.0 / 600})
		start := time.Now()
		time.Sleep(45 * time.Minute)
		got := report(t, c)
		if got.Objectives[0].Verdict != client.ObjectiveOpen || got.Objectives[0].Needed != 6 || got.Recovered != 5 {
			t.Errorf("after 45 minutes: %+v", got)
		}
		if diff := cmp.Diff([]client.ReplayLeft{{Reason: "not_handed_over", Jobs: 5}}, got.Left); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		got = report(t, newClient(t, m, []*press{p}))
		for i, want := range []time.Duration{50 * time.Minute, 90 * time.Minute} {
			if r := got.Objectives[i]; r.Verdict != client.ObjectiveMet || r.Took.Round(10*time.Second) != want || !r.At.Equal(start.Add(r.Took)) {
				t.Errorf("target %d: %+v, want met after %s", i, r, want)
			}
		}
		if len(got.Longest) != 10 || got.Longest[0].Waited.Round(10*time.Second) != 90*time.Minute || got.Longest[9].Waited > 10*time.Second {
			t.Errorf("longest waits %+v", got.Longest)
		}
		tight := report(t, c, client.ReplayObjective{Share: 0.6, Within: 40 * time.Minute})
		if len(tight.Objectives) != 1 || tight.Objectives[0].Verdict != client.ObjectiveMissed || tight.Objectives[0].At.IsZero() {
			t.Errorf("a tighter target: %+v, want missed, with its time", tight.Objectives)
		}
		if diff := cmp.Diff(got.Objectives, report(t, c).Objectives); diff != "" {
			t.Errorf("once more (-want +got):\n%s", diff)
		}
	})
}

// What is left is told with its reason, and a piece that fails late is not
// recovered any more, until it is once more.
func TestReplayReportTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = time.Hour
		p.tune = func(c *postproof.Capabilities) { c.NoPaper = []string{"failed"} }
		m := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, m, []*press{p})
		var mu sync.Mutex
		refused := map[string]bool{}
		p.faults(func(op, ref string, _ int) string {
			mu.Lock()
			defer mu.Unlock()
			if op != "/order" || (len(refused) >= 2 && !refused[ref]) {
				return ""
			}
			refused[ref] = true
			return "422"
		})
		runReplay(t, c, plan(t, c, replayOf(takeList(t, list(5)), "run")))
		if _, err := c.Cancel(t.Context(), postproof.Key(keyOf(4)), client.Actor{By: "bob"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, time.Minute)
		want := []client.ReplayLeft{
			{State: idempotency.Refused, Reason: "invalid_argument", Jobs: 2},
			{State: idempotency.Canceled, Reason: "canceled", Jobs: 1},
		}
		half := client.ReplayObjective{Share: 0.5, Within: time.Hour}
		got := report(t, c, half)
		if diff := cmp.Diff(want, got.Left); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		if got.Total != 4 || got.Recovered != 2 || got.Objectives[0].Verdict != client.ObjectiveMet || got.Phase != client.ReplayFinished {
			t.Errorf("report %+v, want 2 of 4, which is the target", got)
		}
		var states []idempotency.State
		for _, w := range got.Longest {
			states = append(states, w.State)
		}
		if diff := cmp.Diff([]idempotency.State{"refused", "refused", "accepted", "accepted"}, states); diff != "" {
			t.Errorf("longest waits (-want +got):\n%s", diff)
		}
		p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "429"}[op] })
		p.mu.Lock()
		p.orders[0].Status = "failed"
		p.mu.Unlock()
		runFor(t, c, 2*time.Hour)
		if got = report(t, c, half); got.Recovered != 1 || got.Waiting != 1 || !got.Objectives[0].At.IsZero() || got.Objectives[0].Verdict != client.ObjectiveMissed {
			t.Errorf("after a late failure: %+v, want 1 of 4, and the target missed", got)
		}
		p.faults(nil)
		runFor(t, c, 3*time.Hour)
		if got = report(t, c, half); got.Recovered != 2 || got.Objectives[0].Took < 2*time.Hour {
			t.Errorf("sent once more: %+v, want the target reached after two hours", got)
		}
	})
}

// The years before the run are not read.
func TestReplayReportReadsWhatItNeeds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t := b.t
		m := &lookupCounter{shaky: newShaky()}
		c := newClient(t, m, []*press{b.press})
		if _, err := c.Enqueue(t.Context(), jobs(300)); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		time.Sleep(48 * time.Hour)
		runReplay(t, c, plan(t, c, replayOf(takeList(t, list(5)), "run")))
		drain(t, c)
		before := m.entries.Load()
		got := report(t, c)
		if got.Recovered != 5 || got.Objectives[1].Verdict != client.ObjectiveMet || got.Objectives[1].At.IsZero() || len(got.Longest) != 5 {
			t.Errorf("report %+v, want 5 recovered", got)
		}
		if n := m.entries.Load() - before; n > 150 {
			t.Errorf("%d entries were read, of some that are the run's and over a thousand", n)
		}
	})
}

func TestReplayReportArguments(t *testing.T) {
	t.Parallel()
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
	if _, err := c.ReplayReport(t.Context(), "run"); postproof.CodeOf(err) != postproof.CodeNotFound {
		t.Errorf("no run: %v", err)
	}
	for _, bad := range []client.ReplayObjective{{Share: 0, Within: 1}, {Share: 1.1, Within: 1}, {Share: 1}} {
		if _, err := c.ReplayReport(t.Context(), "run", bad); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%+v: %v, want an invalid argument", bad, err)
		}
	}
}
