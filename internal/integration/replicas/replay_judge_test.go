package replicas_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/verify"
)

// judgeNews looks at what the processes said: two planned and ran it at once, one
// of them was enough.
func (f *replayFleet) judgeNews(t *testing.T) {
	t.Helper()
	var sends int64
	ends := map[string]int{}
	for _, r := range f.lives {
		for _, a := range r.claims {
			if a.Replay == nil {
				continue
			}
			if a.Replay.End != "" {
				ends[a.Replay.End]++
			} else if sends == 0 || r == f.lives[1] {
				sends = max(sends, a.Replay.Sends)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"taken": 1, "handed over": 1}, ends); diff != "" {
		t.Errorf("how the runs ended; one was killed (-want +got):\n%s", diff)
	}
	sent, err := f.store.Counter(t.Context(), "replay/"+f.order.Run+"/sent")
	if err != nil || sent > sends || sent < sends/2 {
		t.Errorf("%d were sent by the run, %v; %d were planned", sent, err, sends)
	}
	t.Logf("%d sent by the run of %d that were planned", sent, sends)
}

// judgeCounters compares what was counted with the records.
func (f *replayFleet) judgeCounters(t *testing.T, p client.ReplayProgress) {
	t.Helper()
	got := map[string]int64{
		"handed": p.Handed, "recovered": p.Recovered, "held": p.Held, "refused": p.Refused, "canceled": p.Canceled, "unknown": p.Unknown, "waiting": p.Waiting,
	}
	want := map[string]int64{"handed": 0, "recovered": 0, "held": 0, "refused": 0, "canceled": 0, "unknown": 0, "waiting": 0}
	for rec, err := range f.store.Find(t.Context(), idempotency.Query{Campaign: replayCampaign, Bare: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Run != f.order.Run {
			continue
		}
		want["handed"]++
		switch rec.State {
		case idempotency.Accepted, idempotency.Done:
			want["recovered"]++
		case idempotency.Planned, idempotency.Sending:
			want["waiting"]++
		default:
			want[string(rec.State)]++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the run's counters and what the records say (-records +counters):\n%s", diff)
	}
	t.Logf("%+v", p)
	if want["recovered"] < int64(f.order.Rows)/4 { // what has come due by itself is no part of it
		t.Errorf("%d recovered: the test looks at nothing", want["recovered"])
	}
}

func (f *replayFleet) printed() int {
	text, _ := os.ReadFile(f.sim.PrintLog())
	return bytes.Count(text, []byte("\n"))
}

// judgePaper compares the list with the print log: each row once, but for those
// that were erased before they were sent.
func (f *replayFleet) judgePaper(t *testing.T, before int) {
	t.Helper()
	log, err := os.ReadFile(f.sim.PrintLog())
	if err != nil {
		t.Fatal(err)
	}
	n := f.order.Rows + f.walked
	report, err := verify.Campaign(strings.NewReader(replayList(0, n)), bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	spared := 0
	for rec, err := range f.store.Find(t.Context(), idempotency.Query{Campaign: replayCampaign, States: []idempotency.State{idempotency.Canceled}, Bare: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if !rec.Erased() {
			t.Errorf("%v is canceled", rec)
		}
		spared++
	}
	if report.PrintedTwice+report.Stray+report.VoidedOnly > 0 || report.Lost != spared || report.Printed != n-spared {
		t.Errorf("%d pieces on paper, %d twice, %d stray, %d lost; want %d, and %d that were erased in time\n%+v",
			report.Printed, report.PrintedTwice, report.Stray, report.Lost, n-spared, spared, report.Duplicates)
	}
	if spared == 0 || report.Printed < before+f.order.Rows/2 {
		t.Errorf("%d spared, %d printed before, %d after: the test looks at nothing", spared, before, report.Printed)
	}
}

// again replays the same list under another name: nothing is to be done.
func (f *replayFleet) again(t *testing.T, c *client.Client) {
	t.Helper()
	before := f.printed()
	o := f.order
	o.Run = "once-more"
	r, err := o.replay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := c.PlanReplay(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Acts() != 0 || plan.Total != int64(f.order.Rows) {
		t.Errorf("a second replay would do something: %+v", plan.Counts)
	}
	p, err := c.RunReplay(t.Context(), plan, client.Actor{By: "ann"}, client.ReplayOptions{})
	if err != nil || p.Phase != client.ReplayFinished || p.Handed != 0 {
		t.Errorf("the second replay ended with %+v, %v", p, err)
	}
	if n := f.printed(); n != before {
		t.Errorf("%d more were printed", n-before)
	}
	for e, err := range c.Changes(t.Context(), client.ChangeQuery{Target: client.Target{Kind: client.TargetReplay, Name: f.order.Run}, Actions: []client.Action{client.ActionPause, client.ActionResume}}) {
		if want := map[client.Action]string{client.ActionPause: "bob", client.ActionResume: "eve"}[e.Action]; err != nil || e.By != want {
			t.Errorf("%s by %q, %v, want %q", e.Action, e.By, err, want)
		}
	}
}
