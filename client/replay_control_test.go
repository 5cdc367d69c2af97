package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// begin runs a plan in the background; the function waits for its end.
func begin(t *testing.T, c *client.Client, p client.ReplayPlan, opts client.ReplayOptions) (wait func() error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := c.RunReplay(t.Context(), p, client.Actor{By: "ann", Why: "outage"}, opts)
		ended <- err
	}()
	return func() error { return <-ended }
}

// A run is paused, resumed, throttled and stopped from another process, and the
// change log says by whom.
func TestReplayControls(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, m, c := b.t, b.press, b.ledger, b.client
		other := newClient(t, m, []*press{p})
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		handed := func() int64 { t.Helper(); return progressOf(t, other, "run").Handed }
		s := takeList(t, list(600))
		wait := begin(t, c, plan(t, c, replayOf(s, "run")), client.ReplayOptions{Rate: 2})
		time.Sleep(10*time.Second + time.Millisecond)
		if n := handed(); n != 22 {
			t.Errorf("%d jobs in 10 seconds at 2 a second, want 22", n)
		}
		must(other.PauseReplay(ctx, "run", client.Actor{By: "bob", Why: "the press is jammed"}))
		time.Sleep(3 * time.Second)
		before := handed()
		time.Sleep(time.Hour)
		if n := handed(); n != before || n > 24 {
			t.Errorf("%d jobs after the pause, then %d", before, n)
		}
		if got := progressOf(t, other, "run"); got.Phase != client.ReplayPaused || got.Total != 600 {
			t.Errorf("progress %+v, want paused, of 600", got)
		}
		must(other.ResumeReplay(ctx, "run", client.Actor{By: "bob", Why: "mended"}))
		must(other.ThrottleReplay(ctx, "run", 20, client.Actor{By: "bob", Why: "it is late"}))
		time.Sleep(10*time.Second + time.Millisecond)
		if n := handed() - before; n < 180 || n > 220 {
			t.Errorf("%d jobs in 10 seconds at 20 a second", n)
		}
		must(other.StopReplay(ctx, "run", client.Actor{By: "eve", Why: "enough"}))
		if err := wait(); !errors.Is(err, client.ErrReplayStopped) {
			t.Errorf("err = %v, want ErrReplayStopped", err)
		}
		if _, err := other.RunReplay(ctx, plan(t, other, replayOf(s, "run")), client.Actor{By: "ann"}, client.ReplayOptions{}); !errors.Is(err, client.ErrReplayStopped) {
			t.Errorf("a stopped run: err = %v, want ErrReplayStopped", err)
		}
		must(other.StopReplay(ctx, "run", client.Actor{By: "eve", Why: "it is stopped already"}))
		type line struct {
			By, Why string
			Action  client.Action
		}
		var got []line
		for e, err := range c.Changes(ctx, client.ChangeQuery{Target: client.Target{Kind: client.TargetReplay, Name: "run"}}) {
			must(err)
			got = append(got, line{e.By, e.Why, e.Action})
		}
		want := []line{
			{"ann", "outage", client.ActionReplay},
			{"bob", "the press is jammed", client.ActionPause},
			{"bob", "mended", client.ActionResume},
			{"bob", "it is late", client.ActionThrottle},
			{"eve", "enough", client.ActionStop},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("change log (-want +got):\n%s", diff)
		}
		drain(t, c)
		if n := handed(); int64(p.alive()) != n {
			t.Errorf("%d pieces, %d were handed over", p.alive(), n)
		}
	})
}

func TestReplayControlsNeedARunAndSomebody(t *testing.T) {
	t.Parallel()
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
	for name, do := range map[string]func(name, by string) error{
		"pause": func(name, by string) error {
			return c.PauseReplay(t.Context(), name, client.Actor{By: by, Why: "a reason"})
		},
		"resume": func(name, by string) error {
			return c.ResumeReplay(t.Context(), name, client.Actor{By: by, Why: "a reason"})
		},
		"stop": func(name, by string) error {
			return c.StopReplay(t.Context(), name, client.Actor{By: by, Why: "a reason"})
		},
		"throttle": func(name, by string) error {
			return c.ThrottleReplay(t.Context(), name, 1, client.Actor{By: by, Why: "a reason"})
		},
	} {
		if err := do("run", "ann"); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("%s of no run: %v", name, err)
		}
		if err := do("run", ""); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s by nobody: %v", name, err)
		}
		if err := do("", "ann"); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s without a name: %v", name, err)
		}
	}
}

// Who runs it last runs it: the one before ends, and nothing is counted twice.
func TestReplayIsTakenOver(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, m, c := b.t, b.press, b.ledger, b.client
		s := takeList(t, list(60))
		made := plan(t, c, replayOf(s, "run"))
		wait := begin(t, c, made, client.ReplayOptions{Rate: 1})
		time.Sleep(5 * time.Second)
		other := newClient(t, m, []*press{p})
		wait2 := begin(t, other, made, client.ReplayOptions{})
		time.Sleep(3 * time.Second) // it has it now: else the first may hear of the haste before, and be done
		if err := other.ThrottleReplay(t.Context(), "run", 0, client.Actor{By: "bob", Why: "a reason"}); err != nil {
			t.Fatal(err)
		}
		if err := wait2(); err != nil {
			t.Fatal(err)
		}
		if err := wait(); !errors.Is(err, client.ErrReplayTaken) {
			t.Errorf("err = %v, want ErrReplayTaken", err)
		}
		drain(t, c)
		if got := progressOf(t, c, "run"); got.Recovered != 60 || got.Handed != 60 || p.alive() != 60 {
			t.Errorf("progress %+v, %d pieces, want 60", got, p.alive())
		}
	})
}

// With Ahead no more wait than that, so that a pause takes effect soon.
func TestReplayAhead(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		worker, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- c.Run(worker) }()
		var most, calls int64
		var last client.ReplayProgress
		_, err := c.RunReplay(t.Context(), plan(t, c, replayOf(takeList(t, list(100)), "run")), client.Actor{By: "ann"}, client.ReplayOptions{Ahead: 7, OnProgress: func(p client.ReplayProgress) { most, calls, last = max(most, p.Waiting), calls+1, p }})
		if err != nil {
			t.Fatal(err)
		}
		if most > 7 || calls < 10 || last.Handed != 100 {
			t.Errorf("at most %d waited, want 7; told %d times, at last of %d handed over", most, calls, last.Handed)
		}
		var phases []client.ReplayPhase
		for p, err := range c.FollowReplay(t.Context(), "run", time.Second) {
			if err != nil {
				t.Fatal(err)
			}
			phases = append(phases, p.Phase)
		}
		if phases[len(phases)-1] != client.ReplayFinished || p.alive() != 100 {
			t.Errorf("phases %v, %d pieces", phases, p.alive())
		}
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}

// Rate and end come from what was recovered, pauses left out; after the end the
// time stands still.
func TestReplayProgressTimes(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		worker, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = c.Run(worker) }()
		wait := begin(t, c, plan(t, c, replayOf(takeList(t, list(100)), "run")), client.ReplayOptions{Rate: 1})
		time.Sleep(49*time.Second + time.Second/2)
		got := progressOf(t, c, "run")
		if got.Rate < 0.9 || got.Rate > 1.1 || time.Until(got.EndsAt).Round(10*time.Second) != 50*time.Second || got.Throttle != 1 {
			t.Errorf("progress %+v, want one a second, and 50 seconds to go", got)
		}
		if err := c.PauseReplay(t.Context(), "run", client.Actor{By: "ann", Why: "a reason"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got = progressOf(t, c, "run"); !got.EndsAt.IsZero() || got.Rate < 0.9 {
			t.Errorf("paused: %+v, want no end, and the rate of before", got)
		}
		if err := c.ResumeReplay(t.Context(), "run", client.Actor{By: "ann", Why: "a reason"}); err != nil {
			t.Fatal(err)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		got = progressOf(t, c, "run")
		if got.Phase != client.ReplayFinished || got.Rate < 0.9 || got.Rate > 1.1 || p.alive() != 100 {
			t.Errorf("progress %+v, want finished at one a second", got)
		}
		time.Sleep(24 * time.Hour)
		if diff := cmp.Diff(got, progressOf(t, c, "run")); diff != "" {
			t.Errorf("a day after the end (-want +got):\n%s", diff)
		}
	})
}

// The metric has each run that is not over, by part.
func TestReplayMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithMeterProvider(r))
		observed := func() map[string]int64 {
			r.gauges = map[string]int64{}
			for _, f := range r.callbacks {
				if err := f(t.Context(), observer{r: r}); err != nil {
					t.Fatal(err)
				}
			}
			out := map[string]int64{}
			for name, n := range r.gauges {
				if part, ok := strings.CutPrefix(name, "postproof.replay.jobs mode=test replay=run replay.part="); ok && n > 0 {
					out[part] = n
				}
			}
			return out
		}
		p.faults(func(op, _ string, n int) string { return map[string]string{"/order": "422"}[op] })
		wait := begin(t, c, plan(t, c, replayOf(takeList(t, list(5)), "run")), client.ReplayOptions{Rate: 1})
		time.Sleep(1500 * time.Millisecond)
		if diff := cmp.Diff(map[string]int64{"waiting": 2, "to_hand_over": 3}, observed()); diff != "" {
			t.Errorf("metric (-want +got):\n%s", diff)
		}
		drain(t, c)
		if diff := cmp.Diff(map[string]int64{"refused": 2, "to_hand_over": 3}, observed()); diff != "" {
			t.Errorf("metric (-want +got):\n%s", diff)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		p.faults(nil)
		drain(t, c)
		if n := r.sums["postproof.replay.handed mode=test replay.outcome=new"]; n != 5 {
			t.Errorf("%d handed over, want 5: %v", n, r.sums)
		}
		progressOf(t, c, "run") // it is seen to be finished
		if got := observed(); len(got) != 0 {
			t.Errorf("after the end: %v, want nothing", got)
		}
	})
}
