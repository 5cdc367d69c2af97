package client_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// unable makes a client that cannot ask the vendor: it has the credentials of another
// account there, or no adapter of it.
func unable(t *testing.T, store client.Store, p *press, adapter bool, opts ...client.Option) *client.Client {
	t.Helper()
	if adapter {
		key := p.key
		p.key = "another account's"
		defer func() { p.key = key }()
		return newClient(t, store, []*press{p}, opts...)
	}
	return newClient(t, store, []*press{newPress(t, "beta", postproof.IdempotencyKey)}, opts...)
}

// unables are both ways in which nobody can be asked: whether there is an adapter.
func unables() map[string]bool { return map[string]bool{"another account": true, "no adapter": false} }

// A wish to cancel at a vendor that nobody can ask is not too late: it stands, says
// why, costs little, and is carried out when the credentials are back in time.
func TestCancelWaitsForCredentials(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store, log := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), &logs{}
				home := newClient(t, store, []*press{p})
				accept(t, home, "a")
				c := unable(t, store, p, adapter, client.WithLogger(log.logger()))
				cancelJob(t, c, "a")
				runFor(t, c, 40*time.Minute) // of the hour
				rec := status(t, c, "a")
				if rec.State != idempotency.Accepted || rec.Cancel.Outcome != "" || rec.Cancel.Tries != 0 {
					t.Fatalf("%v %+v; want the wish to stand", rec, rec.Cancel)
				}
				if why := rec.Submissions[0].Unasked; !strings.Contains(why, "alpha") || rec.Submissions[0].AskAt.IsZero() {
					t.Errorf("it says %q, and when it is tried again %v", why, rec.Submissions[0].AskAt)
				}
				if n := log.count("mail: cancel_waits"); n != 1 || !slices.Contains(kinds(t, c, "a"), "cancel_waits") {
					t.Errorf("told %d times, want once", n)
				}
				if rec.Fence > 80 {
					t.Errorf("%d changes in 40 minutes", rec.Fence)
				}
				runFor(t, home, 15*time.Minute)
				if rec := status(t, home, "a"); rec.State != idempotency.Canceled || rec.Cancel.Outcome != idempotency.CancelDone || p.alive() != 0 {
					t.Errorf("with the credentials: %v %+v, %d alive", rec, rec.Cancel, p.alive())
				}
			})
		})
	}
}

// Whoever wishes again knows that somebody can ask now: it is tried at once, however
// long the last wait is.
func TestCancelAgainIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		p.tune = func(c *postproof.Capabilities) { c.Cancel.For = 72 * time.Hour }
		home := newClient(t, store, []*press{p})
		accept(t, home, "a")
		c := unable(t, store, p, false, seldom())
		cancelJob(t, c, "a")
		for range 12 {
			runFor(t, c, time.Hour)
			if left := time.Until(status(t, c, "a").Submissions[0].AskAt); left > 10*time.Minute {
				t.Fatalf("on the first day it is tried again in %v only", left)
			}
		}
		runFor(t, c, 14*time.Hour)
		if left := time.Until(status(t, c, "a").Submissions[0].AskAt); left < time.Hour {
			t.Fatalf("it is tried again in %v: the test looks at nothing", left)
		}
		cancelJob(t, home, "a")
		runFor(t, home, time.Minute)
		if rec := status(t, home, "a"); rec.State != idempotency.Canceled || p.alive() != 0 {
			t.Errorf("%v, %d alive", rec, p.alive())
		}
	})
}

// Of two workers only one has the credentials: it cancels in time, though the other
// one takes the job before it time and again.
func TestCancelAmongWorkersOfWhichOneCan(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				p.tune = func(c *postproof.Capabilities) { c.Cancel.For = 5 * time.Minute }
				home := newClient(t, store, []*press{p})
				for i := range 20 {
					accept(t, home, "a"+string(rune('a'+i)))
				}
				all := []*client.Client{unable(t, store, p, adapter), home}
				for i := range 20 {
					cancelJob(t, all[i%2], postproof.Key("a"+string(rune('a'+i))))
				}
				done := make(chan struct{})
				for _, c := range all {
					go func() {
						runFor(t, c, 5*time.Minute)
						done <- struct{}{}
					}()
				}
				for range all {
					<-done
				}
				if n := p.alive(); n != 0 {
					t.Errorf("%d of 20 were not canceled in time", n)
				}
			})
		})
	}
}

// When nobody came in time it is too late, and the history says that nobody could
// ask; where the window is not known the wish stands to the job's deadline.
func TestCancelThatNobodyCouldAskFor(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				accept(t, newClient(t, store, []*press{p}), "a")
				c := unable(t, store, p, adapter, seldom(), client.WithDeadlines(idempotency.Deadlines{TrackFor: 5 * 24 * time.Hour}))
				accepted := status(t, c, "a").Deadline
				cancelJob(t, c, "a")
				runFor(t, c, 2*time.Hour)
				rec := status(t, c, "a")
				var told string
				for e, err := range c.History(t.Context(), "a") {
					if err != nil {
						t.Fatal(err)
					}
					if e.Kind == "cancel_too_late" {
						told = e.Note
					}
				}
				switch {
				case adapter && (rec.Cancel.Outcome != idempotency.CancelTooLate || !strings.Contains(told, "credentials")):
					t.Errorf("after the window: %+v, told %q", rec.Cancel, told)
				case !adapter && rec.Cancel.Outcome != "":
					t.Errorf("without a known window: %+v", rec.Cancel)
				}
				runFor(t, c, time.Until(accepted)+time.Hour)
				rec = status(t, c, "a")
				if rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldDeadline || !strings.Contains(rec.Hold.Note, "alpha") {
					t.Errorf("at the deadline: %v %s %q", rec, rec.Hold.Reason, rec.Hold.Note)
				}
				if _, err := c.Release(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
					t.Fatal(err)
				}
				runFor(t, c, 30*time.Hour)
				undo(t, c) // that the vendor could not be asked is nothing new
				if rec = status(t, c, "a"); rec.State != idempotency.Held {
					t.Fatalf("%v, want it held again", rec)
				}
				if _, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictCanceled}, client.Actor{By: "ann", Why: "it has come back"}); err != nil {
					t.Fatal(err)
				}
				if s := status(t, c, "a").Submissions[0]; s.Unasked != "" || !s.AskAt.IsZero() {
					t.Errorf("after a person's word it is still to be tried: %q at %v", s.Unasked, s.AskAt)
				}
				if rec.Fence > 1000 { // on the first day, one each ten minutes and a poll that nobody can make, with their claims
					t.Errorf("%d changes in 60 days", rec.Fence)
				}
			})
		})
	}
}

// A late arrival whose vendor cannot be asked is not given up: the piece that counts
// is followed meanwhile, and the late one canceled by whoever can.
func TestLateArrivalWaitsForCredentials(t *testing.T) {
	t.Parallel()
	for name, adapter := range unables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyKey)
				a.tune = func(c *postproof.Capabilities) { c.Cancel.For = 48 * time.Hour }
				b.poll = time.Hour
				store := idempotency.NewMemory(postproof.ModeTest)
				home := newClient(t, store, []*press{a, b}, seldom())
				lostJob(t, home, a)
				time.Sleep(time.Hour)
				accept(t, home, "control")
				a.faults(onOrder("422"))
				runFor(t, home, 4*time.Hour) // absent at alpha, refused there, accepted at beta
				rec := status(t, home, "a")
				if rec.State != idempotency.Accepted || rec.Receipt.Vendor != "beta" {
					t.Fatal(rec)
				}
				first := rec.Submissions[slices.IndexFunc(rec.Submissions, func(s idempotency.Submission) bool { return s.Fate == idempotency.FateAbsent })]
				a.mu.Lock()
				a.orders = append(a.orders, &pressOrder{ID: "late", Ref: string(first.Ref), Zip: "62701", Status: "accepted", At: time.Now()})
				a.mu.Unlock()
				if _, err := home.Observe(t.Context(), postproof.Event{
					Vendor: "alpha", Account: first.Account, Mode: postproof.ModeTest, Ref: first.Ref, VendorID: "late",
					Status: postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceCallback},
				}); err != nil {
					t.Fatal(err)
				}
				var c *client.Client
				if adapter {
					a.key = "another account's"
					c = newClient(t, store, []*press{a, b}, seldom())
					a.key = "k"
				} else {
					c = newClient(t, store, []*press{b}, seldom())
				}
				b.mu.Lock()
				b.orders[0].Status = string(postproof.StageMailed)
				b.mu.Unlock()
				runFor(t, c, 12*time.Hour)
				rec = status(t, c, "a")
				at := slices.IndexFunc(rec.Submissions, func(s idempotency.Submission) bool { return s.Ref == first.Ref })
				if rec.Submissions[at].Late != idempotency.LateSeen || rec.Submissions[at].Unasked == "" {
					t.Fatalf("the late arrival is %q, %q", rec.Submissions[at].Late, rec.Submissions[at].Unasked)
				}
				if rec.Status.Stage != postproof.StageMailed {
					t.Errorf("the piece that counts is not followed meanwhile: %s", rec.Status.Stage)
				}
				runFor(t, home, 12*time.Hour)
				if rec = status(t, home, "a"); rec.Submissions[at].Late != idempotency.LateCanceled {
					t.Errorf("the late arrival is %q", rec.Submissions[at].Late)
				}
			})
		})
	}
}
