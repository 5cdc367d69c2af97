package client_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Accepted pieces with a vendor whose adapter was taken away are told of: in the log
// once, by the client, in the ledger for whoever looks; they cost little and end with
// a reason. A client that has the adapter takes it back.
func TestPiecesOfAVendorThatIsNotConfiguredAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, other := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		short := client.WithDeadlines(idempotency.Deadlines{TrackFor: 5 * 24 * time.Hour})
		old := newClient(t, store, []*press{p}, short)
		for _, key := range []string{"a", "b", "c"} {
			accept(t, old, key)
		}
		var lines logs
		c := newHearing(t, store, []*press{other}, client.WithLogger(lines.logger()), client.WithOwner("worker-1"), short, seldom())
		accept(t, c, "new")
		if all := c.UnconfiguredVendors(); len(all) != 0 {
			t.Errorf("before any poll was due: %+v", all)
		}
		runFor(t, c, 30*time.Hour)
		if n := lines.count("pieces are with a vendor that is not configured"); n != 1 || !strings.Contains(lines.text(), `"pieces":3`) {
			t.Errorf("%d lines of the log, want one with 3 pieces", n)
		}
		if all := c.UnconfiguredVendors(); len(all) != 1 || all[0].Name != "alpha" || all[0].Pieces != 3 || all[0].Since.IsZero() {
			t.Errorf("UnconfiguredVendors = %+v", all)
		}
		looking := onlooker(t, store)
		all, err := looking.Troubles(t.Context())
		if err != nil || len(all) != 1 || all[0].Vendor != "alpha" || all[0].Reason != "no adapter" || all[0].Pieces != 3 || all[0].By != "worker-1" {
			t.Fatalf("Troubles = %+v, %v", all, err)
		}
		if n := status(t, c, "a").Fence; n > 30 {
			t.Errorf("%d changes of a piece in 30 hours", n)
		}

		told := newHearing(t, store, []*press{p}, short, seldom())
		runFor(t, told, 10*time.Minute)
		if all, err = looking.Troubles(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("when somebody has the adapter: %+v, %v", all, err)
		}
		runFor(t, c, 6*24*time.Hour)
		if rec := status(t, c, "b"); rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldDeadline || !strings.Contains(rec.Hold.Note, "no adapter of alpha") {
			t.Errorf("at the deadline: %v %s %q", rec, rec.Hold.Reason, rec.Hold.Note)
		}
	})
}

// A flood of such pieces is put off many in one change, and a new job does not stand
// behind it.
func TestPiecesOfAVendorThatIsNotConfiguredDelayNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, other := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		store := newShaky()
		old := newClient(t, store, []*press{p})
		const pieces = 600
		for i := range pieces {
			accept(t, old, fmt.Sprint("a", i))
		}
		time.Sleep(30 * time.Hour)
		var commits atomic.Int64
		store.before = func([]idempotency.Change) error { commits.Add(1); return nil }
		c := newClient(t, store, []*press{other}, client.WithConcurrency(4))
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		before := commits.Load()
		runFor(t, c, 10*time.Second)
		if rec := status(t, c, "contact-0"); rec.State != idempotency.Accepted {
			t.Errorf("the new job is %s", rec.State)
		}
		if n := commits.Load() - before; n > pieces/10 {
			t.Errorf("%d commits for %d pieces", n, pieces)
		}
		if rec := status(t, c, "a0"); !rec.Due.After(time.Now().Add(time.Hour)) {
			t.Errorf("a piece is polled again at %s", rec.Due)
		}
		if all := c.UnconfiguredVendors(); len(all) != 1 || all[0].Pieces != pieces {
			t.Errorf("UnconfiguredVendors = %+v", all)
		}
	})
}

// However many vendors a ledger knew, what a client remembers of them is bounded.
func TestUnconfiguredVendorsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := idempotency.NewMemory(postproof.ModeTest)
		for i := range 80 {
			p := newPress(t, fmt.Sprintf("vendor%02d", i), postproof.IdempotencyKey)
			accept(t, newClient(t, store, []*press{p}), p.name)
		}
		c := newClient(t, store, []*press{newPress(t, "beta", postproof.IdempotencyKey)}, seldom())
		runFor(t, c, 30*time.Hour)
		if n := len(c.UnconfiguredVendors()); n != 64 {
			t.Errorf("%d are remembered, want 64", n)
		}
	})
}
