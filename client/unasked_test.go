package client_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// unableHearing is a client that cannot ask alpha, and tells others.
func unableHearing(t *testing.T, store client.Store, p *press, adapter bool, opts ...client.Option) *client.Client {
	t.Helper()
	if adapter {
		key := p.key
		p.key = "another account's"
		defer func() { p.key = key }()
		return newHearing(t, store, []*press{p}, opts...)
	}
	return newHearing(t, store, []*press{newPress(t, "beta", postproof.IdempotencyKey)}, opts...)
}

// everyWay calls f for both ways in which nobody can be asked, with and without hints
// between the workers.
func everyWay(t *testing.T, f func(t *testing.T, able, unable func(client.Store, *press) *client.Client)) {
	t.Helper()
	for name, adapter := range unables() {
		for _, hints := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, hints %t", name, hints), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f(t, func(store client.Store, p *press) *client.Client {
						if hints {
							return newHearing(t, store, []*press{p}, client.WithPollInterval(10*time.Second))
						}
						return newClient(t, store, []*press{p}, client.WithPollInterval(10*time.Second))
					}, func(store client.Store, p *press) *client.Client {
						if hints {
							return unableHearing(t, store, p, adapter, client.WithPollInterval(10*time.Second))
						}
						return unable(t, store, p, adapter, client.WithPollInterval(10*time.Second))
					})
				})
			})
		}
	}
}

func runAll(t *testing.T, d time.Duration, all ...*client.Client) {
	t.Helper()
	var running sync.WaitGroup
	for _, c := range all {
		running.Go(func() { runFor(t, c, d) })
	}
	running.Wait()
}

// Of four workers one can ask how pieces are. It has its turn soon after they are due,
// whoever claims them first, and at its own pace.
func TestPollsAmongWorkersOfWhichOneCan(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, able, unable func(client.Store, *press) *client.Client) {
		t.Helper()
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		home := able(store, p)
		const pieces = 40
		for i := range pieces {
			accept(t, home, fmt.Sprint("a", i))
		}
		all := []*client.Client{unable(store, p), unable(store, p), unable(store, p), home}
		runAll(t, 6*time.Hour+3*time.Hour, all...) // they are polled after six hours
		polled := 0
		for i := range pieces {
			if rec := status(t, home, fmt.Sprint("a", i)); rec.PollAt.After(time.Now()) {
				polled++
			}
		}
		if n := home.Polls("alpha").Polls; n != int64(polled) || polled < pieces*9/10 {
			t.Errorf("three hours after they were due %d of %d are through, %d by who can ask", polled, pieces, n)
		}
		runAll(t, 9*time.Hour, all...)
		if n := home.Polls("alpha").Polls; n < pieces {
			t.Errorf("half a day after they were due %d of %d are through", n, pieces)
		}
		for i := range pieces { // with its claim, some dozen times
			if n := status(t, home, fmt.Sprint("a", i)).Fence; n > 120 {
				t.Errorf("piece %d was changed %d times", i, n)
			}
		}
	})
}

// Who meets such a piece for the first time, long after it was due, leaves it to others,
// too: they were not told by this one yet.
func TestPollMetLateIsLeftToOthers(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, able, unable func(client.Store, *press) *client.Client) {
		t.Helper()
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		home := able(store, p)
		accept(t, home, "a")
		due := status(t, home, "a").PollAt
		time.Sleep(time.Until(due) + time.Hour)
		runFor(t, unable(store, p), time.Minute)
		if rec := status(t, home, "a"); !rec.PollAt.Equal(due) {
			t.Errorf("due at %s, and then at %s, as if the vendor had not answered", due, rec.PollAt)
		}
		runFor(t, home, 2*time.Hour)
		if n := home.Polls("alpha").Polls; n != 1 {
			t.Errorf("who can has asked %d times, want once", n)
		}
	})
}

// Who has heard that another one can ask leaves a piece to it for hours, also when that
// one does not come soon.
func TestPollIsLeftToWhoSaysToBeAble(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				home := newHearing(t, store, []*press{p})
				accept(t, home, "a")
				due := status(t, home, "a").PollAt
				other := unableHearing(t, store, p, adapter)
				time.Sleep(time.Until(due) + time.Minute)
				runFor(t, other, 2*time.Minute) // it tells
				accept(t, home, "b")            // which hears of it, and works nothing else
				time.Sleep(2 * time.Second)
				runFor(t, other, 2*time.Hour)
				if rec := status(t, home, "a"); !rec.PollAt.Equal(due) {
					t.Errorf("due at %s, and then at %s, as if nobody could ask", due, rec.PollAt)
				}
			})
		})
	}
}

// A watch is looked at by whoever can: what arrives late is stopped.
func TestWatchAmongWorkersOfWhichOneCan(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, able, unable func(client.Store, *press) *client.Client) {
		t.Helper()
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		p.tune = func(c *postproof.Capabilities) { c.Cancel.For = 4 * time.Hour }
		c, lost := lostIn(t, store, p)
		if _, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		home := able(store, p)
		all := []*client.Client{unable(store, p), unable(store, p), unable(store, p), home}
		runAll(t, 5*time.Hour+30*time.Minute, all...) // a quarter of an hour before it is looked at
		p.mu.Lock()
		p.orders = append(p.orders, &pressOrder{ID: "ghost", Ref: lost, Zip: "62701", Status: "accepted", At: time.Now()})
		p.mu.Unlock()
		runAll(t, 4*time.Hour, all...)
		if rec := status(t, home, "a"); rec.State != idempotency.Canceled || p.alive() != 1 {
			t.Errorf("%v, %d pieces; want the late one stopped, and the control", rec, p.alive())
		}
	})
}

// A vendor that nobody has an adapter of cannot be watched. That is told while there
// is time, and again when the time is over.
func TestWatchThatNobodyCanKeepIsTold(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store, log := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest), &logs{}
				p.tune = func(c *postproof.Capabilities) { c.Cancel.For = 100 * time.Hour }
				home, lost := lostIn(t, store, p)
				cancelJob(t, home, "a")
				cancelJob(t, home, "control")
				runFor(t, home, 5*time.Minute) // nothing is left to be polled
				c := unableHearing(t, store, p, adapter, seldom(), client.WithLogger(log.logger()))
				before := status(t, c, "a").Fence
				runFor(t, c, 30*time.Hour)
				all, err := onlooker(t, store).Troubles(t.Context())
				if err != nil || len(all) != 1 || all[0].Vendor != "alpha" || all[0].Pieces < 1 {
					t.Errorf("Troubles = %+v, %v", all, err)
				}
				runFor(t, c, 60*time.Hour)
				var told []idempotency.Entry
				for e, err := range c.Incidents(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if e.Kind == "unwatched" {
						told = append(told, e)
					}
				}
				if len(told) != 1 || told[0].Vendor != "alpha" || string(told[0].Ref) != lost || !strings.Contains(told[0].Note, "alpha") {
					t.Errorf("incidents: %+v, want one that says why", told)
				}
				if n := log.count("mail: unwatched"); n != 1 {
					t.Errorf("%d lines in the log", n)
				}
				rec := status(t, c, "a")
				if at, ever := rec.VisibleAt(); ever || rec.Fence-before > 80 {
					t.Errorf("it comes up again at %s, after %d changes", at, rec.Fence-before)
				}
			})
		})
	}
}
