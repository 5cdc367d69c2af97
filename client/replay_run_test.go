package client_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// Half of a list is sent, the vendor goes, the replay brings it to its end; a
// second one, and any other of the same list, sends nothing.
func TestReplayBringsACampaignToItsEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		const n = 700 // more than a batch
		s := takeList(t, list(n))
		enqueueRows(t, c, s, 0, 300)
		p.faults(func(op, _ string, n int) string {
			if op == "/order" && n == 1 {
				return "lose" // the vendor has it, nobody knows
			}
			return ""
		})
		runFor(t, c, 2*time.Second)
		p.faults(nil)
		first := plan(t, c, replayOf(s, "run"))
		if first.Count(client.ReplayNew) != 400 {
			t.Errorf("plan %v, want 400 new", counted(first))
		}
		got := runReplay(t, c, first)
		if got.Handed != first.Acts() || got.Total != first.Acts() {
			t.Errorf("handed over %d of %d, want %d", got.Handed, got.Total, first.Acts())
		}
		drainFor(t, c, 48*time.Hour)
		if p.alive() != n {
			t.Errorf("%d pieces, want %d", p.alive(), n)
		}
		got = progressOf(t, c, "run")
		if got.Phase != client.ReplayFinished || got.Recovered != got.Total || got.Open() != 0 || got.Share() != 1 {
			t.Errorf("progress %+v, want it finished", got)
		}
		for _, name := range []string{"run", "again", "once"} {
			again := plan(t, c, replayOf(s, name))
			if diff := cmp.Diff(map[string]int64{"accepted accepted": n}, counted(again)); diff != "" {
				t.Errorf("%s: plan (-want +got):\n%s", name, diff)
			}
			runReplay(t, c, again)
			if _, err := c.RunReplay(t.Context(), first, client.Actor{By: "ann"}, client.ReplayOptions{}); err != nil {
				t.Errorf("the first plan again: %v", err)
			}
			drainFor(t, c, 48*time.Hour)
		}
		if p.alive() != n {
			t.Errorf("%d pieces after replays of what was finished, want %d", p.alive(), n)
		}
	})
}

// What was planned bounds what is sent, whatever happened to the ledger since.
func TestReplayNeverSendsMoreThanPlanned(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, m, c := b.t, b.press, b.ledger, b.client
		s := takeList(t, list(6))
		p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "422"}[op] })
		enqueueRows(t, c, s, 0, 2)
		r := replayOf(s, "run")
		r.Refused = true
		made := plan(t, c, r) // two wait, four are new
		drain(t, c)           // now the two are refused, and would be sent again
		p.faults(nil)
		_, err := c.RunReplay(t.Context(), made, client.Actor{By: "ann"}, client.ReplayOptions{})
		if !errors.Is(err, client.ErrReplayChanged) || postproof.CodeOf(err) != postproof.CodeConflict {
			t.Fatalf("err = %v, want ErrReplayChanged", err)
		}
		drain(t, c)
		if n := p.alive(); int64(n) > made.Sends() {
			t.Errorf("%d pieces, the plan says at most %d", n, made.Sends())
		}
		// A new plan is looked at, and run.
		runReplay(t, c, plan(t, c, r))
		drain(t, c)
		if p.alive() != 6 {
			t.Errorf("%d pieces, want 6", p.alive())
		}
		if n, err := m.Counter(t.Context(), "replay/run/sent"); err != nil || n != 6 {
			t.Errorf("counted %d sends, %v; want 6", n, err)
		}
	})
	t.Run("a plan without sends", func(t *testing.T) {
		t.Parallel()
		inBubble(t, func(b bubble) {
			t, p, c := b.t, b.press, b.client
			s := takeList(t, list(2))
			enqueueRows(t, c, s, 0, 2)
			p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "422"}[op] })
			r := replayOf(s, "run")
			r.Refused = true
			made := plan(t, c, r)
			drain(t, c)
			if _, err := c.RunReplay(t.Context(), made, client.Actor{By: "ann"}, client.ReplayOptions{}); !errors.Is(err, client.ErrReplayChanged) {
				t.Errorf("err = %v, want ErrReplayChanged", err)
			}
		})
	})
}

// A refused job goes back to the vendor that refused it, once a run.
func TestReplaySendsRefusedAgainOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		s := takeList(t, list(3))
		p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "422"}[op] })
		enqueueRows(t, c, s, 0, 3)
		drain(t, c)
		r := client.Replay{Name: "run", Query: &client.ReplayQuery{Codes: []postproof.Code{postproof.CodeInvalidArgument}}}
		runReplay(t, c, plan(t, c, r))
		drain(t, c)
		got := progressOf(t, c, "run")
		if got.Phase != client.ReplayFinished || got.Refused != 3 || got.Total != 3 {
			t.Errorf("progress %+v, want 3 refused", got)
		}
		p.mu.Lock()
		sent := len(p.times)
		p.mu.Unlock()
		if sent != 6 {
			t.Errorf("%d sends, want 6: each job twice", sent)
		}
		if again := plan(t, c, r); again.Sends() != 0 || again.Count(client.ReplayRefused) != 3 {
			t.Errorf("the same run again: %v, want nothing to send", counted(again))
		}
		p.faults(nil)
		r.Name = "next"
		runReplay(t, c, plan(t, c, r))
		drain(t, c)
		if p.alive() != 3 {
			t.Errorf("%d pieces, want 3", p.alive())
		}
		if first, now := progressOf(t, c, "run"), progressOf(t, c, "next"); first.Handed != 0 || now.Recovered != 3 {
			t.Errorf("the jobs are the next run's: %d and %d", first.Handed, now.Recovered)
		}
	})
}

// Whom not to mail by now gets nothing: new rows are left out, what waits is
// canceled, and what may have been sent is canceled where nobody wants it.
func TestReplaySuppresses(t *testing.T) {
	t.Parallel()
	for code, want := range map[snapshot.Code]struct {
		pieces int
		states []idempotency.State
	}{
		snapshot.CodeDoNotMail:      {0, []idempotency.State{idempotency.Canceled, idempotency.Canceled, ""}},
		snapshot.CodeMailedRecently: {1, []idempotency.State{idempotency.Accepted, idempotency.Canceled, ""}},
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b bubble) {
				t, p, c := b.t, b.press, b.client
				s := takeList(t, list(3))
				p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "lose"}[op] })
				enqueueRows(t, c, s, 0, 1) // the vendor has it, nobody knows
				runFor(t, c, time.Second)
				p.faults(nil)
				enqueueRows(t, c, s, 1, 2)
				r := replayOf(s, "run")
				r.Suppress = []snapshot.Suppression{{Code: code, List: snapshot.NewSuppressionList([]string{"c0", "c1", "c2"}, nil)}}
				runReplay(t, c, plan(t, c, r))
				drainFor(t, c, 48*time.Hour)
				runFor(t, c, time.Hour)
				var states []idempotency.State
				for i := range 3 {
					state := idempotency.State("")
					if rec, err := c.Status(t.Context(), postproof.Key(keyOf(i))); err == nil {
						state = rec.State
					}
					states = append(states, state)
				}
				if diff := cmp.Diff(want.states, states); diff != "" {
					t.Errorf("states (-want +got):\n%s", diff)
				}
				if p.alive() != want.pieces {
					t.Errorf("%d pieces, want %d", p.alive(), want.pieces)
				}
			})
		})
	}
}

// A process that dies between any two commits leaves a run that goes on, with
// exact numbers.
func TestReplaySurvivesADeathAtEachCommit(t *testing.T) {
	t.Parallel()
	for die := 1; ; die++ {
		finished := false
		inBubble(t, func(b bubble) {
			t, p := b.t, b.press
			m := newShaky()
			s := takeList(t, list(40))
			c := newClient(t, m, []*press{p})
			made := plan(t, c, replayOf(s, "run"))
			commits := 0
			m.after = func([]idempotency.Change) error {
				if commits++; commits == die {
					m.dead.Store(true)
					return errStore
				}
				return nil
			}
			dying, gone := context.WithTimeout(t.Context(), time.Minute)
			_, err := c.RunReplay(dying, made, client.Actor{By: "ann"}, client.ReplayOptions{Rate: 10})
			gone()
			finished = err == nil
			m.dead.Store(false)
			m.after = nil
			c = newClient(t, m, []*press{p})
			got := runReplay(t, c, plan(t, c, replayOf(s, "run")))
			drain(t, c)
			if now := progressOf(t, c, "run"); got.Handed != 40 || now.Recovered != 40 || now.Phase != client.ReplayFinished {
				t.Errorf("died at commit %d: %+v", die, now)
			}
			if p.alive() != 40 {
				t.Errorf("died at commit %d: %d pieces, want 40", die, p.alive())
			}
			if n, err := m.Counter(t.Context(), "replay/run/sent"); err != nil || n != 40 {
				t.Errorf("died at commit %d: counted %d sends, %v; want 40", die, n, err)
			}
		})
		if finished || t.Failed() {
			if die < 5 {
				t.Errorf("died at %d commits only", die)
			}
			return
		}
	}
}

// A name stands for one replay.
func TestReplayNameStandsForOne(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, c := b.t, b.client
		runReplay(t, c, plan(t, c, replayOf(takeList(t, list(2)), "run")))
		other := plan(t, c, replayOf(takeList(t, list(3)), "run"))
		if _, err := c.RunReplay(t.Context(), other, client.Actor{By: "ann"}, client.ReplayOptions{}); postproof.CodeOf(err) != postproof.CodeConflict {
			t.Errorf("err = %v, want a conflict", err)
		}
		for name, tc := range map[string]struct {
			name, by string
			opts     client.ReplayOptions
		}{
			"no name":        {"", "ann", client.ReplayOptions{}},
			"nobody":         {"x", "", client.ReplayOptions{}},
			"a rate below 0": {"x", "ann", client.ReplayOptions{Rate: -1}},
		} {
			other.Replay.Name = tc.name
			if _, err := c.RunReplay(t.Context(), other, client.Actor{By: tc.by}, tc.opts); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("%s: err = %v, want an invalid argument", name, err)
			}
		}
		if _, err := c.ReplayProgress(t.Context(), "nobody"); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("progress of no run: %v", err)
		}
		var names []string
		for p, err := range c.Replays(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, p.Name)
		}
		if !slices.Equal(names, []string{"run"}) {
			t.Errorf("runs %v", names)
		}
	})
}

// Nothing is handed over on a ledger whose history was broken.
func TestReplayWaitsForRecover(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, m, c := b.t, b.ledger, b.client
		made := plan(t, c, replayOf(takeList(t, list(2)), "run"))
		m.BreakHistory()
		if _, err := c.RunReplay(t.Context(), made, client.Actor{By: "ann"}, client.ReplayOptions{}); !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("err = %v, want ErrEpochChanged", err)
		}
		if n, err := m.Counter(t.Context(), "replay/run/jobs"); err != nil || n != 0 {
			t.Errorf("%d jobs were handed over, %v", n, err)
		}
	})
}

// Once StopReplay has returned nothing more is handed over, also by a commit that
// was on its way.
func TestReplayStopIsExact(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p := b.t, b.press
		m := newShaky()
		c, other := newClient(t, m, []*press{p}), newClient(t, m.Memory, []*press{p})
		made := plan(t, c, replayOf(takeList(t, list(9)), "run"))
		m.before = func(changes []idempotency.Change) error {
			if changes[0].Record == nil {
				return nil
			}
			return other.StopReplay(t.Context(), "run", client.Actor{By: "eve", Why: "at once"})
		}
		got, err := c.RunReplay(t.Context(), made, client.Actor{By: "ann"}, client.ReplayOptions{})
		if !errors.Is(err, client.ErrReplayStopped) || got.Phase != client.ReplayStopped || got.Handed != 0 {
			t.Errorf("%+v, err = %v; want it stopped with nothing handed over", got, err)
		}
	})
}

// lookupCounter counts the ids that are looked up, and the entries that are read.
type lookupCounter struct {
	*shaky
	ids, entries atomic.Int64
}

func (c *lookupCounter) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	c.ids.Add(int64(len(q.IDs)))
	return c.shaky.Find(ctx, q)
}

func (c *lookupCounter) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	return func(yield func(idempotency.Entry, error) bool) {
		all := q
		all.Kinds = nil // what a store without an index on them reads
		for _, err := range c.Memory.Entries(ctx, all) {
			if err == nil {
				c.entries.Add(1)
			}
		}
		c.Memory.Entries(ctx, q)(yield)
	}
}

// A run that was cut off does not read again what it was through with.
func TestReplayGoesOnBehindItsCursor(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p := b.t, b.press
		m := &lookupCounter{shaky: newShaky()}
		c := newClient(t, m, []*press{p})
		const rows = 2000
		made := plan(t, c, replayOf(takeList(t, list(rows)), "run"))
		ctx, cut := context.WithCancel(t.Context())
		_, err := c.RunReplay(ctx, made, client.Actor{By: "ann"}, client.ReplayOptions{OnProgress: func(p client.ReplayProgress) {
			if p.Handed > rows/2 {
				cut()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("err = %v, want that of the context", err)
		}
		m.ids.Store(0)
		got, err := c.RunReplay(t.Context(), made, client.Actor{By: "ann"}, client.ReplayOptions{})
		if err != nil || got.Handed != rows {
			t.Fatalf("%+v, %v; want all handed over", got, err)
		}
		if n := m.ids.Load(); n > rows/2 {
			t.Errorf("%d ids were looked up, want the second half at most", n)
		}
	})
}

// After the end another plan of the same name is refused, not forgotten.
func TestReplayOfAFinishedNameIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b bubble) {
		t, p, c := b.t, b.press, b.client
		r := replayOf(takeList(t, list(2)), "run")
		r.Refused = true
		enqueueRows(t, c, r.Snapshot, 0, 1)
		drain(t, c)
		p.faults(func(op, _ string, _ int) string { return map[string]string{"/order": "422"}[op] })
		runReplay(t, c, plan(t, c, r))
		time.Sleep(time.Minute)
		more := plan(t, c, r)
		if more.Sends() != 0 {
			t.Fatalf("plan %v, want nothing to send", counted(more))
		}
		runReplay(t, c, more)
		more.Counts = append(more.Counts, client.ReplayCount{Outcome: client.ReplayNew, Reason: "not_in_ledger", Jobs: 1})
		if _, err := c.RunReplay(t.Context(), more, client.Actor{By: "ann"}, client.ReplayOptions{}); postproof.CodeOf(err) != postproof.CodeConflict {
			t.Errorf("err = %v, want a conflict", err)
		}
	})
}
