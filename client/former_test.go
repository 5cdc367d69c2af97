package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// becomes makes the press another account's: with the key nothing of what was
// there is there.
func (p *press) becomes(key string) (printed []*pressOrder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	printed = p.orders
	p.orders, p.key = nil, key
	clear(p.keys)
	return printed
}

// A fingerprint in FormerAccounts that is really another account's shows none of its
// pieces, and every control piece of the present one. What is unknown there is held
// and says so: it is neither sent again nor believed to be absent.
func TestFormerAccountThatIsAnother(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyKey, postproof.IdempotencyRef, postproof.IdempotencyNone} {
		for name, pieces := range map[string]int{"pieces of it are known": 12, "the only one": 0} {
			t.Run(string(kind)+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p, store := newPress(t, "alpha", kind), idempotency.NewMemory(postproof.ModeTest)
					old := newClient(t, store, []*press{p})
					p.faults(onOrder("lose"))
					if _, err := old.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
						t.Fatal(err)
					}
					p.faults(nil)
					for i := range pieces {
						accept(t, old, "there"+string(rune('a'+i)))
					}
					third := fingerprint(p)
					p.becomes("new")
					c := newClient(t, store, []*press{p}, rotated(p, third), seldom())
					time.Sleep(time.Minute)
					accept(t, c, "control")
					runFor(t, c, 12*time.Hour)
					rec := status(t, c, "a")
					if p.alive() != 1 || len(rec.Submissions) != 1 {
						t.Fatalf("%v: %d pieces at the present account, want the control piece alone", rec, p.alive())
					}
					if rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldVendorGone {
						t.Fatalf("%v %s, want it held", rec, rec.Hold.Reason)
					}
					for _, want := range []string{third, fingerprint(p), "FormerAccounts"} {
						if !strings.Contains(rec.Hold.Note, want) {
							t.Errorf("the note %q does not say %q", rec.Hold.Note, want)
						}
					}
				})
			})
		}
	}
}

// One piece of the former name that the present credentials find proves that it is
// the same account, also one from before the send; for it a vendor that cannot be
// reached, and one that has forgotten some pieces, are waited for. After that the
// ordinary proof counts.
func TestFormerAccountIsProven(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(t *testing.T, p *press, refs []postproof.Ref) func(op, ref string, n int) string{
		"at once": func(*testing.T, *press, []postproof.Ref) func(op, ref string, n int) string { return nil },
		"after a failure": func(_ *testing.T, _ *press, refs []postproof.Ref) func(op, ref string, n int) string {
			return func(op, ref string, n int) string {
				if op == "/find" && ref == string(refs[0]) && n < 10 {
					return "500"
				}
				return ""
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
				old := newClient(t, store, []*press{p})
				before := accept(t, old, "before").Receipt.Ref
				time.Sleep(time.Hour)
				lostJob(t, old, p)
				former := fingerprint(p)
				p.key = "new"
				p.faults(trouble(t, p, []postproof.Ref{before}))
				c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
				accept(t, c, "control") // under the present key
				runFor(t, c, 12*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 || p.alive() != 3 {
					t.Errorf("%v %q, %d printed; want it sent anew", rec, rec.Hold.Note, p.alive())
				}
			})
		})
	}
}

// Pieces of the former name that the vendor has forgotten say nothing: the next
// ones are asked for, and a job that was held meanwhile goes on when it is released.
func TestFormerAccountWithForgottenPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		var back []func()
		for i := range 20 {
			back = append(back, p.hide(accept(t, old, "forgotten"+string(rune('a'+i))).Receipt.Ref))
		}
		lostJob(t, old, p)
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
		accept(t, c, "control")
		runFor(t, c, 12*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Held || p.alive() != 21 {
			t.Fatalf("%v, %d printed; want it held", rec, p.alive())
		}
		for _, one := range back { // the vendor's list is whole again
			one()
		}
		c = newClient(t, store, []*press{p}, rotated(p, former), seldom())
		if _, err := c.Release(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 12*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 || p.alive() != 22 {
			t.Errorf("%v %q, %d printed; want it sent anew", rec, rec.Hold.Note, p.alive())
		}
	})
}

// A submission keeps its former name when it goes out with the present credentials,
// because the former ones were refused. That it is found with them proves nothing.
func TestPieceOfThePresentAccountProvesNoFormerOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		p.faults(onOrder("lose"))
		if _, err := old.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(onOrder("401"))
		_, _ = newClient(t, store, []*press{p}).Submit(t.Context(), job("refused"))
		p.faults(nil)
		third := fingerprint(p)
		p.becomes("new")
		c := newClient(t, store, []*press{p}, rotated(p, third), seldom())
		runFor(t, c, 12*time.Hour)
		if rec := status(t, c, "refused"); rec.State != idempotency.Accepted || rec.Submissions[0].Account != third || rec.Submissions[0].Also != fingerprint(p) {
			t.Fatalf("%v, %+v", rec, rec.Submissions)
		}
		if rec := status(t, c, "a"); rec.State != idempotency.Held || p.alive() != 1 {
			t.Errorf("%v, %d printed; want it held", rec, p.alive())
		}
	})
}

// Of a name that is really another account's, with many pieces, some are looked up and
// not all.
func TestFormerAccountWithManyPieces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		p.faults(onOrder("lose"))
		if _, err := old.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(nil)
		for i := range 300 {
			accept(t, old, fmt.Sprintf("there-%d", i))
		}
		third := fingerprint(p)
		p.becomes("new")
		c := newClient(t, store, []*press{p}, rotated(p, third), seldom())
		time.Sleep(time.Minute)
		accept(t, c, "control")
		runFor(t, c, 24*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldVendorGone {
			t.Errorf("%v %s, want it held", rec, rec.Hold.Reason)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		asked := 0
		for what := range p.seen {
			if strings.HasPrefix(what, "/find") {
				asked++
			}
		}
		if asked < 20 || asked > 60 {
			t.Errorf("%d of 300 pieces were looked up", asked)
		}
	})
}

// Whoever has the former credentials alone believes no absence of what others sent,
// too: it may be in their account.
func TestAbsenceInOneOfTwoAccounts(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"told of the other": true, "not told": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
				p.faults(onOrder("401"))
				_, _ = newClient(t, store, []*press{p}).Submit(t.Context(), job("a"))
				third := fingerprint(p)
				p.becomes("new")
				p.faults(onOrder("lose"))
				time.Sleep(time.Hour)
				c := newClient(t, store, []*press{p}, rotated(p, third), seldom())
				if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown || p.alive() != 1 {
					t.Fatalf("%v, %d printed", err, p.alive())
				}
				var others []string
				if told {
					others = []string{fingerprint(p)}
				}
				p.faults(nil)
				p.becomes("k")
				old := newClient(t, store, []*press{p}, rotated(p, others...), seldom())
				accept(t, old, "control")
				runFor(t, old, 12*time.Hour)
				if rec := status(t, old, "a"); rec.State != idempotency.Held || p.alive() != 1 {
					t.Errorf("%v, %d pieces at the other account; want it held, and the control piece alone", rec, p.alive())
				}
			})
		})
	}
}

// What is found under a former name proves it, too, and asks for nothing more.
func TestFormerAccountIsProvenByWhatIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		lostJob(t, old, p)
		p.faults(onOrder("lose"))
		if _, err := old.Submit(t.Context(), job("found")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(nil)
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, store, []*press{p}, rotated(p, former), client.WithPollInterval(time.Second))
		accept(t, c, "control")
		runFor(t, c, 20*time.Minute) // before the settle time
		if rec := status(t, c, "found"); rec.State != idempotency.Accepted {
			t.Fatal(rec)
		}
		p.hide(status(t, c, "found").Receipt.Ref)
		runFor(t, c, 6*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 {
			t.Errorf("%v %q; want it sent anew", rec, rec.Hold.Note)
		}
	})
}

// A piece of the former name that is young may not be listed yet: the job is not
// held for its absence.
func TestFormerAccountWithAYoungPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		lostJob(t, old, p)
		time.Sleep(26 * time.Minute)
		back := p.hide(accept(t, old, "young").Receipt.Ref)
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
		accept(t, c, "control")
		runFor(t, c, 20*time.Minute)
		if rec := status(t, c, "a"); rec.State != idempotency.Unknown || rec.Submissions[0].Misses != 0 {
			t.Fatalf("%v %q, %d proofs; want it waited for", rec, rec.Hold.Note, rec.Submissions[0].Misses)
		}
		back()
		runFor(t, c, 12*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 {
			t.Errorf("%v %q; want it sent anew", rec, rec.Hold.Note)
		}
	})
}

// What reaches its deadline before anything was proven says what it waited for.
func TestFormerAccountThatNobodyAnswersFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		lostJob(t, newClient(t, store, []*press{p}), p)
		former := fingerprint(p)
		p.key = "new"
		p.faults(func(op, _ string, _ int) string {
			if op == "/find" {
				return "500"
			}
			return ""
		})
		c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
		runFor(t, c, 8*24*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldDeadline || !strings.Contains(rec.Hold.Note, former) {
			t.Errorf("%v %s %q", rec, rec.Hold.Reason, rec.Hold.Note)
		}
	})
}

// What the vendor asked the account to wait for outlasts a rotation of its key; that
// it refused the former key does not.
func TestRotationKeepsTheWaitOfALimit(t *testing.T) {
	t.Parallel()
	for fault, waits := range map[string]bool{"429": true, "401": false} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				p.faults(onOrder(fault))
				old := newReplica(t, store, p)
				old.hand(t, "old", 1)
				time.Sleep(5 * time.Second)
				old.stop()
				if err := old.Close(); err != nil {
					t.Fatal(err)
				}
				p.faults(nil)
				former := fingerprint(p)
				p.key = "new"
				one := newReplica(t, store, p, rotated(p, former))
				left, why := one.hinted(0)
				if (left > 0) != waits || waits && (left < 40*time.Second || left > time.Minute) {
					t.Errorf("it waits for %s (%s), want what is left of a minute: %t", left, why, waits)
				}
				time.Sleep(2 * time.Minute)
				if left, why := one.hinted(0); left != 0 {
					t.Errorf("after two minutes it still waits for %s (%s)", left, why)
				}
				one.hand(t, "new", 1)
				if p.alive() == 0 {
					t.Error("nothing goes out")
				}
			})
		})
	}
}
