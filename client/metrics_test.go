package client_test

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
)

// What ended a call in vain is counted by its reason, so that an exhausted budget of
// retries is seen.
func TestGiveUpsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, heard := newRecorder(), 0
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.faults(onOrder("500"))
		v := vendorConfig(p, nil)
		v.Retry = retry.Config{MaxAttempts: 2, OnGiveUp: func(context.Context, *postproof.Error, retry.Stop) { heard++ }}
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithMeterProvider(r), client.WithVendor("alpha", v))
		if _, err := c.Submit(t.Context(), job("a")); err == nil {
			t.Fatal("it was accepted")
		}
		if n := r.sums["postproof.give_ups mode=test stop=attempts vendor=alpha"]; n != 1 || heard != 1 {
			t.Errorf("%d counted, the caller's hook heard of %d, want 1 each: %v", n, heard, r.sums)
		}
	})
}

// The package documentation lists each metric: nobody alerts on what is not found.
func TestMetricsAreListed(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("telemetry.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`"postproof\.([a-z_.]+)", `).FindAllStringSubmatch(string(code), -1)
	if len(names) < 15 {
		t.Fatalf("only %d metrics are in the code", len(names))
	}
	for _, name := range names {
		if !regexp.MustCompile(`[\t ]` + regexp.QuoteMeta(name[1]) + `\b`).Match(doc) {
			t.Errorf("%s is not in the package's documentation", name[1])
		}
	}
}

// Two ledgers that one process works on do not show each other's numbers: of a gauge a
// reader keeps one value of each set of attributes, and of a counter the sum.
func TestMetricsOfTwoLedgers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		for _, mode := range []postproof.Mode{postproof.ModeTest, postproof.ModeLive} {
			p := newPress(t, "alpha", postproof.IdempotencyKey)
			p.mode = mode
			c := newClient(t, idempotency.NewMemory(mode), []*press{p}, client.WithMeterProvider(r))
			if mode == postproof.ModeTest {
				accept(t, c, "a")
			}
			p.faults(onOrder("422"))
			_, _ = c.Submit(t.Context(), job("b"))
		}
		if len(r.sums) < 8 {
			t.Errorf("counted are only %v", r.sums)
		}
		for name := range r.sums {
			if !strings.Contains(name, " mode=test") && !strings.Contains(name, " mode=live") {
				t.Errorf("the counter %s is of either ledger", name)
			}
		}
		for _, f := range r.callbacks {
			if err := f(t.Context(), observer{r: r}); err != nil {
				t.Fatal(err)
			}
		}
		for name := range r.gauges {
			if !strings.Contains(name, " mode=test") && !strings.Contains(name, " mode=live") {
				t.Errorf("the gauge %s is of either ledger", name)
			}
		}
		if r.gauges["postproof.queue.depth mode=test state=accepted"] != 1 || r.gauges["postproof.queue.depth mode=live state=accepted"] != 0 {
			t.Errorf("%v", r.gauges)
		}
	})
}

// The counter of polls is of those that were made: what could not be asked, or has to
// wait, is counted elsewhere, as it is by the client.
func TestOnlyPollsThatWereMadeAreCounted(t *testing.T) {
	t.Parallel()
	const polls, unasked = "postproof.polls mode=test ", "postproof.unasked mode=test "
	for name, tc := range map[string]struct {
		// meet works for a while on the pieces of alpha.
		meet func(t *testing.T, store client.Store, p, other *press, r client.Option) *client.Client
		want string // what is counted instead of polls
	}{
		"another account": {want: unasked + "unasked=other_account vendor=alpha", meet: func(t *testing.T, store client.Store, p, _ *press, r client.Option) *client.Client {
			t.Helper()
			p.key = "new"
			return newClient(t, store, []*press{p}, r, seldom())
		}},
		"no adapter": {want: unasked + "unasked=no_adapter vendor=alpha", meet: func(t *testing.T, store client.Store, _, other *press, r client.Option) *client.Client {
			t.Helper()
			return newClient(t, store, []*press{other}, r, seldom())
		}},
		"a breaker": {want: "postproof.polls.put_off mode=test vendor=alpha", meet: func(t *testing.T, store client.Store, p, _ *press, r client.Option) *client.Client {
			t.Helper()
			c := newClient(t, store, []*press{p}, r, seldom())
			c.Breakers().ForceOpen("alpha", "read", "test")
			return c
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, other, r, store := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey), newRecorder(), idempotency.NewMemory(postproof.ModeTest)
				accept(t, newClient(t, store, []*press{p}), "a")
				c := tc.meet(t, store, p, other, client.WithMeterProvider(r))
				runFor(t, c, 30*time.Hour)
				made := int64(0)
				for name, n := range r.sums {
					if strings.HasPrefix(name, polls) {
						made += n
					}
				}
				if asked := p.seen["/get"]; made != 0 || asked != 0 || c.Polls("alpha").Polls != 0 || r.sums[tc.want] == 0 {
					t.Errorf("%d polls are counted, %d were made: %v", made, asked, r.sums)
				}
				if n := c.Polls("alpha"); name != "no adapter" && r.sums[tc.want] != n.OtherAccount+n.PutOff {
					t.Errorf("%+v, want as in %v", n, r.sums)
				}
			})
		})
	}
}

// While workers stand still the age of the oldest job rises; what they leave alone does
// not count, and whoever only looks on sees the same.
func TestAgeOfTheOldestJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r, store := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder(), idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithMeterProvider(r), client.WithCanary("summer", 1))
		looking := newRecorder()
		onlooker(t, store, client.WithMeterProvider(looking))
		age := func(what string, want time.Duration) {
			t.Helper()
			for _, r := range []*recorder{r, looking} {
				for _, f := range r.callbacks {
					if err := f(t.Context(), observer{r: r}); err != nil {
						t.Fatal(err)
					}
				}
			}
			here, there := r.gauges["postproof.queue.age mode=test"], looking.gauges["postproof.queue.age mode=test"]
			if here != int64(want.Seconds()) || there != here {
				t.Errorf("%s: %d s, and %d s for who looks on, want %s", what, here, there, want)
			}
		}
		age("nothing is there", 0)
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil { // of spring
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		age("nobody works", 10*time.Minute)
		other := onlooker(t, store) // the clients that are looked at are not told
		pause(t, other, client.CampaignTarget("spring"))
		age("it is paused", 0)
		resume(t, other, client.CampaignTarget("spring"))
		age("it goes on", 10*time.Minute)
		drain(t, c)
		age("it was sent", 0)
		first, second := job("first"), job("second")
		first.Campaign, second.Campaign = "summer", "summer"
		if _, err := c.Enqueue(t.Context(), client.JobList(first)); err != nil {
			t.Fatal(err)
		}
		drain(t, c) // it is the canary
		if _, err := c.Enqueue(t.Context(), client.JobList(second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		for _, f := range r.callbacks {
			if err := f(t.Context(), observer{r: r}); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.gauges["postproof.queue.age mode=test"]; n != 0 {
			t.Errorf("%d s while it waits for approval", n)
		}
	})
}
