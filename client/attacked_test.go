package client_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// Who asked to be forgotten is mailed nothing again: a second piece would need what
// is kept of the person for the first one only, and would stay when that has gone.
func TestNoSecondPieceForWhoIsErased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithPollInterval(10*time.Second))
		if _, err := c.Submit(t.Context(), ada()); err != nil {
			t.Fatal(err)
		}
		erase(t, c, eraseAda())
		key := ada().Key
		if rec := status(t, c, string(key)); len(rec.Job) == 0 {
			t.Fatal("nothing is kept for another generation: the test looks at nothing")
		}
		_, err := c.Remail(t.Context(), key, client.Remail{Name: "torn", By: "ann", Why: "it came torn"})
		if postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("Remail = %v, want a conflict", err)
		}
		p.mu.Lock()
		p.orders[0].Status = string(postproof.StageDelivered)
		p.mu.Unlock()
		runFor(t, c, 48*time.Hour)
		silent(t, "the ledger", ledgerText(t, store))
		if p.alive() != 1 {
			t.Errorf("printed %d, want 1", p.alive())
		}
	})
}

// A job stays in its campaign and with its contact when its paper is amended: caps and
// canaries count it there, and an erasure of the contact finds it.
func TestAmendLeavesTheJobWhereItIs(t *testing.T) {
	t.Parallel()
	for name, amend := range map[string]func(*postproof.Job){
		"another campaign": func(j *postproof.Job) { j.Campaign = "summer" },
		"another contact":  func(j *postproof.Job) { j.Contact = "ben" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
				if _, err := c.Enqueue(t.Context(), one(job("a"))); err != nil {
					t.Fatal(err)
				}
				j := job("a")
				j.To.Line1 = "2 Main Street"
				amend(&j)
				rec, err := c.Amend(t.Context(), j, "ann")
				if postproof.CodeOf(err) != postproof.CodeInvalidArgument || strings.Contains(err.Error(), "ben") {
					t.Errorf("Amend = %v, %v, want an invalid argument that names nobody", rec, err)
				}
			})
		})
	}
	t.Run("left out", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
			urgent := job("a")
			urgent.Priority = 3
			if _, err := c.Enqueue(t.Context(), one(urgent)); err != nil {
				t.Fatal(err)
			}
			j := job("a")
			j.To.Line1, j.Campaign, j.Contact = "2 Main Street", "", ""
			rec, err := c.Amend(t.Context(), j, "ann")
			if err != nil {
				t.Fatal(err)
			}
			var is postproof.Job
			if err := is.UnmarshalJSON(rec.Job); err != nil {
				t.Fatal(err)
			}
			if is.Campaign != "spring" || is.Contact != "a" || is.Priority != 3 || is.To.Line1 != "2 Main Street" {
				t.Errorf("it became %q %q %d %q", is.Campaign, is.Contact, is.Priority, is.To.Line1)
			}
		})
	})
}

// slow is a ledger whose next commit comes true after it was given up.
type slow struct {
	*idempotency.Memory
	late func()
}

func (s *slow) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if s.late == nil && len(changes[0].Settings) > 0 {
		s.late = func() { _, _ = s.Memory.Commit(context.WithoutCancel(ctx), changes) }
		return nil, errors.Join(errors.New("the connection was lost"), idempotency.ErrInDoubt)
	}
	return s.Memory.Commit(ctx, changes)
}

// A person's word whose commit is in doubt may come true any time: nobody says that it
// was not done.
func TestAPersonsWordInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{Memory: idempotency.NewMemory(postproof.ModeTest)}
		c := newClient(t, s, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
		if _, err := c.Enqueue(t.Context(), one(job("a"))); err != nil {
			t.Fatal(err)
		}
		_, err := c.Cancel(t.Context(), "a", "ann")
		if !errors.Is(err, idempotency.ErrInDoubt) || postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatalf("Cancel = %v", err)
		}
		s.late()
		if rec := status(t, c, "a"); rec.State != idempotency.Canceled {
			t.Fatalf("%v: the test looks at nothing", rec)
		}
		if strings.Contains(err.Error(), "it was not done") || !strings.Contains(err.Error(), "is not known") {
			t.Errorf("the error says %q, and it was done", err)
		}
	})
}

// A line of a spool file that cannot be read, as it was damaged or is of a newer
// version, was an answer once: it is kept and told of, and the others are applied.
func TestADamagedLineOfASpoolFileIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir, log := newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), t.TempDir(), &logs{}
		p.look = false // nobody could be asked
		spoolOne(t, s, p, dir, "a")
		name := files(t, dir)[0]
		const damaged = `{"id":"` + "\x00\x00" + `","answer":`
		if err := os.WriteFile(name, append([]byte(damaged+"\n"), read(t, name)...), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 { // the next processes
			c := newClient(t, s, []*press{p}, client.WithSpool(dir), client.WithLogger(log.logger()))
			drain(t, c)
			if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
				t.Fatalf("%v; printed %d", rec, p.alive())
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		left := files(t, dir)
		if len(left) != 1 || !strings.Contains(string(read(t, left[0])), damaged) {
			t.Fatalf("left over: %v, want the damaged line", left)
		}
		if n := log.count("cannot be read"); n != 3 || strings.Contains(log.text(), filepath.Dir(dir)) {
			t.Errorf("told %d times, want once for each process and without the path:\n%s", n, log.text())
		}
	})
}

// hollow is an adapter that lists orders which are none.
type hollow struct{ *pressAdapter }

func (a hollow) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	f, err := a.pressAdapter.Find(ctx, do, ref)
	if err == nil {
		f.Orders = append(f.Orders, nil)
	}
	return f, err
}

// An adapter that lists an order which is none takes no worker down, and proves
// nothing with it.
func TestAnOrderThatIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		p.faults(onOrder("drop"))
		c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{hollow{p.adapter()}},
			client.WithLogger(quiet()), client.WithoutHints(), seldom(), client.WithVendor(p.name, vendorConfig(p, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(nil)
		time.Sleep(time.Hour)
		accept(t, c, "control")
		runFor(t, c, 12*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Unknown {
			t.Errorf("%v, want it unknown: no answer was whole", rec)
		}
	})
}

// A recovery asks for the control pieces of others: an order that is none takes no
// process down there, either, and the vendor's answer is not a whole one.
func TestAnOrderThatIsNoneBesideARecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		w := newTwice(t, p)
		s := backupOf(t, w.live)
		restore(s)
		c, err := client.New(t.Context(), s, []vendors.Adapter{hollow{p.adapter()}},
			client.WithLogger(quiet()), client.WithoutHints(), seldom(), client.WithVendor(p.name, vendorConfig(p, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if diff := cmp.Diff([]string{"alpha"}, recovered(t, c, client.RecoverOptions{}).Unasked); diff != "" {
			t.Errorf("unasked (-want +got):\n%s", diff)
		}
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), "ann")
		if rec != nil || postproof.CodeOf(err) != postproof.CodeUnavailable || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("SendControl = %v, %v", rec, err)
		}
	})
}
