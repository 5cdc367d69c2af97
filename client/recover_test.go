package client_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// backup is a ledger as of now: enough of one to restore.
func backup(t *testing.T, s *idempotency.Memory) *shaky {
	t.Helper()
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := &shaky{Memory: idempotency.NewMemory(id.Mode, idempotency.WithNamespace(id.Namespace))}
	for rec, err := range s.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		first := *rec
		first.Fence = 1
		if err := idempotency.CommitOne(t.Context(), old, idempotency.Change{Record: &first}); err != nil {
			t.Fatal(err)
		}
	}
	return old
}

// restore breaks the ledger's history.
func restore(s *shaky) { s.BreakHistory() }

func TestNothingIsSubmittedBeforeRecover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
		running := newClient(t, s, []*press{p})
		if _, err := running.Enqueue(t.Context(), jobs(3)); err != nil {
			t.Fatal(err)
		}
		restore(s)
		time.Sleep(2 * time.Second) // a running client looks once a poll interval
		if _, err := running.Submit(t.Context(), job("a")); !errors.Is(err, client.ErrEpochChanged) || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("a running client: Submit = %v", err)
		}
		c := newClient(t, s, []*press{p})
		if _, err := c.Submit(t.Context(), job("a")); !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("Submit = %v", err)
		}
		if _, err := c.Enqueue(t.Context(), jobs(5)); !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("Enqueue = %v", err)
		}
		if err := c.Run(t.Context()); !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("Run = %v", err)
		}
		if len(p.times) != 0 {
			t.Errorf("%d requests", len(p.times))
		}
		if _, err := c.Recover(t.Context(), client.Actor{}, client.RecoverOptions{}); err == nil {
			t.Error("a recovery without a name")
		}
	})
}

// Between the last look at the ledger's identity and the next one, too: the
// intent's own commit, and that of a new job, say in which epoch they hold.
func TestNothingIsSubmittedInTheMomentOfARestore(t *testing.T) {
	t.Parallel()
	t.Run("Submit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
			c := newClient(t, s, []*press{p})
			if _, err := c.Submit(t.Context(), job("before")); err != nil {
				t.Fatal(err)
			}
			restore(s)
			rec, err := c.Submit(t.Context(), job("a"))
			if !errors.Is(err, client.ErrEpochChanged) || postproof.DeliveryOf(err) != postproof.NotSent || rec != nil || len(p.times) != 1 {
				t.Errorf("Submit = %v, %v; %d requests", rec, err, len(p.times))
			}
		})
	})
	t.Run("Enqueue", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
			c := newClient(t, s, []*press{p})
			if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
				t.Fatal(err)
			}
			restore(s)
			if out, err := c.Enqueue(t.Context(), jobs(3)); !errors.Is(err, client.ErrEpochChanged) || out.New != 0 {
				t.Errorf("Enqueue = %+v, %v", out, err)
			}
		})
	})
	t.Run("a worker, between its claim and the intent", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
			c := newClient(t, s, []*press{p})
			if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
				t.Fatal(err)
			}
			s.before = func(changes []idempotency.Change) error {
				if changes[0].Record != nil && changes[0].Record.State == idempotency.Sending {
					s.before = nil
					restore(s)
				}
				return nil
			}
			if err := c.Run(t.Context()); !errors.Is(err, client.ErrEpochChanged) || len(p.times) != 0 {
				t.Errorf("Run = %v; %d requests", err, len(p.times))
			}
		})
	})
	t.Run("while another process has recovered", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
			c := newClient(t, s, []*press{p})
			if _, err := c.Submit(t.Context(), job("before")); err != nil {
				t.Fatal(err)
			}
			other := newClient(t, s, []*press{p})
			restore(s)
			if _, err := other.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Submit(t.Context(), job("a")); !errors.Is(err, client.ErrEpochChanged) {
				t.Errorf("Submit without the doubts of the recovery = %v", err)
			}
			if rec, _ := c.Submit(t.Context(), job("a")); rec == nil || rec.State != idempotency.Unknown || len(p.times) != 1 {
				t.Errorf("the next Submit = %v; %d requests", rec, len(p.times))
			}
		})
	})
}

func TestRunStopsWhenTheEpochChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
		c := newClient(t, s, []*press{p})
		go func() { time.Sleep(time.Minute); restore(s) }()
		if err := c.Run(t.Context()); !errors.Is(err, client.ErrEpochChanged) {
			t.Fatalf("Run = %v", err)
		}
	})
}

// What the lost part of the history sent is found, not sent again: jobs that
// the backup has as planned, and keys that it does not know.
func TestRecoverFindsWhatALostHistorySent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		live := idempotency.NewMemory(postproof.ModeTest)
		before := newClient(t, live, []*press{p})
		if _, err := before.Enqueue(t.Context(), jobs(20)); err != nil {
			t.Fatal(err)
		}
		s := backup(t, live)
		for _, key := range []string{"contact-3", "contact-7", "new"} {
			if _, err := before.Submit(t.Context(), job(key)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(48 * time.Hour) // no key protects any more
		restore(s)
		c := newClient(t, s, []*press{p})
		out, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{})
		if err != nil || out.Doubted != 20 {
			t.Fatalf("Recover = %+v, %v", out, err)
		}
		if rec, _ := c.Submit(t.Context(), job("new")); rec.State != idempotency.Unknown || len(p.times) != 3 {
			t.Fatalf("a key that is new to the backup: %v", rec)
		}
		time.Sleep(time.Second)
		if _, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if left := drain(t, c); left[idempotency.Accepted] != 22 {
			t.Errorf("left %v", left)
		}
		for _, key := range []string{"contact-3", "contact-7", "new"} {
			if rec := status(t, c, key); rec.Receipt.Ref != rec.Submissions[0].Ref || slices.Contains(kinds(t, c, key), "intent") {
				t.Errorf("%s was sent again: %v", key, rec)
			}
		}
		if p.alive() != 22 {
			t.Errorf("printed %d", p.alive())
		}
		audit, err := c.Audit(t.Context(), "alpha", time.Time{})
		if err != nil || audit.Matched != audit.Orders || len(audit.Discrepancies) != 0 {
			t.Errorf("Audit = %+v, %v", audit, err)
		}
	})
}

// An empty answer beside a piece from before the restore proves nothing: the
// list may have stood still since. Only a piece that was accepted later does.
func TestDoubtNeedsAControlPieceFromAfterTheRestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		live := idempotency.NewMemory(postproof.ModeTest)
		before := newClient(t, live, []*press{p}, seldom())
		if _, err := before.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := before.Submit(t.Context(), job("older")); err != nil {
			t.Fatal(err)
		}
		s := backup(t, live)
		restore(s)
		c := newClient(t, s, []*press{p}, seldom())
		if _, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); !errors.Is(err, client.ErrEpochChanged) {
			t.Fatalf("a control piece before the recovery = %v", err)
		}
		if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 48*time.Hour)
		if rec := status(t, c, "contact-0"); rec.State != idempotency.Unknown || len(p.times) != 1 {
			t.Fatalf("%v, %d requests: the older piece is taken for proof", rec, len(p.times))
		}
		if _, err := c.SendControl(t.Context(), "beta", job("of ours"), client.Actor{By: "ann"}); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("a control piece for nobody = %v", err)
		}
		first, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
		second, err2 := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
		if err != nil || err2 != nil || first.ID == second.ID || len(p.times) != 3 {
			t.Fatalf("control pieces %v, %v, %v, %v", first, err, second, err2)
		}
		runFor(t, c, 48*time.Hour)
		if rec := status(t, c, "contact-0"); rec.State != idempotency.Accepted || p.alive() != 4 {
			t.Fatalf("%v, printed %d", rec, p.alive())
		}
	})
}

func TestControlPieceGoesToItsVendor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		c := newClient(t, newShaky(), []*press{a, b})
		if rec, err := c.SendControl(t.Context(), "beta", job("of ours"), client.Actor{By: "ann"}); err != nil || rec.Receipt.Vendor != "beta" || a.alive() != 0 {
			t.Fatalf("SendControl = %v, %v", rec, err)
		}
	})
}

// The lost history sent the first two generations, which failed late, and the
// third, which did not: all of them are known to be possible.
func TestRecoverDoubtsEveryGenerationThatALostHistoryCanHaveSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = time.Hour
		live := idempotency.NewMemory(postproof.ModeTest)
		before := newClient(t, live, []*press{p}, seldom())
		if _, err := before.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		s := backup(t, live)
		for n := range 3 { // the fourth generation is the last, and alive
			runFor(t, before, 2*time.Hour)
			p.mu.Lock()
			if len(p.orders) != n+1 {
				t.Errorf("%d orders, want %d", len(p.orders), n+1)
			}
			p.orders[n].Status = "failed"
			p.mu.Unlock()
		}
		runFor(t, before, 24*time.Hour)
		if rec := status(t, before, "contact-0"); rec.State != idempotency.Accepted || rec.Generation != 4 {
			t.Fatalf("before: %v", rec)
		}
		last := status(t, before, "contact-0").Receipt.Ref
		p.mu.Lock()
		p.orders = p.orders[3:] // the vendor shows only what is alive
		clear(p.keys)           // and its keys have run out
		p.mu.Unlock()
		restore(s)
		c := newClient(t, s, []*press{p}, seldom())
		if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 72*time.Hour)
		if rec := status(t, c, "contact-0"); rec.Receipt.Ref != last || p.alive() != 2 {
			t.Fatalf("%v under %s, want the piece %s; %d alive", rec, rec.Receipt.Ref, last, p.alive())
		}
	})
}

// A copy beside its original sends none of the original's jobs.
func TestRecoveredCopyHoldsWhatItsOriginalSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		live := idempotency.NewMemory(postproof.ModeTest)
		original := newClient(t, live, []*press{p})
		if _, err := original.Enqueue(t.Context(), jobs(5)); err != nil {
			t.Fatal(err)
		}
		if _, err := original.Submit(t.Context(), job("control")); err != nil {
			t.Fatal(err)
		}
		s := backup(t, live)
		restore(s)
		twin := newClient(t, s, []*press{p})
		if out, err := twin.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{Copy: true}); err != nil || out.Doubted != 6 {
			t.Fatalf("Recover = %+v, %v", out, err)
		}
		if d := drain(t, twin); d[idempotency.Held] != 6 || p.alive() != 1 {
			t.Fatalf("the copy: %v, printed %d", d, p.alive())
		}
		if d := drain(t, original); d[idempotency.Accepted] != 6 || p.alive() != 6 {
			t.Fatalf("the original: %v, printed %d", d, p.alive())
		}
		if _, err := twin.Submit(t.Context(), job("new")); err != nil {
			t.Fatalf("a new job of the copy: %v", err)
		}
	})
}

// What both ledgers know as accepted fails late: one of them sends it anew.
func TestRecoveredCopyLeavesALateFailureToItsOriginal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		live := idempotency.NewMemory(postproof.ModeTest)
		original := newClient(t, live, []*press{p}, seldom())
		if _, err := original.Submit(t.Context(), job("a")); err != nil {
			t.Fatal(err)
		}
		s := backup(t, live)
		restore(s)
		twin := newClient(t, s, []*press{p}, seldom())
		if _, err := twin.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{Copy: true}); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.orders[0].Status = "failed"
		p.mu.Unlock()
		runFor(t, twin, 48*time.Hour)
		if p.alive() != 0 {
			t.Errorf("the copy sent %d pieces anew", p.alive())
		}
		runFor(t, original, 48*time.Hour)
		if p.alive() != 1 {
			t.Errorf("%d are alive, want the one that the original sent anew", p.alive())
		}
	})
}
