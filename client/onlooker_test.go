package client_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// onlooker makes a client without vendors.
func onlooker(t *testing.T, store client.Store, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), store, nil, append([]client.Option{client.WithoutVendors(), client.WithLogger(quiet())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestWithoutVendorsTakesNoAdapters(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := idempotency.NewMemory(postproof.ModeTest)
	if _, err := client.New(t.Context(), store, adaptersOf(p), client.WithoutVendors()); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
		t.Errorf("with an adapter: %v", err)
	}
	if _, err := client.New(t.Context(), store, nil); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
		t.Errorf("with neither: %v", err)
	}
	onlooker(t, store, client.WithVendor("alpha", client.VendorConfig{})) // the options of the workers
}

// Nothing is sent, asked or begun by a client that knows no vendor; it says so
// before it touches the ledger.
func TestWithoutVendorsNothingIsSent(t *testing.T) {
	t.Parallel()
	store := newShaky()
	c := onlooker(t, store)
	store.before = func(changes []idempotency.Change) error { t.Errorf("the ledger was changed: %+v", changes); return nil }
	one := func(yield func(postproof.Job, error) bool) { yield(job("a"), nil) }
	for op, do := range map[string]func(context.Context) error{
		"submit": func(ctx context.Context) error { _, err := c.Submit(ctx, job("a")); return err },
		"enqueue": func(ctx context.Context) error {
			_, err := c.Enqueue(ctx, iter.Seq2[postproof.Job, error](one))
			return err
		},
		"amend": func(ctx context.Context) error { _, err := c.Amend(ctx, job("a"), client.Actor{By: "ann"}); return err },
		"run":   c.Run,
		"drain": func(ctx context.Context) error { _, err := c.Drain(ctx); return err },
		"recover": func(ctx context.Context) error {
			_, err := c.Recover(ctx, client.Actor{By: "ann"}, client.RecoverOptions{})
			return err
		},
		"refresh": func(ctx context.Context) error { _, err := c.Refresh(ctx, "a"); return err },
		"silence": func(ctx context.Context) error { _, err := c.Silence(ctx); return err },
		"audit":   func(ctx context.Context) error { _, err := c.Audit(ctx, "alpha", time.Time{}); return err },
		"control": func(ctx context.Context) error {
			_, err := c.SendControl(ctx, "alpha", job("a"), client.Actor{By: "ann"})
			return err
		},
		"import": func(ctx context.Context) error {
			_, err := c.ImportUndeliverable(ctx, "alpha", time.Time{})
			return err
		},
		"intake":  func(context.Context) error { _, err := c.Intake(); return err },
		"observe": func(ctx context.Context) error { _, err := c.Observe(ctx, postproof.Event{}); return err },
		"drop":    func(ctx context.Context) error { return c.DropSpooled(ctx, "R", client.Actor{By: "ann", Why: "why"}) },
		"plan replay": func(ctx context.Context) error {
			_, err := c.PlanReplay(ctx, client.Replay{Name: "night", Query: &client.ReplayQuery{Campaign: "spring"}})
			return err
		},
		"replay items": func(ctx context.Context) (err error) {
			for _, err = range c.ReplayItems(ctx, client.Replay{Name: "night", Query: &client.ReplayQuery{Campaign: "spring"}}) {
				break
			}
			return err
		},
		"run replay": func(ctx context.Context) error {
			_, err := c.RunReplay(ctx, client.ReplayPlan{}, client.Actor{By: "ann"}, client.ReplayOptions{})
			return err
		},
		"remail": func(ctx context.Context) error {
			_, err := c.Remail(ctx, "a", client.Remail{Name: "torn"}, client.Actor{By: "ann", Why: "why"})
			return err
		},
		"erase": func(ctx context.Context) error {
			_, err := c.Erase(ctx, client.Erasure{Keys: []postproof.Key{"a"}}, client.Actor{By: "ann", Why: "why"})
			return err
		},
		"enqueueTx": func(ctx context.Context) error {
			_, err := c.EnqueueTx(ctx, store, iter.Seq2[postproof.Job, error](one))
			return err
		},
	} {
		if err := do(t.Context()); postproof.CodeOf(err) != postproof.CodeUnsupported || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("%s: %v, want unsupported and not sent", op, err)
		}
	}
}

// What a person decides where no vendor is known is watched like what is decided
// where it is: a piece that turns up after all is found and stopped.
func TestDecidedWithoutVendorsIsWatchedAllTheSame(t *testing.T) {
	t.Parallel()
	for _, verdict := range []idempotency.Verdict{idempotency.VerdictCanceled, idempotency.VerdictPlanned} {
		t.Run(string(verdict), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, other := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyKey)
				p.tune = func(c *postproof.Capabilities) { c.Cancel.For = 72 * time.Hour }
				lost := false
				p.faults(func(op, _ string, _ int) string {
					switch {
					case op == "/order" && !lost:
						lost = true
						return "lose"
					case op == "/find":
						return "500"
					}
					return ""
				})
				store := idempotency.NewMemory(postproof.ModeTest)
				worker := newClient(t, store, []*press{p, other}, client.WithDeadlines(idempotency.Deadlines{UnknownFor: time.Hour}), client.WithPollInterval(10*time.Second))
				if _, err := worker.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				drain(t, worker) // it cannot be looked up: held at its deadline
				if rec := status(t, worker, "a"); rec.State != idempotency.Held || len(rec.Live()) != 1 {
					t.Fatalf("%v, want held with a submission in doubt", rec)
				}
				if _, err := onlooker(t, store).Decide(t.Context(), "a", client.Decision{Verdict: verdict}, client.Actor{By: "ann", Why: "the vendor says no"}); err != nil {
					t.Fatal(err)
				}
				p.faults(nil)
				runFor(t, worker, 24*time.Hour)
				want := map[idempotency.Verdict]int{idempotency.VerdictCanceled: 0, idempotency.VerdictPlanned: 1}[verdict]
				if got := p.alive() + other.alive(); got != want {
					t.Errorf("%d pieces are alive, want %d: the late arrival was not found", got, want)
				}
			})
		})
	}
}

// A look at the spool takes nothing over: the answer is for whoever works.
func TestWithoutVendorsTheSpoolIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := newShaky()
	worker := newClient(t, store, []*press{p}, client.WithSpool(dir))
	n := 0
	store.before = func([]idempotency.Change) error {
		if n++; n > 1 {
			return errStore
		}
		return nil
	}
	if _, err := worker.Submit(t.Context(), job("a")); err == nil {
		t.Fatal("the ledger took the answer")
	}
	names := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "*-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before := names()
	store.before = nil
	if got := onlooker(t, store, client.WithSpool(dir)).Spooled(); len(got) != 1 || got[0].Vendor != "alpha" {
		t.Errorf("spooled: %+v, want the one answer", got)
	}
	if after := names(); len(before) != 2 || !slices.Equal(before, after) {
		t.Errorf("the spool was %v and is %v", before, after)
	}
	missing := filepath.Join(dir, "none")
	onlooker(t, store, client.WithSpool(missing))
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking made a folder: %v", err)
	}
}

// What the replicas tell each other can be read by one that knows no vendor.
func TestTroublesAreReadWithoutVendors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.faults(func(string, string, int) string { return "401" })
		store := idempotency.NewMemory(postproof.ModeTest)
		one := newReplica(t, store, p, client.WithOwner("worker-1"))
		one.hand(t, "a", 1)
		time.Sleep(10 * time.Second)
		looking := onlooker(t, store)
		all, err := looking.Troubles(t.Context())
		if err != nil || len(all) != 1 || all[0].Vendor != "alpha" || all[0].Group != "submit" || all[0].Reason != "account" ||
			all[0].By != "worker-1" || !all[0].Until.After(time.Now()) {
			t.Fatalf("Troubles = %+v, %v; want alpha's refusal of the account", all, err)
		}
		one.stop()
		time.Sleep(24 * time.Hour)
		if all, err = looking.Troubles(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("a day later: %+v, %v", all, err)
		}
	})
}
