package client_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// acceptedThenLost is a ledger from a backup in which a job is accepted, with
// the client that works on it after Recover. In between, lost is what the lost
// history did.
func acceptedThenLost(t *testing.T, presses []*press, lost func(before *client.Client)) *client.Client {
	t.Helper()
	live := idempotency.NewMemory(postproof.ModeTest)
	before := newClient(t, live, presses, seldom())
	accept(t, before, "a")
	s := backup(t, live)
	lost(before)
	restore(s)
	c := newClient(t, s, presses, seldom())
	if out, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil || out.Doubted != 1 {
		t.Fatalf("Recover = %+v, %v", out, err)
	}
	return c
}

// looksFor counts the look-ups of the job's later generations at the presses.
func looksFor(t *testing.T, c *client.Client, presses ...*press) int {
	t.Helper()
	rec, n := status(t, c, "a"), 0
	for _, p := range presses {
		p.mu.Lock()
		for _, s := range rec.Submissions {
			if s.Vendor == p.name && s.Generation > 1 {
				n += p.seen["/find"+string(s.Ref)]
			}
		}
		p.mu.Unlock()
	}
	return n
}

// A lost history can have sent another generation of an accepted job only after
// the accepted piece had died: while its vendor shows it alive there is nothing
// to look for.
func TestRecoverAsksForTheStatusOfWhatIsAccepted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		c := acceptedThenLost(t, []*press{a, b}, func(*client.Client) {})
		runFor(t, c, 100*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.VendorID != "alpha_1" || len(rec.Submissions) < 8 {
			t.Fatalf("%v, receipt %s, %d submissions", rec, rec.Receipt.VendorID, len(rec.Submissions))
		}
		if n := looksFor(t, c, a, b); n != 0 || a.seen["/get"] == 0 {
			t.Errorf("%d look-ups of later generations, %d of the status", n, a.seen["/get"])
		}
		// It dies after all: now all of them are in doubt.
		a.mu.Lock()
		a.orders[0].Status = "failed"
		a.mu.Unlock()
		runFor(t, c, 36*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Unknown || looksFor(t, c, a, b) == 0 || len(a.times)+len(b.times) != 1 {
			t.Errorf("%v, %d look-ups, %d submissions", rec, looksFor(t, c, a, b), len(a.times)+len(b.times))
		}
	})
}

// The lost history saw the piece die and sent the next generation: that one is
// found, and none is printed in its place. What may have followed that one is
// looked for, although it is alive: nobody knows how it came to be.
func TestRecoverFindsTheHeirOfADeadPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.poll = time.Hour
		var heir postproof.Receipt
		c := acceptedThenLost(t, []*press{a, b}, func(before *client.Client) {
			a.mu.Lock()
			a.orders[0].Status = "failed"
			a.mu.Unlock()
			runFor(t, before, 2*time.Hour)
			if heir = status(t, before, "a").Receipt; heir.Vendor != "beta" {
				t.Fatalf("before: %v at %s", status(t, before, "a"), heir.Vendor)
			}
		})
		runFor(t, c, 24*time.Hour)
		rec := status(t, c, "a")
		if rec.State != idempotency.Accepted || rec.Receipt.VendorID != heir.VendorID || a.alive()+b.alive() != 1 {
			t.Fatalf("%v, receipt %s, %d alive", rec, rec.Receipt.VendorID, a.alive()+b.alive())
		}
		for _, s := range rec.Submissions {
			if s.Vendor == "alpha" && s.Generation == 3 {
				a.mu.Lock()
				a.orders = append(a.orders, &pressOrder{ID: "ghost", Ref: string(s.Ref), Zip: "62701", Status: "accepted", At: time.Now().Add(6 * time.Hour)})
				a.mu.Unlock()
			}
		}
		if a.alive() != 1 {
			t.Fatalf("%d pieces alive at alpha, want the ghost", a.alive())
		}
		runFor(t, c, 24*time.Hour)
		if rec := status(t, c, "a"); rec.Receipt.VendorID != heir.VendorID || a.alive() != 0 || b.alive() != 1 {
			t.Fatalf("%v, receipt %s, %d and %d alive", rec, rec.Receipt.VendorID, a.alive(), b.alive())
		}
	})
}

// As long as the vendor does not say how the accepted piece is, what may have
// followed it is looked for.
func TestRecoverLooksForHeirsWithoutAStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newPress(t, "alpha", postproof.IdempotencyKey)
		silent := true
		a.faults(func(op, _ string, _ int) string {
			a.mu.Lock()
			defer a.mu.Unlock()
			if op == "/get" && silent {
				return "500"
			}
			return ""
		})
		c := acceptedThenLost(t, []*press{a}, func(*client.Client) {})
		heirs := len(status(t, c, "a").Submissions) - 1
		runFor(t, c, 20*time.Hour)
		n := looksFor(t, c, a)
		if n != 3*heirs {
			t.Fatalf("%d look-ups of %d generations in 20 hours", n, heirs)
		}
		a.mu.Lock()
		silent = false
		a.mu.Unlock()
		runFor(t, c, 52*time.Hour)
		if more := looksFor(t, c, a) - n; more > 2*heirs {
			t.Errorf("%d look-ups after the status could be had again", more)
		}
	})
}

// The vendor forgot the piece that died, so that nobody can say how it is: the
// one that followed may be the only one, and is not canceled. It counts as soon
// as the death is told.
func TestRecoverKeepsAnHeirWithoutAStatus(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ dies, canceled bool }{
		"the first one died":  {dies: true},
		"the first one lives": {},
		"it is canceled":      {canceled: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newPress(t, "alpha", postproof.IdempotencyKey)
				c := acceptedThenLost(t, []*press{a}, func(*client.Client) {})
				a.mu.Lock()
				first := a.orders[0]
				a.orders = nil
				for _, s := range status(t, c, "a").Submissions {
					if s.Generation == 2 {
						a.orders = append(a.orders, &pressOrder{ID: "heir", Ref: string(s.Ref), Zip: "62701", Status: "accepted", At: time.Now().Add(100 * time.Hour)})
					}
				}
				a.mu.Unlock()
				runFor(t, c, 24*time.Hour)
				if told := kinds(t, c, "a"); a.alive() != 1 || !slices.Contains(told, "late_arrival") || !slices.Contains(told, "missing") {
					t.Fatalf("%d alive, history %v", a.alive(), told)
				}
				if tc.canceled {
					if _, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
						t.Fatal(err)
					}
					runFor(t, c, time.Hour)
					if a.alive() != 0 {
						t.Errorf("%d alive after the cancellation", a.alive())
					}
					return
				}
				a.mu.Lock()
				want := first.ID
				if tc.dies {
					first.Status, want = "failed", "heir"
				}
				a.orders = append(a.orders, first)
				a.mu.Unlock()
				runFor(t, c, 48*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.VendorID != want || a.alive() != 1 || len(a.times) != 1 {
					t.Fatalf("%v, receipt %s, %d alive, %d sent", rec, rec.Receipt.VendorID, a.alive(), len(a.times))
				}
			})
		})
	}
}

// A person of the lost history held the accepted piece and sent another one on
// purpose: an audit tells of it.
func TestAuditAfterRecoverTellsOfASecondPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newPress(t, "alpha", postproof.IdempotencyKey)
		c := acceptedThenLost(t, []*press{a}, func(*client.Client) {})
		runFor(t, c, time.Hour)
		for _, s := range status(t, c, "a").Submissions {
			if s.Generation == 2 {
				a.mu.Lock()
				a.orders = append(a.orders, &pressOrder{ID: "second", Ref: string(s.Ref), Zip: "62701", Status: "accepted", At: time.Now()})
				a.mu.Unlock()
			}
		}
		audit, err := c.Audit(t.Context(), "alpha", time.Time{})
		if err != nil || audit.Orders != 2 || audit.Matched != 1 || len(audit.Discrepancies) != 1 ||
			audit.Discrepancies[0].Kind != client.DiscrepancyDifferent || audit.Discrepancies[0].VendorID != "second" {
			t.Fatalf("Audit = %+v, %v", audit, err)
		}
	})
}
