package client_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// caller is a press that says that it sends callbacks, within ten days of an
// acceptance and five of a mailing, and is polled each twelve hours behind them.
func caller(t *testing.T, name string) *press {
	t.Helper()
	p := newPress(t, name, postproof.IdempotencyKey)
	p.poll = 12 * time.Hour
	p.tune = func(c *postproof.Capabilities) {
		c.Callbacks = postproof.Callbacks{Auth: postproof.CallbackSigned, Patience: map[postproof.Stage]time.Duration{
			postproof.StageAccepted: 240 * time.Hour, postproof.StageMailed: 120 * time.Hour,
		}}
	}
	return p
}

// is changes where all pieces of the press are.
func (p *press) is(stage postproof.Stage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.orders {
		o.Status = string(stage)
	}
}

// rarely has an idle worker look for work so seldom that months pass quickly.
func rarely() client.Option { return client.WithPollInterval(time.Minute) }

// submit hands jobs in and waits for them to be accepted.
func submit(t *testing.T, c *client.Client, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, err := c.Submit(t.Context(), job(key)); err != nil {
			t.Fatal(err)
		}
	}
}

func stageOf(t *testing.T, c *client.Client, key string) postproof.Stage {
	t.Helper()
	return status(t, c, key).Status.Stage
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := caller(t, "alpha"), idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, rarely())
		submit(t, c, "a", "b")
		p.is(postproof.StageMailed)
		runFor(t, c, 100*time.Hour) // nobody asks: it is not silent yet
		if got := stageOf(t, c, "a"); got != postproof.StageAccepted {
			t.Fatalf("asked about before it was silent: %s", got)
		}
		if _, err := c.Refresh(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		other := newClient(t, store, []*press{p}, rarely()) // the wish is in the ledger
		runFor(t, other, 2*time.Second)
		if a, b := stageOf(t, c, "a"), stageOf(t, c, "b"); a != postproof.StageMailed || b != postproof.StageAccepted {
			t.Errorf("the piece that was asked about is %s, the other one %s", a, b)
		}
		p.is(postproof.StageDelivered)
		runFor(t, c, 400*time.Hour)
		p.is(postproof.StageReturned)
		if rec := status(t, c, "a"); rec.State != idempotency.Done {
			t.Fatalf("not done: %v", rec)
		}
		if _, err := c.Refresh(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 2*time.Second)
		if rec := status(t, c, "a"); rec.State != idempotency.Done || rec.Status.Stage != postproof.StageReturned {
			t.Errorf("asked about after its end: %v, %s", rec, rec.Status.Stage)
		}
		if _, err := c.Refresh(t.Context(), "nobody"); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("a key that was never used: %v", err)
		}
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Refresh(t.Context(), "contact-0"); postproof.CodeOf(err) != postproof.CodeConflict {
			t.Errorf("a job that was not sent: %v", err)
		}
	})
}

// A running worker is woken: nobody waits for its next look at the queue.
func TestRefreshWakesTheWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := caller(t, "alpha")
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithPollInterval(time.Hour))
		submit(t, c, "a")
		p.is(postproof.StageMailed)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			runFor(t, c, 90*time.Minute)
		}()
		time.Sleep(10 * time.Minute)
		if _, err := c.Refresh(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := stageOf(t, c, "a"); got != postproof.StageMailed {
			t.Errorf("a second after it was asked about it is %s", got)
		}
		<-ended
	})
}

// Polls begin when the vendor's callbacks are overdue, are counted by what they
// came to, and find what no callback told.
func TestSilentPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha, beta, r := caller(t, "alpha"), newPress(t, "beta", postproof.IdempotencyKey), newRecorder()
		beta.poll = 1000 * time.Hour
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{alpha, beta}, client.WithMeterProvider(r), rarely())
		submit(t, c, "a", "b", "c")
		c.Breakers().ForceOpen("alpha", "submit", "test")
		submit(t, c, "d") // at beta, which never calls
		c.Breakers().Release("alpha", "submit")
		e := postproof.Event{Vendor: "alpha", VendorID: "alpha_1", Status: postproof.Status{Stage: postproof.StageMailed, Source: postproof.SourceCallback}}
		time.Sleep(100 * time.Hour)
		heard := time.Now()
		if _, err := c.Observe(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		silence := func() []client.Silence {
			t.Helper()
			all, err := c.Silence(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range all {
				all[i].Since, all[i].Heard = all[i].Since.Round(time.Minute), all[i].Heard.Round(time.Minute)
			}
			return all
		}
		want := []client.Silence{{Vendor: "alpha", Expected: 3, Heard: heard.Round(time.Minute)}, {Vendor: "beta"}}
		if diff := cmp.Diff(want, silence()); diff != "" {
			t.Errorf("before anything is overdue (-want +got)\n%s", diff)
		}
		runFor(t, c, 119*time.Hour)
		if n := c.Polls("alpha"); n != (client.PollCounts{}) {
			t.Errorf("polled before it was silent: %+v", n)
		}
		runFor(t, c, 22*time.Hour) // 241 hours after the acceptance
		want[0].Silent, want[0].Since = 3, heard.Add(120*time.Hour).Round(time.Minute)
		if diff := cmp.Diff(want, silence()); diff != "" {
			t.Errorf("with all overdue (-want +got)\n%s", diff)
		}
		if n := c.Polls("alpha"); n.Silent != 3 || n.Missed != 0 || n.Polls != 4 { // one of them twice: at once, and 12 hours later
			t.Errorf("polls of silent pieces: %+v", n)
		}
		alpha.is(postproof.StageInTransit)
		runFor(t, c, 48*time.Hour)
		if n := c.Polls("alpha"); n.Silent != 3 || n.Missed != 3 || n.News != 3 {
			t.Errorf("what no callback told: %+v", n)
		}
		got := map[string]int64{}
		for name, n := range r.sums {
			if strings.HasPrefix(name, "postproof.polls") || strings.HasPrefix(name, "postproof.silent") {
				got[name] = n
			}
		}
		n := c.Polls("alpha")
		wantSums := map[string]int64{
			"postproof.silent mode=test vendor=alpha":                 3,
			"postproof.polls mode=test poll=news vendor=alpha":        3,
			"postproof.polls mode=test poll=nothing_new vendor=alpha": n.Polls - 3,
		}
		if !maps.Equal(wantSums, got) {
			t.Errorf("metrics (-want +got)\n%s", cmp.Diff(wantSums, got))
		}
	})
}

// A poll that our own limit or an open breaker keeps from the vendor says nothing
// of the piece: it is made when they let it, not at the pace of one in vain.
func TestPollsWaitForTheVendor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stop, again func(c *client.Client, p *press)
		rate        postproof.Rate
		slots       int
	}{
		"our own limit": {
			func(*client.Client, *press) {}, func(*client.Client, *press) {}, postproof.Rate{Requests: 1, Per: 20 * time.Second}, 16,
		},
		"breaker": {
			func(c *client.Client, _ *press) { c.Breakers().ForceOpen("alpha", "read", "test") },
			func(c *client.Client, _ *press) { c.Breakers().Release("alpha", "read") },
			postproof.Rate{},
			2,
		},
		"the vendor's limit": {
			func(_ *client.Client, p *press) {
				p.faults(func(op, _ string, n int) string {
					if op == "/get" && n == 1 {
						return "429"
					}
					return ""
				})
			},
			func(*client.Client, *press) {},
			postproof.Rate{},
			2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				p.poll = 6 * time.Hour
				config := vendorConfig(p, nil)
				config.Rate = tc.rate
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithVendor("alpha", config), client.WithConcurrency(tc.slots))
				if _, err := c.Enqueue(t.Context(), jobs(5)); err != nil {
					t.Fatal(err)
				}
				drain(t, c)
				p.is(postproof.StageMailed)
				tc.stop(c, p)
				for i := range 5 { // all at once
					if _, err := c.Refresh(t.Context(), postproof.Key(fmt.Sprint("contact-", i))); err != nil {
						t.Fatal(err)
					}
				}
				runFor(t, c, 10*time.Second)
				if n := c.Polls("alpha"); n.PutOff == 0 || n.News > 1 {
					t.Errorf("while nobody may ask: %+v", n)
				}
				tc.again(c, p)
				runFor(t, c, 3*time.Minute)
				news := 0
				for i := range 5 {
					if stageOf(t, c, fmt.Sprint("contact-", i)) == postproof.StageMailed {
						news++
					}
				}
				if news < 4 { // that which the vendor refused counts as one in vain
					t.Errorf("%d of 5 pieces were asked about in the minutes after: %+v", news, c.Polls("alpha"))
				}
			})
		})
	}
}
