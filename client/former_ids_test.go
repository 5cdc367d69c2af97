package client_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// anothers is a ledger with the accepted job "a", and a client of another account,
// to which the first one's name was given as its former one. There the job "b" has
// the id of the piece of "a".
func anothers(t *testing.T) (p *press, c *client.Client) {
	t.Helper()
	p = newPress(t, "alpha", postproof.IdempotencyNone)
	store := idempotency.NewMemory(postproof.ModeTest)
	first := accept(t, newClient(t, store, []*press{p}), "a")
	third := fingerprint(p)
	p.becomes("new")
	c = newClient(t, store, []*press{p}, rotated(p, third), seldom())
	time.Sleep(time.Minute)
	if second := accept(t, c, "b"); second.Receipt.VendorID != first.Receipt.VendorID {
		t.Fatalf("the ids are %q and %q, want one", first.Receipt.VendorID, second.Receipt.VendorID)
	}
	return p, c
}

// Ids may be numbers that each account counts for itself. What another account's
// order comes to is not what the piece of the same id came to: it is not sent again.
func TestFormerAccountThatIsAnotherHasTheIDToo(t *testing.T) {
	t.Parallel()
	for became, bare := range map[string]bool{"failed": false, "canceled": true, "delivered": true} {
		t.Run(became, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, c := anothers(t)
				p.bare = bare // then only another piece could say whose it is
				p.mu.Lock()
				p.orders[0].Status = became
				p.mu.Unlock()
				runFor(t, c, 30*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 1 || rec.Status.Stage != postproof.StageAccepted {
					t.Errorf("%v %s: another piece is %s", rec, rec.Status.Stage, became)
				}
				if rec := status(t, c, "b"); rec.Status.Stage == postproof.StageAccepted && rec.Generation == 1 {
					t.Errorf("%v %s: its own piece is %s", rec, rec.Status.Stage, became)
				}
			})
		})
	}
}

// Nor is another account's order canceled for a piece of the same id: the wish waits
// for whoever has the credentials.
func TestFormerAccountThatIsAnotherLosesNoPieceToACancellation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := anothers(t)
		if _, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 30*time.Minute)
		rec := status(t, c, "a")
		if p.alive() != 1 || rec.State != idempotency.Accepted || rec.Cancel.Outcome != "" || rec.Submissions[0].Unasked == "" {
			t.Errorf("%v, outcome %q, %q; %d pieces of %d live", rec, rec.Cancel.Outcome, rec.Submissions[0].Unasked, p.alive(), len(p.orders))
		}
	})
}

// A piece of a former name that really is the account's is polled and canceled by
// its id: that it bears our reference is the proof, and where the vendor shows none
// another piece is.
func TestFormerAccountIsProvenByTheIDs(t *testing.T) {
	t.Parallel()
	for name, bare := range map[string]bool{"by the reference": false, "by another piece": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
				old := newClient(t, store, []*press{p})
				accept(t, old, "before")
				time.Sleep(time.Hour)
				accept(t, old, "a")
				former := fingerprint(p)
				p.key = "new"
				p.bare = bare
				c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
				if _, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
					t.Fatal(err)
				}
				p.mu.Lock()
				p.orders[0].Status = "delivered"
				p.mu.Unlock()
				runFor(t, c, 30*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Canceled {
					t.Errorf("%v: it was to be canceled", rec)
				}
				if rec := status(t, c, "before"); rec.Status.Stage != postproof.StageDelivered {
					t.Errorf("%v %s: its piece is delivered", rec, rec.Status.Stage)
				}
			})
		})
	}
}

// As long as it may still turn out whose the id is, nothing is missing: the vendor
// only gave no answer by which that could be told.
func TestFormerAccountInQuestionMissesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		old := newClient(t, store, []*press{p})
		for i := range 20 {
			accept(t, old, fmt.Sprint("a", i))
		}
		former := fingerprint(p)
		p.key, p.bare = "new", true
		p.faults(func(op, _ string, _ int) string {
			if op == "/find" {
				return "500"
			}
			return ""
		})
		c := newClient(t, store, []*press{p}, rotated(p, former), seldom())
		runFor(t, c, 30*time.Hour)
		p.faults(nil)
		runFor(t, c, 30*time.Hour)
		p.mu.Lock()
		for _, o := range p.orders {
			o.Status = "delivered"
		}
		p.mu.Unlock()
		runFor(t, c, 30*time.Hour)
		for i := range 20 {
			key := fmt.Sprint("a", i)
			if rec := status(t, c, key); rec.Status.Stage != postproof.StageDelivered || slices.Contains(kinds(t, c, key), "missing") {
				t.Errorf("%v %s, told %v", rec, rec.Status.Stage, kinds(t, c, key))
			}
		}
	})
}
