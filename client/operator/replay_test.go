package operator_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// A plan says of jobs that a cap holds that the cap has the last word; the report of
// a run that they came back from says that they wait for a person, not only that it
// is finished.
func TestReplayOfJobsThatACapHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
		capped, err := client.New(t.Context(), w.store, w.adapters(), append(w.ways(), client.WithLogger(slog.New(slog.DiscardHandler)),
			client.WithCap(client.Cap{Campaign: "spring", Pieces: 1}))...)
		if err != nil {
			t.Fatal(err)
		}
		defer capped.Close()
		for n := range 3 {
			if rec, err := capped.Submit(t.Context(), job(n)); rec == nil {
				t.Fatal(err)
			}
		}
		args := []string{"-campaign", "spring", "-state", "held"}
		say := "2 of them are held by a cap: raise it in the workers' configuration first"
		if r := w.must(t, operator.ExitOK, append([]string{"replay", "plan"}, args...)...); !strings.Contains(r.out, say) {
			t.Errorf("the plan does not say %q:\n%s", say, r.out)
		}
		w.must(t, operator.ExitOK, append([]string{"replay", "run", "night", "-why", "outage", "-yes"}, args...)...)
		if _, err := capped.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		say = "2 jobs are held: nothing more is done for them until a person decides."
		if r := w.must(t, operator.ExitNeedsPerson, "replay", "report", "night"); !strings.Contains(r.out, say) {
			t.Errorf("the report does not say %q:\n%s", say, r.out)
		}
		if r := w.must(t, operator.ExitOK, "replay", "plan", "-state", "accepted"); strings.Contains(r.out, "cap") {
			t.Errorf("a plan without them speaks of the cap:\n%s", r.out)
		}
	})
}

// A run that had nothing to recover has missed no target, and met none.
func TestReportOfAReplayOfNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
		plan, err := w.worker.PlanReplay(t.Context(), client.Replay{Name: "night", Query: &client.ReplayQuery{Campaign: "spring"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.worker.RunReplay(t.Context(), plan, client.Actor{By: "ann"}, client.ReplayOptions{}); err != nil {
			t.Fatal(err)
		}
		r := w.must(t, operator.ExitOK, "replay", "report", "night")
		if !strings.Contains(r.out, "There was nothing to recover") || strings.Contains(r.out, "WITHIN") || strings.Contains(r.out, "0.0") {
			t.Errorf("the report of a run of nothing:\n%s", r.out)
		}
	})
}

// A run that was cut is gone on with by the very same command, as it says: a duration
// counts from when the run was begun. Another duration is another replay.
func TestReplayOfTheLastHoursIsGoneOnWith(t *testing.T) {
	t.Parallel()
	for times, want := range map[string]int64{"-since 6h -until 30m": 20, "-since 6h": 25, "-until 30m": 20} {
		t.Run(times, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
				w.enqueue(t, 0, 20)
				time.Sleep(time.Hour)
				command := "replay run night -campaign spring -rate 1 -why outage -yes "
				ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
				defer cancel()
				if r := w.runIn(ctx, strings.Fields(command+times)...); r.code == operator.ExitOK || !strings.Contains(r.err, "by the same command") {
					t.Fatalf("cut, with exit code %d: %s", r.code, r.err)
				}
				time.Sleep(10 * time.Minute)
				w.enqueue(t, 20, 5) // after the outage
				time.Sleep(time.Hour)
				for _, other := range []string{"-since 48h", "-since 3h", "-until 1m"} {
					if r := w.run(t, strings.Fields(command+other)...); r.code == operator.ExitOK || !strings.Contains(r.err, "use another name") {
						t.Errorf("%s, with exit code %d: %s", other, r.code, r.err)
					}
				}
				w.must(t, operator.ExitOK, strings.Fields(command+times)...)
				p, err := w.worker.ReplayProgress(t.Context(), "night")
				if err != nil || p.Handed != want {
					t.Errorf("%+v, %v; want %d handed over", p, err, want)
				}
			})
		})
	}
}
