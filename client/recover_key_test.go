package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// The key of a control piece was used by an earlier recovery, and no look-up shows it
// yet: the vendor answers with that piece. It is no control piece, by whatever clock it is
// dated, nothing is printed, and the doubts are widened; the next one is a new piece.
func TestControlPieceOfAnEarlierRecovery(t *testing.T) {
	t.Parallel()
	type vendor struct {
		kind  postproof.IdempotencyKind
		ahead time.Duration
	}
	for name, v := range map[string]vendor{
		"key": {kind: postproof.IdempotencyKey}, "reference": {kind: postproof.IdempotencyRef},
		"key, by a clock that is ahead": {postproof.IdempotencyKey, 3 * time.Hour}, "key, by a clock that is behind": {postproof.IdempotencyKey, -3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTwice(t, newPress(t, "alpha", v.kind))
				p := w.presses[0]
				p.ahead = v.ahead
				c, _ := w.restored(t)
				recovered(t, c, client.RecoverOptions{})
				control(t, c, "alpha", 1)
				time.Sleep(3 * time.Minute)
				p.mu.Lock()
				p.lag = 200 * time.Hour
				p.mu.Unlock()

				c, s := w.restored(t)
				if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != 0 {
					t.Fatalf("%d recoveries are shown", done.Recoveries)
				}
				rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
				if rec == nil || postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.Accepted || p.alive() != 1 {
					t.Fatalf("SendControl = %v, %v, %d pieces, want the one of the earlier recovery", rec, err, p.alive())
				}
				p.mu.Lock()
				p.lag = 0 // the older piece is listed from now on
				p.mu.Unlock()
				runFor(t, c, 48*time.Hour)
				if rec := status(t, c, "contact-0"); rec.State != idempotency.Unknown || rec.Submissions[0].Misses != 0 {
					t.Errorf("%v, %d misses: a piece from before the recovery is a control piece", rec, rec.Submissions[0].Misses)
				}
				c = newClient(t, s, w.presses, w.opts...) // nothing but the ledger tells it of control pieces
				control(t, c, "alpha", 1)
				if p.alive() != 2 {
					t.Errorf("%d pieces, want a control piece of each recovery", p.alive())
				}
				runFor(t, c, 96*time.Hour)
				w.one(t, c)
				if rec := status(t, c, "contact-0"); rec.Recovery != 2 {
					t.Errorf("the job is doubted for recovery %d, want 2", rec.Recovery)
				}
			})
		})
	}
}

// Where nothing is deduplicated, the control piece of a recovery beside a list that
// stands still is printed under the reference of an earlier one's. Once the list shows
// both, the older one tells of its recovery.
func TestControlPieceBesideAListThatStoodStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		p := w.presses[0]
		for n := range 2 {
			p.mu.Lock()
			p.lag = time.Duration(n) * 300 * time.Hour
			p.mu.Unlock()
			c, _ := w.restored(t)
			if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != 0 {
				t.Fatalf("%d recoveries are shown", done.Recoveries)
			}
			control(t, c, "alpha", 1)
			time.Sleep(time.Minute)
			p.mu.Lock()
			p.lag = 0
			p.mu.Unlock()
			runFor(t, c, 96*time.Hour)
			w.one(t, c)
		}
	})
}

// No look-up shows the older piece with which the vendor answered, now or later: its
// record tells of the other recovery, whoever asks next.
func TestControlPieceOfAnEarlierRecoveryIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyRef))
		p := w.presses[0]
		c, _ := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 1)
		runFor(t, c, 96*time.Hour)
		older := status(t, c, "control/alpha/1/1").Receipt.Ref
		p.mu.Lock()
		p.lag = 500 * time.Hour
		p.mu.Unlock()
		c, s := w.restored(t)
		recovered(t, c, client.RecoverOptions{DoubtNewFor: -1})
		if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); rec == nil || postproof.CodeOf(err) != postproof.CodeConflict {
			t.Fatalf("SendControl = %v, %v", rec, err)
		}
		p.hide(older)
		p.mu.Lock()
		p.lag = 0
		p.mu.Unlock()
		c = newClient(t, s, w.presses, w.opts...)
		accept(t, c, "new")
		runFor(t, c, 96*time.Hour)
		w.one(t, c)
		if rec := status(t, c, "contact-0"); rec.Recovery != 2 {
			t.Errorf("the job is doubted for recovery %d, want 2", rec.Recovery)
		}
		if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); err != nil || rec.Key != "control/alpha/2/1" {
			t.Errorf("SendControl = %v, %v, want one of the second recovery", rec, err)
		}
	})
}
