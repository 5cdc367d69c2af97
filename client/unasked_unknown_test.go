package client_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// unknownAt submits jobs whose answers get lost, by a client of the press alone.
func unknownAt(t *testing.T, store client.Store, p *press, n int) {
	t.Helper()
	p.faults(onOrder("lose"))
	defer p.faults(nil)
	c := newClient(t, store, []*press{p}, client.WithBreaker(breaker.Config{DryRun: true}))
	for i := range n {
		if _, err := c.Submit(t.Context(), job(fmt.Sprint("u", i))); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
	}
}

// An outcome that is unknown at a vendor which this worker cannot ask is left to the one
// that can, whichever of them claims it first, whether it is to be looked up or sent
// again, and also where it is to be canceled: it is not held.
func TestUnknownAmongWorkersOfWhichOneCan(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyKey, postproof.IdempotencyNone} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			everyWay(t, func(t *testing.T, able, unable func(client.Store, *press) *client.Client) {
				t.Helper()
				p, store := newPress(t, "alpha", kind), idempotency.NewMemory(postproof.ModeTest)
				const jobs = 12
				unknownAt(t, store, p, jobs)
				first, second := unable(store, p), unable(store, p)
				runAll(t, 2*time.Minute, first, second) // they are there first
				for i := range jobs {
					if rec := status(t, first, fmt.Sprint("u", i)); rec.State != idempotency.Unknown {
						t.Fatalf("job %d is %v %q, want it left to others", i, rec, rec.Hold.Note)
					}
				}
				home := able(store, p)
				cancelJob(t, first, "u0")
				runAll(t, 20*time.Minute, first, second, home)
				for i := 1; i < jobs; i++ {
					if rec := status(t, home, fmt.Sprint("u", i)); rec.State != idempotency.Accepted {
						t.Errorf("job %d: %v, held for %q", i, rec, rec.Hold.Note)
					}
				}
				if rec := status(t, home, "u0"); rec.State != idempotency.Canceled || p.alive() != jobs-1 {
					t.Errorf("the one to be canceled: %v; %d pieces", rec, p.alive())
				}
			})
		})
	}
}

// Where nobody comes such a job is held when it was left for as long as a job waits for
// a vendor, and the note says what is missing. Meanwhile it is a trouble that a person can
// list, and costs little.
func TestUnknownThatNobodyCanAskAbout(t *testing.T) {
	t.Parallel()
	for _, pieces := range []int{1, 2} { // a lone one is met by whoever works on it, others as they are dealt out
		everyWay(t, func(t *testing.T, _, unable func(client.Store, *press) *client.Client) {
			t.Helper()
			p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
			unknownAt(t, store, p, pieces)
			c := unable(store, p)
			before := status(t, c, "u0").Fence
			runFor(t, c, 14*time.Minute)
			rec := status(t, c, "u0")
			if rec.State != idempotency.Unknown {
				t.Fatalf("after 14 minutes: %v %q", rec, rec.Hold.Note)
			}
			if n := strings.Count(strings.Join(kinds(t, c, "u0"), " "), "postponed"); n != 1 {
				t.Errorf("the history says %d times that it was left to others, want once", n)
			}
			met := int64(0)
			for _, v := range c.UnconfiguredVendors() {
				met += v.Pieces
			}
			for _, v := range c.Vendors() {
				for _, a := range v.OtherAccounts {
					met += a.Pieces
				}
			}
			if met != int64(pieces) {
				t.Errorf("%d pieces are told of, want %d", met, pieces)
			}
			runFor(t, c, 3*time.Minute)
			rec = status(t, c, "u0")
			if rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldVendorGone || !strings.Contains(rec.Hold.Note, "alpha") {
				t.Errorf("after 17 minutes: %v %s %q, want it held", rec, rec.Hold.Reason, rec.Hold.Note)
			}
			if n := rec.Fence - before; n > 160 { // with its claims
				t.Errorf("%d changes in a quarter of an hour", n)
			}
		})
	}
}

// While another client says that it can ask, such a job is left to it up to the job's
// deadline, which ends it in held with the reason.
func TestUnknownIsLeftToWhoSaysToBeAble(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				unknownAt(t, store, p, 1)
				home := newHearing(t, store, []*press{p})
				c := unableHearing(t, store, p, adapter, seldom())
				runFor(t, c, 2*time.Minute)
				accept(t, home, "b") // it hears of the trouble, and works nothing else
				runFor(t, c, 5*time.Hour)
				if rec := status(t, c, "u0"); rec.State != idempotency.Unknown {
					t.Fatalf("after five hours: %v %s", rec, rec.Hold.Reason)
				}
				all, err := onlooker(t, store).Troubles(t.Context())
				if err != nil || len(all) != 0 {
					t.Errorf("while somebody can ask: %+v, %v", all, err)
				}
			})
		})
	}
}

// The deadline of an unknown outcome ends also what is left to others.
func TestUnknownThatIsLeftToOthersHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		unknownAt(t, store, p, 1)
		c := unable(t, store, p, false, seldom(), client.WithRerouteAfter(30*24*time.Hour))
		runFor(t, c, 7*24*time.Hour+2*time.Minute)
		rec := status(t, c, "u0")
		if rec.Fence > 2000 { // with its claims
			t.Errorf("%d changes in a week", rec.Fence)
		}
		if rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldDeadline || !strings.Contains(rec.Hold.Note, "no adapter of alpha") {
			t.Errorf("%v %s %q", rec, rec.Hold.Reason, rec.Hold.Note)
		}
	})
}

// A flood of such jobs is put off many in one change, does not come back at once, and a
// new job does not stand behind it.
func TestUnknownThatOthersAskAboutDelaysNothing(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
				const flood = 600
				unknownAt(t, store, p, flood)
				time.Sleep(time.Hour)
				var commits, records atomic.Int64
				store.before = func(all []idempotency.Change) error {
					commits.Add(1)
					records.Add(int64(len(all)))
					for i := range all {
						if all[i].Record != nil && all[i].Epoch == "" {
							t.Error("a job is given back in whatever history the ledger has by then")
						}
					}
					return nil
				}
				b := newPress(t, "beta", postproof.IdempotencyKey)
				presses := []*press{b}
				if adapter {
					p.key = "another account's"
					presses = append(presses, p)
				}
				c := newClient(t, store, presses, client.WithConcurrency(4))
				if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
					t.Fatal(err)
				}
				runFor(t, c, 10*time.Second)
				if rec := status(t, c, "contact-0"); rec.State != idempotency.Accepted {
					t.Errorf("the new job is %s", rec.State)
				}
				if n := commits.Load(); n > flood/10 {
					t.Errorf("%d commits for %d jobs", n, flood)
				}
				runFor(t, c, 5*time.Minute)
				if n := records.Load(); n > 30*flood {
					t.Errorf("%d changes of %d jobs in five minutes", n, flood)
				}
				if rec := status(t, c, "u0"); rec.State != idempotency.Unknown {
					t.Errorf("%v %q", rec, rec.Hold.Note)
				}
			})
		})
	}
}

// Of two vendors that may have a job this worker can ask one: it does, and leaves only
// the rest to others.
func TestUnknownOfWhichAPartCanBeAsked(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b, s := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone), newShaky()
				both := newClient(t, s, []*press{a, b})
				restored := backup(t, s.Memory) // of before the job
				accept(t, both, "a")
				restore(restored)
				recovering := newClient(t, restored, []*press{b, a})
				if _, err := recovering.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
					t.Fatal(err)
				}
				if _, err := recovering.Enqueue(t.Context(), client.JobList(job("a"))); err != nil { // in doubt at both
					t.Fatal(err)
				}
				presses := []*press{a}
				if adapter {
					b.key = "another account's"
					presses = append(presses, b)
				}
				c := newClient(t, restored, presses, seldom())
				runFor(t, c, 10*time.Minute)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.Vendor != "alpha" {
					t.Errorf("%v %q, want what alpha has found there", rec, rec.Hold.Note)
				}
			})
		})
	}
}
