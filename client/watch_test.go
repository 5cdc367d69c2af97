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

// lostAtAlpha is a job whose first send got lost, and whose absence was then
// taken as proven while the vendor could not be reached for a second one.
func lostAtAlpha(t *testing.T, a *press, opts ...client.Option) (*client.Client, string) {
	t.Helper()
	return lostIn(t, idempotency.NewMemory(postproof.ModeTest), a, opts...)
}

func lostIn(t *testing.T, store client.Store, a *press, opts ...client.Option) (*client.Client, string) {
	t.Helper()
	return lostOf(t, store, a, job("a"), opts...)
}

// lostOf is lostIn of a job of one's own.
func lostOf(t *testing.T, store client.Store, a *press, j postproof.Job, opts ...client.Option) (*client.Client, string) {
	t.Helper()
	lost := ""
	a.faults(func(op, ref string, _ int) string {
		if op == "/order" && (lost == "" || lost == ref) {
			lost = ref
			return "drop"
		}
		return ""
	})
	c := newClient(t, store, []*press{a}, append([]client.Option{seldom()}, opts...)...)
	if _, err := c.Submit(t.Context(), j); postproof.DeliveryOf(err) != postproof.Unknown {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	if _, err := c.Submit(t.Context(), job("control")); err != nil {
		t.Fatal(err)
	}
	c.Breakers().ForceOpen("alpha", "submit", "test")
	for range 48 {
		if status(t, c, "a").State == idempotency.Planned {
			return c, lost
		}
		runFor(t, c, 15*time.Minute)
	}
	t.Fatalf("absence is not proven: %v", status(t, c, "a"))
	return nil, ""
}

// The job was canceled after its absence was taken as proven, and then the
// piece turns up: nobody but the watch would ever look for it.
func TestLateArrivalOfACanceledJobIsFoundByTheWatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		late time.Duration
		opts []client.Option
	}{
		"canceled at the vendor":                 {},
		"too late, and told":                     {late: 2 * time.Hour},
		"while its campaign waits for an answer": {opts: []client.Option{client.WithCanary("spring", 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newPress(t, "alpha", postproof.IdempotencyNone)
				c, lost := lostAtAlpha(t, a, tc.opts...)
				if rec, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"}); err != nil || rec.State != idempotency.Canceled {
					t.Fatalf("Cancel = %v, %v", rec, err)
				}
				if tc.opts != nil {
					c.Breakers().Release("alpha", "submit")
					time.Sleep(time.Minute) // that the canary waited is believed for a poll interval
					if _, err := c.Submit(t.Context(), job("b")); err != nil {
						t.Fatal(err)
					}
					if k, err := c.Canary(t.Context(), "spring"); err != nil || !k.Waits() {
						t.Fatalf("canary %+v, %v", k, err)
					}
				}
				at := time.Now().Add(6 * time.Hour).Add(-tc.late)
				a.mu.Lock()
				a.orders = append(a.orders, &pressOrder{ID: "ghost", Ref: lost, Zip: "62701", Status: "accepted", At: at})
				a.mu.Unlock()
				runFor(t, c, 24*time.Hour)
				rec, told := status(t, c, "a"), kinds(t, c, "a")
				if tc.late == 0 {
					if rec.State != idempotency.Canceled || a.alive() != 1+len(tc.opts) || !slices.Contains(told, "late_arrival") {
						t.Fatalf("%v, %d pieces, history %v", rec, a.alive(), told)
					}
					return
				}
				if rec.State != idempotency.Accepted || rec.Receipt.VendorID != "ghost" || rec.Cancel.Outcome != idempotency.CancelTooLate ||
					!slices.Contains(told, "late_arrival") || !slices.Contains(told, "cancel_too_late") {
					t.Fatalf("%v, cancel %q, history %v", rec, rec.Cancel.Outcome, told)
				}
			})
		})
	}
}

// A held job is watched, too: the piece that turns up is the one that counts,
// and nothing is printed in its place.
func TestLateArrivalOfAHeldJobIsFoundByTheWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newPress(t, "alpha", postproof.IdempotencyNone)
		c, lost := lostAtAlpha(t, a, client.WithDeadlines(idempotency.Deadlines{PlannedFor: 12 * time.Hour}))
		if left := drain(t, c); left[idempotency.Held] != 1 { // the vendor cannot be reached for half a day
			t.Fatalf("left %v", left)
		}
		a.mu.Lock()
		a.orders = append(a.orders, &pressOrder{ID: "ghost", Ref: lost, Zip: "62701", Status: "accepted", At: time.Now()})
		a.mu.Unlock()
		runFor(t, c, 24*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.VendorID != "ghost" {
			t.Fatalf("%v", rec)
		}
	})
}

// Looks that find nothing end, and leave a record that can be pruned.
func TestWatchOfACanceledJobEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newPress(t, "alpha", postproof.IdempotencyNone)
		c, lost := lostAtAlpha(t, a)
		if _, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		asked := func() int {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.seen["/find"+lost]
		}
		before := asked()
		runFor(t, c, 100*time.Hour)
		if n := asked() - before; n < 11 || n > 13 { // each 6 hours for 72
			t.Errorf("looked up %d times in the watch", n)
		}
		if at, ever := status(t, c, "a").VisibleAt(); ever {
			t.Errorf("it comes up again at %s", at)
		}
	})
}
