package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// behind is a ledger as a replica sees it that is behind: it hears of no pause
// before one of its own changes is refused.
type behind struct {
	*idempotency.Memory
	refused atomic.Int64
}

func (b *behind) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	if name == "pauses" && b.refused.Load() == 0 {
		return idempotency.Setting{}, nil
	}
	return b.Memory.Setting(ctx, name)
}

func (b *behind) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	errs, err := b.Memory.Commit(ctx, changes)
	for _, e := range errs {
		if errors.Is(e, idempotency.ErrStale) {
			b.refused.Add(1)
		}
	}
	return errs, err
}

func pause(t *testing.T, c *client.Client, target client.Target) client.ChangeEntry {
	t.Helper()
	e, err := c.Pause(t.Context(), target, client.Actor{By: "ann", Why: "wrong artwork"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func resume(t *testing.T, c *client.Client, target client.Target) {
	t.Helper()
	if _, err := c.Resume(t.Context(), target, client.Actor{By: "bob", Why: "mended"}); err != nil {
		t.Fatal(err)
	}
}

// targets are pauses that keep a job of campaign spring and priority 0 from alpha,
// the only vendor.
func targets() map[string]client.Target {
	return map[string]client.Target{
		"campaign": client.CampaignTarget("spring"), "vendor": client.VendorTarget("alpha"), "priority": client.BelowPriorityTarget(1),
	}
}

// these are the jobs.
func these(all ...postproof.Job) iter.Seq2[postproof.Job, error] { return client.JobList(all...) }

// arrived counts the submissions that arrived at a press.
func (p *press) arrived() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.times)
}

// Once Pause has returned nobody commits another intent, however old what he knows
// of pauses is.
func TestPauseStopsTheFirstSendOfAStaleReplica(t *testing.T) {
	t.Parallel()
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				store := idempotency.NewMemory(postproof.ModeTest)
				late := &behind{Memory: store}
				one, two := newClient(t, store, []*press{p}), newClient(t, late, []*press{p})
				pause(t, one, target)
				rec, err := two.Submit(t.Context(), job("a"))
				e, ok := errors.AsType[*client.PausedError](err)
				if !ok || postproof.CodeOf(err) != postproof.CodeUnavailable || postproof.DeliveryOf(err) != postproof.NotSent {
					t.Fatalf("Submit of a paused job: %v", err)
				}
				want := client.Paused{Target: target, By: "ann", Why: "wrong artwork", Since: time.Now().UTC()}
				if diff := cmp.Diff(want, e.Paused); diff != "" {
					t.Errorf("the error's pause (-want +got):\n%s", diff)
				}
				if text := err.Error(); !strings.Contains(text, "paused by ann") || !strings.Contains(text, target.String()) || !strings.Contains(text, "2000-01-01") {
					t.Errorf("the error does not say who paused what, and when: %s", text)
				}
				if late.refused.Load() != 1 {
					t.Errorf("%d changes were refused: the client is to find out by one", late.refused.Load())
				}
				if rec == nil || rec.State != idempotency.Planned || p.arrived() != 0 {
					t.Fatalf("%v; %d submissions arrived", rec, p.arrived())
				}
				if _, err := two.Submit(t.Context(), job("a")); !errors.As(err, new(*client.PausedError)) {
					t.Errorf("submitted again: %v", err)
				}
				resume(t, one, target)
				drain(t, one)
				if got := status(t, one, "a").State; got != idempotency.Accepted || p.alive() != 1 {
					t.Errorf("after the pause the job is %s; %d printed", got, p.alive())
				}
			})
		})
	}
}

// A worker that is behind is stopped in the midst of its work, and goes on with
// what is not paused.
func TestPauseStopsAStaleWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.faults(func(op, _ string, _ int) string {
			if op == "/order" {
				time.Sleep(time.Second)
			}
			return ""
		})
		store := idempotency.NewMemory(postproof.ModeTest)
		one, two := newClient(t, store, []*press{p}), newClient(t, &behind{Memory: store}, []*press{p}, client.WithConcurrency(4))
		if _, err := one.Enqueue(t.Context(), jobs(100)); err != nil {
			t.Fatal(err)
		}
		other := job("other")
		other.Campaign, other.Priority = "autumn", -1 // comes last
		if _, err := one.Enqueue(t.Context(), these(other)); err != nil {
			t.Fatal(err)
		}
		var at time.Time
		var both sync.WaitGroup
		both.Go(func() {
			time.Sleep(5500 * time.Millisecond)
			pause(t, one, client.CampaignTarget("spring"))
			at = time.Now()
		})
		runFor(t, two, time.Minute)
		both.Wait()
		n := 0
		for e, err := range store.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"intent"}}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.At.After(at) && e.ID != idempotency.IDOf("other") {
				t.Errorf("an intent %s after Pause had returned", e.At.Sub(at))
			}
			n++
		}
		left, err := one.Depth(t.Context(), "spring")
		if err != nil || left[idempotency.Sending] != 0 || left[idempotency.Planned] == 0 || int(left[idempotency.Accepted]) != p.alive()-1 {
			t.Errorf("left %v of %d printed, %v: what was under way is to finish", left, p.alive(), err)
		}
		if got := status(t, one, "other").State; got != idempotency.Accepted {
			t.Errorf("what was not paused is %s after %d intents", got, n)
		}
	})
}

// The outcome of a send is unknown when the pause comes: it is looked up, and
// never sent again.
func TestPauseStopsTheResendOfAStaleReplica(t *testing.T) {
	t.Parallel()
	for name, target := range targets() {
		for _, look := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, look-ups: %t", name, look), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := newPress(t, "alpha", postproof.IdempotencyKey)
					p.look = look
					lost := ""
					p.faults(func(op, ref string, _ int) string {
						if op == "/order" && (lost == "" || lost == ref) {
							lost = ref
							return "lose"
						}
						return ""
					})
					store := idempotency.NewMemory(postproof.ModeTest)
					one, two := newClient(t, store, []*press{p}), newClient(t, &behind{Memory: store}, []*press{p})
					if _, err := two.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
						t.Fatal(err)
					}
					sent := p.arrived()
					pause(t, one, target)
					p.faults(func(string, string, int) string { return "" })
					runFor(t, two, 3*time.Hour)
					if n := p.arrived() - sent; n != 0 {
						t.Fatalf("%d resends while it was paused", n)
					}
					rec := status(t, two, "a")
					if look {
						if rec.State != idempotency.Accepted {
							t.Fatalf("the look-up leaves %v", rec)
						}
						return
					}
					if rec.State != idempotency.Unknown {
						t.Fatalf("what cannot be looked up is %v", rec)
					}
					if left := drainSoon(t, one); left[idempotency.Unknown] != 1 {
						t.Errorf("Drain left %v", left)
					}
					if n := rec.Fence; n > 200 {
						t.Errorf("the job was written %d times while it waited", n)
					}
					resume(t, one, target)
					at := time.Now()
					drain(t, one)
					if got := status(t, one, "a").State; got != idempotency.Accepted || p.alive() != 1 || time.Since(at) > time.Second {
						t.Errorf("%s after the pause it is %s; %d printed", time.Since(at), got, p.alive())
					}
				})
			})
		}
	}
}

// A vendor refuses while the pause comes: the job does not go to the next one.
func TestPauseStopsTheNextVendor(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]client.Target{"campaign": client.CampaignTarget("spring"), "next vendor": client.VendorTarget("beta")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				alpha, beta := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
				alpha.faults(func(op, _ string, _ int) string {
					time.Sleep(10 * time.Second)
					return "422"
				})
				store := idempotency.NewMemory(postproof.ModeTest)
				one := newClient(t, store, []*press{alpha, beta})
				two := newClient(t, &behind{Memory: store}, []*press{alpha, beta})
				var both sync.WaitGroup
				both.Go(func() {
					time.Sleep(5 * time.Second)
					pause(t, one, target)
				})
				_, err := two.Submit(t.Context(), job("a"))
				both.Wait()
				if !errors.As(err, new(*client.PausedError)) || beta.arrived() != 0 {
					t.Fatalf("%v; %d arrived at the next vendor", err, beta.arrived())
				}
				if rec := status(t, one, "a"); rec.State != idempotency.Planned {
					t.Fatal(rec)
				}
				resume(t, one, target)
				drain(t, one)
				if rec := status(t, one, "a"); rec.State != idempotency.Accepted || rec.Receipt.Vendor != "beta" {
					t.Errorf("after the pause: %v at %s", rec, rec.Receipt.Vendor)
				}
			})
		})
	}
}
