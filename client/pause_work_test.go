package client_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// counting is a ledger that counts what is claimed.
type counting struct {
	*idempotency.Memory
	claimed atomic.Int64
}

func (s *counting) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	recs, err := s.Memory.Claim(ctx, req)
	s.claimed.Add(int64(len(recs)))
	return recs, err
}

// withPriority is n jobs of a campaign and a priority.
func withPriority(campaign string, priority, n int) []postproof.Job {
	var all []postproof.Job
	for i := range n {
		j := job(campaign + "-" + string(rune('a'+i)))
		j.Campaign, j.Priority = campaign, priority
		all = append(all, j)
	}
	return all
}

// drainSoon drains, and fails when that takes more than a few minutes: it waits for
// what is paused then.
func drainSoon(t *testing.T, c *client.Client) client.Depth {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	left, err := c.Drain(ctx)
	if err != nil {
		t.Fatalf("Drain waits: it leaves %v, %v", left, err)
	}
	return left
}

// What is planned and paused is left alone: nobody claims it, however long the
// pause. At its end it goes at once, here and at other replicas.
func TestPausedJobsAreNotClaimed(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]client.Target{
		"campaign": client.CampaignTarget("paused"), "priority": client.BelowPriorityTarget(3), "all vendors": client.VendorTarget("alpha"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				store := &counting{Memory: idempotency.NewMemory(postproof.ModeTest)}
				here, there := newClient(t, store, []*press{p}), newClient(t, store, []*press{p}, client.WithOwner("there"), client.WithPollInterval(10*time.Second))
				pause(t, here, target)
				if _, err := here.Enqueue(t.Context(), these(append(withPriority("paused", 2, 20), withPriority("other", 3, 5)...)...)); err != nil {
					t.Fatal(err)
				}
				others := 5
				if name == "all vendors" {
					others = 0
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				done := make(chan error, 1)
				go func() { done <- there.Run(ctx) }()
				if left := drainSoon(t, here); int(left[idempotency.Planned]) != 25-others || p.alive() != others {
					t.Fatalf("Drain left %v, printed %d", left, p.alive())
				}
				claimed := store.claimed.Load()
				time.Sleep(time.Minute)
				if n := store.claimed.Load() - claimed; n > int64(others)*2 {
					t.Fatalf("%d claims in a minute of which the jobs are paused", n)
				}
				time.Sleep(24 * time.Hour)
				if n := store.claimed.Load() - claimed; n > int64(others)*2 {
					t.Errorf("%d claims in a day of which the jobs are paused", n)
				}
				for _, j := range withPriority("paused", 2, 20) {
					if rec := status(t, here, string(j.Key)); rec.Fence != 1 {
						t.Fatalf("a paused job was touched: %v", rec)
					}
				}
				resume(t, here, target)
				time.Sleep(20 * time.Second) // the other one looks each ten seconds, at the latest
				if p.alive() != 25 {
					t.Errorf("%d of 25 are printed after the pause", p.alive())
				}
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A paused vendor is passed over, with the reason; what no other vendor takes
// waits without keeping anybody busy, and goes at once when the pause ends.
func TestPausedVendorIsPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha, beta := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		beta.tune = func(c *postproof.Capabilities) { c.Pieces[0].Content = []postproof.ContentKind{postproof.ContentPDF} }
		open := newPress(t, "gamma", postproof.IdempotencyKey)
		store := &counting{Memory: idempotency.NewMemory(postproof.ModeTest)}
		c := newClient(t, store, []*press{alpha, beta, open}, client.WithPollInterval(10*time.Second))
		pause(t, c, client.VendorTarget("alpha"))
		rec, err := c.Submit(t.Context(), job("first"))
		if err != nil || rec.Receipt.Vendor != "gamma" {
			t.Fatalf("%v, %v; want it at the next vendor that takes it", rec, err)
		}
		passed := ""
		for e, err := range c.History(t.Context(), "first") {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == "skipped" && e.Vendor == "alpha" {
				passed = e.Note
			}
		}
		if !strings.Contains(passed, "paused by ann") {
			t.Errorf("alpha was passed over because %q", passed)
		}
		if v := c.Vendors(); v[0].Paused == nil || v[0].Paused.By != "ann" || v[1].Paused != nil {
			t.Errorf("the vendors do not tell of the pause: %+v", v)
		}
		pause(t, c, client.VendorTarget("gamma"))
		if _, err := c.Enqueue(t.Context(), jobs(50)); err != nil {
			t.Fatal(err)
		}
		if left := drainSoon(t, c); left[idempotency.Planned] != 50 {
			t.Fatalf("Drain left %v", left)
		}
		claimed := store.claimed.Load()
		runFor(t, c, 10*time.Minute)
		if n := store.claimed.Load() - claimed; n > 50*11 {
			t.Fatalf("%d claims of 50 jobs in ten minutes", n)
		}
		runFor(t, c, 48*time.Hour)
		if n := store.claimed.Load() - claimed; n > 50*110 {
			t.Errorf("%d claims of 50 jobs in two days", n)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		time.Sleep(17 * time.Second)
		resume(t, c, client.VendorTarget("alpha"))
		time.Sleep(2 * time.Second)
		if alpha.alive() != 50 {
			t.Errorf("%d of 50 are printed two seconds after the pause", alpha.alive())
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// What a vendor has, or may have, goes on while it is paused: it is polled,
// looked up and canceled.
func TestPausedMailIsFollowed(t *testing.T) {
	t.Parallel()
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				p.poll = time.Hour
				store := idempotency.NewMemory(postproof.ModeTest)
				c := newClient(t, store, []*press{p})
				for _, key := range []string{"polled", "canceled"} {
					if _, err := c.Submit(t.Context(), job(key)); err != nil {
						t.Fatal(err)
					}
				}
				pause(t, c, target)
				if _, err := c.Enqueue(t.Context(), these(job("waits"))); err != nil {
					t.Fatal(err)
				}
				p.orders[0].Status = "mailed"
				if _, err := c.Cancel(t.Context(), "canceled", client.Actor{By: "bob"}); err != nil {
					t.Fatal(err)
				}
				runFor(t, c, 3*time.Hour)
				if got := status(t, c, "polled").Status.Stage; got != postproof.StageMailed {
					t.Errorf("the status of a paused piece is %q: it is not polled", got)
				}
				if got := status(t, c, "canceled").State; got != idempotency.Canceled {
					t.Errorf("the paused piece that was to be canceled is %s", got)
				}
				if _, err := c.Cancel(t.Context(), "waits", client.Actor{By: "bob"}); err != nil {
					t.Fatal(err)
				}
				if got := status(t, c, "waits").State; got != idempotency.Canceled {
					t.Errorf("the paused job that was to be canceled is %s", got)
				}
			})
		})
	}
}

// Pauses are listed, hold for each kind and name apart, and are not made twice.
func TestPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out logs
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		r := newRecorder()
		c := newClient(t, store, []*press{p}, client.WithLogger(out.logger()), client.WithMeterProvider(r))
		all := []client.Target{client.CampaignTarget("spring"), client.VendorTarget("alpha"), client.BelowPriorityTarget(-2), client.BelowPriorityTarget(5)}
		var want []client.Paused
		for i, target := range all {
			if e := pause(t, c, target); e.N != uint64(i+1) || e.Action != client.ActionPause || e.By != "ann" {
				t.Errorf("entry %+v", e)
			}
			want = append(want, client.Paused{Target: target, By: "ann", Why: "wrong artwork", Since: time.Now().UTC()})
			time.Sleep(time.Minute)
		}
		for _, f := range r.callbacks {
			if err := f(t.Context(), observer{r: r}); err != nil {
				t.Fatal(err)
			}
		}
		if r.gauges["postproof.paused mode=test paused=campaign"] != 1 || r.gauges["postproof.paused mode=test paused=vendor"] != 1 || r.gauges["postproof.paused mode=test paused=priority"] != 2 {
			t.Errorf("the gauges are %v", r.gauges)
		}
		if e := pause(t, c, all[0]); e.N != 0 {
			t.Errorf("paused twice: %+v", e)
		}
		got, err := newClient(t, store, []*press{p}).Paused(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%v, (-want +got):\n%s", err, diff)
		}
		resume(t, c, all[2])
		if got, err = c.Paused(t.Context()); err != nil || len(got) != 3 || got[2].Target != all[3] {
			t.Errorf("%v, %v", got, err)
		}
		if e, err := c.Resume(t.Context(), all[2], client.Actor{By: "bob", Why: "a reason"}); err != nil || e.N != 0 {
			t.Errorf("what is not paused was resumed: %+v, %v", e, err)
		}
		if out.count("paused: nothing new is sent") != 4 || out.count("a pause has ended") != 1 {
			t.Errorf("the log:\n%s", out.text())
		}
		for what, target := range map[string]client.Target{
			"a job": {Kind: client.TargetJob, Name: "x"}, "no name": client.CampaignTarget(""), "no number": {Kind: client.TargetPriority, Name: "high"},
			"an odd number": {Kind: client.TargetPriority, Name: "+5"}, "no text": client.CampaignTarget("\xff"), "the zero value": {},
		} {
			if _, err := c.Pause(t.Context(), target, client.Actor{By: "ann", Why: "a reason"}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := c.Pause(t.Context(), client.VendorTarget("alhpa"), client.Actor{By: "ann", Why: "a reason"}); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("a vendor that is not there: %v", err)
		}
		if _, err := c.Pause(t.Context(), client.CampaignTarget("x"), client.Actor{By: "", Why: "why"}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("nobody: %v", err)
		}
	})
}

// Pauses that this version cannot read may be of anything: nothing is sent, and
// they are not written over.
func TestStrangePausesStopEverything(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"newer":       `{"v":2,"pauses":[]}`,
		"a new kind":  `{"v":1,"pauses":[{"target":{"kind":"country","name":"US"},"by":"ann","since":"2030-01-01T00:00:00Z"}]}`,
		"no JSON":     `nonsense`,
		"nothing":     ``,
		"no priority": `{"v":1,"pauses":[{"target":{"kind":"priority","name":"low"},"by":"ann","since":"2030-01-01T00:00:00Z"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				store := idempotency.NewMemory(postproof.ModeTest)
				c := newClient(t, store, []*press{p})
				write := idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "pauses", Value: []byte(value)}}}
				if err := idempotency.CommitOne(t.Context(), store, write); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.NotSent || p.arrived() != 0 {
					t.Errorf("%v; %d arrived", err, p.arrived())
				}
				if left := drainSoon(t, c); left[idempotency.Planned] != 1 || p.arrived() != 0 {
					t.Errorf("Drain left %v; %d arrived", left, p.arrived())
				}
				if _, err := c.Paused(t.Context()); postproof.CodeOf(err) != postproof.CodeUnavailable {
					t.Errorf("Paused: %v", err)
				}
				if _, err := c.Pause(t.Context(), client.CampaignTarget("x"), client.Actor{By: "ann", Why: "a reason"}); postproof.CodeOf(err) != postproof.CodeUnavailable {
					t.Errorf("Pause: %v", err)
				}
				set, err := store.Setting(t.Context(), "pauses")
				if err != nil || string(set.Value) != value {
					t.Errorf("%q was written over it, %v", set.Value, err)
				}
			})
		})
	}
}

// Drain waits for what is not paused, wherever it is among what is.
func TestDrainWaitsBesideAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		pause(t, c, client.BelowPriorityTarget(1))
		if _, err := c.Enqueue(t.Context(), these(append(withPriority("spring", 0, 20), withPriority("autumn", 1, 3)...)...)); err != nil {
			t.Fatal(err)
		}
		p.down.Store(true)
		time.AfterFunc(3*time.Hour, func() { p.down.Store(false) })
		ctx, stop := context.WithTimeout(t.Context(), 4*time.Hour)
		defer stop()
		if left, err := c.Drain(ctx); err != nil || left[idempotency.Planned] != 20 || left[idempotency.Accepted] != 3 {
			t.Errorf("Drain left %v, %v", left, err)
		}
	})
}

// A restored ledger comes to the same version of its pauses again: what was read
// in the lost history does not count.
func TestPausesOfALostHistoryDoNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := &rewritten{Memory: idempotency.NewMemory(postproof.ModeTest)}
		one, two := newClient(t, store, []*press{p}), newClient(t, store, []*press{p}, client.WithPollInterval(365*24*time.Hour))
		pause(t, one, client.CampaignTarget("autumn"))
		if _, err := two.Paused(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.other.Store(true)
		store.BreakHistory()
		if _, err := one.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{DoubtNewFor: -1}); err != nil {
			t.Fatal(err)
		}
		if _, err := two.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.NotSent {
			t.Fatalf("in a history that was lost: %v", err)
		}
		for range 2 { // at the latest the second one is of the new history
			if _, err := two.Submit(t.Context(), job("b")); postproof.DeliveryOf(err) != postproof.NotSent || p.arrived() != 0 {
				t.Fatalf("paused in the present history: %v; %d arrived", err, p.arrived())
			}
		}
		if rec := status(t, two, "b"); rec.State != idempotency.Planned {
			t.Error(rec)
		}
	})
}

// rewritten is a ledger that has other pauses under the version of those it had.
type rewritten struct {
	*idempotency.Memory
	other atomic.Bool
}

func (s *rewritten) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	set, err := s.Memory.Setting(ctx, name)
	if name == "pauses" && s.other.Load() {
		set.Value = []byte(strings.ReplaceAll(string(set.Value), "autumn", "spring"))
	}
	return set, err
}
