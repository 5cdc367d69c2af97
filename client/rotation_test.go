package client_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// rotated is a press after its key was exchanged, with what a client is told of
// the account's former name.
func rotated(p *press, former ...string) client.Option {
	cfg := vendorConfig(p, nil)
	cfg.FormerAccounts = former
	return client.WithVendor(p.name, cfg)
}

func fingerprint(p *press) string { return p.adapter().Account().Fingerprint }

// While an outcome was unknown the key was rotated, and the account told by its
// former name: the piece is settled there, as the submission that it was.
func TestRotationWhileUnknown(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyKey, postproof.IdempotencyRef, postproof.IdempotencyNone} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", kind), idempotency.NewMemory(postproof.ModeTest)
				p.faults(onOrder("lose"))
				if _, err := newClient(t, store, []*press{p}).Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				p.faults(nil)
				former := fingerprint(p)
				p.key = "new"
				c := newClient(t, store, []*press{p}, rotated(p, former))
				before := status(t, c, "a").Submissions[0]
				drain(t, c)
				rec := status(t, c, "a")
				if rec.State != idempotency.Accepted || p.alive() != 1 || len(rec.Submissions) != 1 {
					t.Fatalf("%v %q, printed %d, %d submissions", rec, rec.Hold.Note, p.alive(), len(rec.Submissions))
				}
				after := rec.Submissions[0]
				if after.Account != former || after.VendorKey != before.VendorKey || after.Digest != before.Digest || !after.FirstAt.Equal(before.FirstAt) {
					t.Errorf("the submission became another one: %+v, was %+v", after, before)
				}
				if kind == postproof.IdempotencyKey && len(p.keys) != 1 {
					t.Errorf("%d vendor keys were used, want that of the first send alone", len(p.keys))
				}
			})
		})
	}
}

// A vendor may know its keys by the credentials that they came with. What was sent
// under the former ones is asked for, not sent again; where nobody can be asked, a
// person is.
func TestRotationDoesNotTrustAKeyOfOtherCredentials(t *testing.T) {
	t.Parallel()
	for _, look := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
			p.look = look
			p.faults(onOrder("lose"))
			if _, err := newClient(t, store, []*press{p}).Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
				t.Fatal(err)
			}
			p.faults(nil)
			former := fingerprint(p)
			p.mu.Lock()
			p.key = "new"
			clear(p.keys) // none came with the new credentials
			p.mu.Unlock()
			drain(t, newClient(t, store, []*press{p}, rotated(p, former)))
			rec := status(t, newClient(t, store, []*press{p}, rotated(p, former)), "a")
			switch {
			case p.alive() != 1:
				t.Errorf("look-up %t: %d pieces were printed", look, p.alive())
			case look && rec.State != idempotency.Accepted:
				t.Errorf("%v %q, want it found", rec, rec.Hold.Note)
			case !look && (rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldCannotBuild || !strings.Contains(rec.Hold.Note, former)):
				t.Errorf("%v %q, want it held with the former account", rec, rec.Hold.Note)
			}
		})
	}
}

// A refusal for the moment came under the former key: under the new one the piece
// goes with the vendor key and the window that it had, where the vendor knows it by its
// reference.
func TestRotationKeepsTheVendorKeyOfARefusedSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyRef), idempotency.NewMemory(postproof.ModeTest)
		keys := map[string]bool{} // an adapter may make its reference of the key
		p.encode = func(s *vendors.Submission) error { keys[s.VendorKey] = true; return nil }
		p.faults(onOrder("401"))
		_, _ = newClient(t, store, []*press{p}).Submit(t.Context(), job("a"))
		p.faults(nil)
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, store, []*press{p}, rotated(p, former))
		before := status(t, c, "a")
		if before.State != idempotency.Planned || len(before.Submissions) != 1 || before.Submissions[0].Join != postproof.Refused {
			t.Fatalf("%v, %+v", before, before.Submissions)
		}
		runFor(t, c, 2*time.Hour)
		rec := status(t, c, "a")
		if s := rec.Submissions[0]; rec.State != idempotency.Accepted || len(rec.Submissions) != 1 || s.Account != former ||
			len(keys) != 1 || !s.FirstAt.Equal(before.Submissions[0].FirstAt) {
			t.Errorf("%v, %+v, was %+v; %d keys", rec, rec.Submissions, before.Submissions, len(keys))
		}
	})
}

// Nothing is proven absent by the name of an account: control pieces of the former
// name count, too.
func TestRotationProvesAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		lostJob(t, old, p)
		accept(t, old, "b") // after it, under the former key
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
		runFor(t, c, 4*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 || p.alive() != 2 {
			t.Errorf("%v, %d printed; want it sent anew", rec, p.alive())
		}
	})
}

// Accepted pieces of a former name are polled, canceled and heard of.
func TestRotationWhileAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		accept(t, old, "a")
		accept(t, old, "b")
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
		if _, err := c.Cancel(t.Context(), "b", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.orders[0].Status = string(postproof.StageMailed)
		p.mu.Unlock()
		runFor(t, c, 30*time.Hour)
		if rec := status(t, c, "a"); rec.Status.Stage != postproof.StageMailed {
			t.Errorf("a: %v, stage %s; want the poll's", rec, rec.Status.Stage)
		}
		if rec := status(t, c, "b"); rec.State != idempotency.Canceled || p.alive() != 1 {
			t.Errorf("b: %v, %d alive", rec, p.alive())
		}
		if v := c.Vendors()[0]; len(v.OtherAccounts) != 0 || c.Polls("alpha").OtherAccount != 0 {
			t.Errorf("%+v", v.OtherAccounts)
		}
	})
}

// A ledger from a backup is recovered with a key that was rotated since.
func TestRotationAcrossARecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, live := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, live, []*press{p})
		p.faults(onOrder("lose"))
		_, _ = old.Submit(t.Context(), job("a"))
		p.faults(nil)
		s := backup(t, live)
		drain(t, old)
		accept(t, old, "later")
		restore(s)
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, s, []*press{p}, rotated(p, former), seldom())
		if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 4*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 2 {
			t.Errorf("%v %q, %d printed", rec, rec.Hold.Note, p.alive())
		}
	})
}

// Who is not told of the former name holds the job with what to do about it, and
// goes on when it is told.
func TestRotationThatNobodyTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		p.faults(onOrder("lose"))
		_, _ = newClient(t, store, []*press{p}).Submit(t.Context(), job("a"))
		p.faults(nil)
		former := fingerprint(p)
		p.key = "new"
		c := newClient(t, store, []*press{p})
		drain(t, c)
		rec := status(t, c, "a")
		if rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldVendorGone {
			t.Fatal(rec)
		}
		for _, want := range []string{former, fingerprint(p), "FormerAccounts"} {
			if !strings.Contains(rec.Hold.Note, want) {
				t.Errorf("the note %q does not say %q", rec.Hold.Note, want)
			}
		}
		told := newClient(t, store, []*press{p}, rotated(p, former))
		if _, err := told.Release(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		drain(t, told)
		if rec := status(t, told, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
			t.Errorf("%v, %d printed", rec, p.alive())
		}
	})
}

// Accepted pieces that nobody can ask for are told of: in the log once, in the
// vendor's state, in the ledger for whoever looks; and they end with a reason. A
// client that knows the account takes it back.
func TestPiecesOfAnotherAccountAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		short := client.WithDeadlines(idempotency.Deadlines{TrackFor: 5 * 24 * time.Hour})
		old := newClient(t, store, []*press{p}, short)
		for _, key := range []string{"a", "b", "c"} {
			accept(t, old, key)
		}
		former := fingerprint(p)
		p.key = "new"
		var lines logs
		c := newHearing(t, store, []*press{p}, client.WithLogger(lines.logger()), client.WithOwner("worker-1"), short, seldom())
		accept(t, c, "new")
		runFor(t, c, 30*time.Hour)
		if n := lines.count("pieces are of another account"); n != 1 || !strings.Contains(lines.text(), `"pieces":3`) || !strings.Contains(lines.text(), former) {
			t.Errorf("%d lines of the log, want one with 3 pieces", n)
		}
		if v := c.Vendors()[0].OtherAccounts; len(v) != 1 || v[0].Fingerprint != former || v[0].Pieces != 3 {
			t.Errorf("OtherAccounts = %+v", v)
		}
		if n := c.Polls("alpha").OtherAccount; n == 0 {
			t.Error("no poll is counted that could not be made")
		}
		looking := onlooker(t, store)
		all, err := looking.Troubles(t.Context())
		if err != nil || len(all) != 1 || all[0].Reason != "another account" || all[0].Account != former || all[0].Pieces != 3 || all[0].By != "worker-1" {
			t.Fatalf("Troubles = %+v, %v", all, err)
		}
		if v := c.Vendors()[0]; !v.HintedUntil.IsZero() || !v.StoppedUntil.IsZero() {
			t.Errorf("the vendor is left alone: %+v", v)
		}

		told := newHearing(t, store, []*press{p}, rotated(p, former), short, seldom())
		runFor(t, told, 10*time.Minute)
		if all, err = looking.Troubles(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("when the account is known: %+v, %v", all, err)
		}
		runFor(t, c, 6*24*time.Hour)
		if rec := status(t, c, "b"); rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldDeadline || !strings.Contains(rec.Hold.Note, former) {
			t.Errorf("at the deadline: %v %s %q", rec, rec.Hold.Reason, rec.Hold.Note)
		}
	})
}

// Two names of one account share its rate while a key is rotated.
func TestRotationSharesTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		p.tune = func(c *postproof.Capabilities) { c.Rate = postproof.Rate{Requests: 10, Per: time.Second} }
		old := newReplica(t, store, p)
		former := fingerprint(p)
		p.key = "new"
		cfg := vendorConfig(p, nil)
		cfg.FormerAccounts = []string{former}
		one := newReplica(t, store, p, client.WithVendor("alpha", cfg))
		time.Sleep(10 * time.Second)
		if a, b := old.Vendors()[0].Replicas, one.Vendors()[0].Replicas; a != 2 || b != 2 {
			t.Errorf("the rate is shared by %d and by %d", a, b)
		}
	})
}

// A key in the place of a fingerprint is refused, and not quoted.
func TestFormerAccountsAreFingerprints(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	for _, bad := range []string{"", "live_0123456789abcdef", "0123456789ABCDEF", "0123456789abcde"} {
		_, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), adaptersOf(p), rotated(p, vendors.Fingerprint("alpha", "x"), bad))
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "FormerAccounts[1]") || (bad != "" && strings.Contains(err.Error(), bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What is of a third account stays of another account, and audits say so.
func TestRotationOfAnotherAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		accept(t, newClient(t, store, []*press{p}), "a")
		third := fingerprint(p)
		p.mu.Lock()
		p.orders = nil // the new account has nothing
		p.mu.Unlock()
		p.key = "new"
		c := newClient(t, store, []*press{p}, rotated(p, vendors.Fingerprint("alpha", "x")), seldom())
		runFor(t, c, 30*time.Hour)
		if n := p.seen["/get"]; n != 0 || c.Polls("alpha").OtherAccount == 0 {
			t.Errorf("%d polls at another account", n)
		}
		a, err := c.Audit(t.Context(), "alpha", time.Time{})
		if err != nil || !slices.ContainsFunc(a.Discrepancies, func(f client.Discrepancy) bool { return strings.Contains(f.Note, third) }) {
			t.Errorf("Audit = %+v, %v", a, err)
		}
	})
}

// While a key is rotated both are in use: in two processes, or because the new one
// is taken back. What was refused, or not sent, under the former key and then sent
// under the new one is not sent again under the former: the vendor may know its keys
// by the credentials that they came with.
func TestRotationThatIsTakenBack(t *testing.T) {
	t.Parallel()
	for n := range 8 {
		kind, first, told := postproof.IdempotencyKey, "401", n&1 != 0
		if n&2 != 0 {
			kind = postproof.IdempotencyRef
		}
		if n&4 != 0 {
			first = "down"
		}
		t.Run(fmt.Sprintf("%s, first %s, told %t", kind, first, told), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", kind), idempotency.NewMemory(postproof.ModeTest)
				p.faults(onOrder(first))
				p.down.Store(first == "down")
				_, _ = newClient(t, store, []*press{p}).Submit(t.Context(), job("a"))
				p.down.Store(false)
				former := fingerprint(p)
				exchange := func(key string) {
					p.mu.Lock()
					defer p.mu.Unlock()
					p.key = key
					clear(p.keys) // none came with these credentials
				}
				exchange("new")
				p.faults(onOrder("lose"))
				now := newClient(t, store, []*press{p}, rotated(p, former))
				time.Sleep(time.Hour)
				if _, err := now.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown || p.alive() != 1 {
					t.Fatalf("%v, %d printed", err, p.alive())
				}
				present := fingerprint(p)
				p.faults(nil)
				exchange("k")
				var others []string
				if told {
					others = []string{present}
				}
				runFor(t, newClient(t, store, []*press{p}, rotated(p, others...)), 3*time.Hour)
				if rec := status(t, now, "a"); p.alive() != 1 || (rec.State == idempotency.Accepted) != (told || kind == postproof.IdempotencyRef) {
					t.Errorf("%d pieces were printed: %v %q", p.alive(), rec, rec.Hold.Note)
				}
			})
		})
	}
}
