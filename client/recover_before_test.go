package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// twice is one job that a lost history sent, and a backup from before: restored again
// and again, it is one piece.
type twice struct {
	presses []*press
	live    *idempotency.Memory
	opts    []client.Option
	// restores is how often the backup was put back: each is an epoch of its own.
	restores int
}

func newTwice(t *testing.T, presses ...*press) *twice {
	t.Helper()
	w := &twice{presses: presses, live: idempotency.NewMemory(postproof.ModeTest), opts: []client.Option{seldom()}}
	if _, err := newClient(t, w.live, presses, w.opts...).Enqueue(t.Context(), jobs(1)); err != nil {
		t.Fatal(err)
	}
	return w
}

// restored is a client of the backup, put back once more.
func (w *twice) restored(t *testing.T) (*client.Client, *shaky) {
	t.Helper()
	s := backupOf(t, w.live)
	w.restores++
	for range w.restores {
		restore(s)
	}
	return newClient(t, s, w.presses, w.opts...), s
}

func recovered(t *testing.T, c *client.Client, o client.RecoverOptions) client.Recovered {
	t.Helper()
	done, err := c.Recover(t.Context(), client.Actor{By: "ann"}, o)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	return done
}

// control sends control pieces to a vendor.
func control(t *testing.T, c *client.Client, vendor string, n int) {
	t.Helper()
	for range n {
		if rec, err := c.SendControl(t.Context(), vendor, job("of ours"), client.Actor{By: "ann"}); err != nil || rec.State != idempotency.Accepted {
			t.Fatalf("SendControl = %v, %v", rec, err)
		}
	}
}

// of counts the pieces of the one job, under whichever reference.
func (w *twice) of(t *testing.T, p *press) int {
	t.Helper()
	id, err := w.live.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mine := map[string]bool{}
	for gen := range 200 {
		mine[string(id.Namespace.Ref(id.Mode, "contact-0", gen))] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, o := range p.orders {
		if mine[o.Ref] {
			n++
		}
	}
	return n
}

// one fails unless the job is one piece, which the ledger knows.
func (w *twice) one(t *testing.T, c *client.Client) {
	t.Helper()
	n := 0
	for _, p := range w.presses {
		n += w.of(t, p)
	}
	if rec := status(t, c, "contact-0"); n != 1 || rec.State != idempotency.Accepted {
		t.Errorf("%d pieces of the job, want one: %v", n, rec)
	}
}

// allKinds runs a test for vendors that honor a key, a reference, and nothing.
func allKinds(t *testing.T, test func(*testing.T, postproof.IdempotencyKind)) {
	t.Helper()
	for name, kind := range map[string]postproof.IdempotencyKind{
		"key": postproof.IdempotencyKey, "reference": postproof.IdempotencyRef, "keyless": postproof.IdempotencyNone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, kind) })
		})
	}
}

// A backup is restored three times, and nobody says so. Each recovery is noticed by the
// control piece that it sent, however many those were.
func TestRecoverNoticesEarlierRecoveries(t *testing.T) {
	t.Parallel()
	allKinds(t, func(t *testing.T, kind postproof.IdempotencyKind) {
		t.Helper()
		w := newTwice(t, newPress(t, "alpha", kind), newPress(t, "beta", kind))
		for n, controls := range []int{1, 20, 1} {
			c, _ := w.restored(t)
			if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != n || done.Unasked != nil {
				t.Errorf("restored for the %d. time: %d recoveries before, unasked %v", n+1, done.Recoveries, done.Unasked)
			}
			control(t, c, "alpha", controls)
			control(t, c, "beta", 1)
			runFor(t, c, 96*time.Hour)
			w.one(t, c)
		}
	})
}

// One vendor that shows a recovery is enough: the other one was not in use then, or no
// control piece was sent to it.
func TestRecoverNoticesAtAnyVendor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone))
		for n, vendor := range []string{"alpha", "beta", "beta", "alpha"} {
			c, _ := w.restored(t)
			if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != n {
				t.Errorf("%d recoveries before, want %d", done.Recoveries, n)
			}
			control(t, c, vendor, 1)
		}
	})
}

// The first control piece is lost on its way, or refused: the next one tells of the
// recovery all the same.
func TestRecoverNoticesTheNextControlPiece(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault  string
		pieces int
	}{{"drop", 2}, {"422", 2}, {"422", 8}, {"422", 15}} {
		t.Run(fmt.Sprintf("%s, %d times", tc.fault, tc.pieces), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
				for n := range 3 {
					c, _ := w.restored(t)
					if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != n {
						t.Errorf("%d recoveries before, want %d", done.Recoveries, n)
					}
					w.presses[0].faults(onOrder(tc.fault))
					for range tc.pieces {
						if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); err == nil || rec == nil {
							t.Fatalf("SendControl = %v, %v", rec, err)
						}
					}
					w.presses[0].faults(nil)
					control(t, c, "alpha", 1)
					runFor(t, c, 96*time.Hour)
					w.one(t, c)
				}
			})
		})
	}
}

// A vendor that is down keeps nobody from recovering the ledger. Once it answers, it is
// asked before anything is believed to be absent there.
func TestRecoverWhileAVendorIsDown(t *testing.T) {
	t.Parallel()
	allKinds(t, func(t *testing.T, kind postproof.IdempotencyKind) {
		t.Helper()
		w := newTwice(t, newPress(t, "alpha", kind))
		p := w.presses[0]
		for n := range 3 {
			c, s := w.restored(t)
			p.down.Store(n > 0)
			done := recovered(t, c, client.RecoverOptions{DoubtNewFor: -1})
			if n > 0 {
				if diff := cmp.Diff([]string{"alpha"}, done.Unasked); diff != "" || done.Recoveries != 0 {
					t.Errorf("%d recoveries; unasked (-want +got):\n%s", done.Recoveries, diff)
				}
				rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
				if rec != nil || postproof.CodeOf(err) != postproof.CodeUnavailable || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), "cannot be asked") {
					t.Errorf("SendControl to a vendor that is down = %v, %v", rec, err)
				}
			}
			runFor(t, c, time.Hour)
			p.down.Store(false)
			time.Sleep(10 * time.Minute) // its breaker closes
			if n == 1 {
				control(t, c, "alpha", 1)
			} else { // an ordinary job is the control piece, and the workers ask
				accept(t, c, fmt.Sprint("new", n))
			}
			if n == 0 { // a control piece that tells of this recovery
				control(t, c, "alpha", 1)
			}
			// Two processes work on it.
			ctx, stop := context.WithTimeout(t.Context(), 96*time.Hour)
			other := newClient(t, s, w.presses, w.opts...)
			ended := make(chan error, 1)
			go func() { ended <- other.Run(ctx) }()
			runFor(t, c, 96*time.Hour)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			stop()
			w.one(t, c)
		}
	})
}

// A list that stands still shows nothing of an earlier recovery, neither at the
// recovery nor at the control piece. Once it shows a control piece it shows that one,
// too, and is asked again before anything is believed.
func TestRecoverBesideAListThatStoodStill(t *testing.T) {
	t.Parallel()
	allKinds(t, func(t *testing.T, kind postproof.IdempotencyKind) {
		t.Helper()
		w := newTwice(t, newPress(t, "alpha", kind))
		p := w.presses[0]
		for n := range 3 {
			c, _ := w.restored(t)
			p.mu.Lock()
			p.lag = time.Duration(n) * 200 * time.Hour
			p.mu.Unlock()
			if done := recovered(t, c, client.RecoverOptions{DoubtNewFor: -1}); done.Recoveries != 0 {
				t.Fatalf("%d recoveries are shown", done.Recoveries)
			}
			if n == 0 {
				control(t, c, "alpha", 1)
			}
			runFor(t, c, 4*time.Hour)
			p.mu.Lock()
			p.lag = 0
			p.mu.Unlock()
			accept(t, c, fmt.Sprint("new", n)) // a control piece that nobody will know of
			runFor(t, c, 96*time.Hour)
			w.one(t, c)
			if n == 1 {
				control(t, c, "alpha", 1) // for the third
			}
		}
	})
}

// Half a list is no answer: the vendor was not asked.
func TestRecoverBesideHalfAList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone))
		w.presses[0].half.Store(true)
		c, _ := w.restored(t)
		if diff := cmp.Diff([]string{"alpha"}, recovered(t, c, client.RecoverOptions{}).Unasked); diff != "" {
			t.Errorf("unasked (-want +got):\n%s", diff)
		}
		if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); rec != nil || postproof.CodeOf(err) != postproof.CodeUnavailable {
			t.Errorf("SendControl = %v, %v", rec, err)
		}
		control(t, c, "beta", 1)
	})
}

// The first recovery sent nothing but its control piece, the second one went on behind
// what both have doubted: the third one looks as far, also when it learns late.
func TestRecoverBehindTwo(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"at once": false, "late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
				for n := range 3 {
					c, _ := w.restored(t)
					w.presses[0].down.Store(late && n == 2)
					if done := recovered(t, c, client.RecoverOptions{}); len(done.Unasked) == 0 && done.Recoveries != n {
						t.Errorf("%d recoveries before, want %d", done.Recoveries, n)
					}
					w.presses[0].down.Store(false)
					time.Sleep(10 * time.Minute)
					control(t, c, "alpha", 1)
					if n == 0 {
						continue
					}
					runFor(t, c, 144*time.Hour)
					w.one(t, c)
				}
			})
		})
	}
}

// Who was erased before it turned out that there was a recovery before cannot be looked
// for under what that one may have sent: nobody says that nothing was sent.
func TestErasedBeforeAnEarlierRecoveryIsNoticed(t *testing.T) {
	t.Parallel()
	allKinds(t, func(t *testing.T, kind postproof.IdempotencyKind) {
		t.Helper()
		w := newTwice(t, newPress(t, "alpha", kind))
		p := w.presses[0]
		first, _ := w.restored(t)
		recovered(t, first, client.RecoverOptions{DoubtNewFor: -1})
		control(t, first, "alpha", 1)
		runFor(t, first, 24*time.Hour)
		w.one(t, first)

		c, _ := w.restored(t)
		p.down.Store(true)
		recovered(t, c, client.RecoverOptions{DoubtNewFor: -1})
		if _, err := c.Erase(t.Context(), client.Erasure{Keys: []postproof.Key{"contact-0"}, Now: true}, client.Actor{By: "ann", Why: "request"}); err != nil {
			t.Fatal(err)
		}
		p.down.Store(false)
		time.Sleep(10 * time.Minute) // its breaker closes
		control(t, c, "alpha", 1)
		runFor(t, c, 20*24*time.Hour)
		if rec := status(t, c, "contact-0"); (rec.State != idempotency.Held && rec.State != idempotency.Accepted) || w.of(t, p) != 1 {
			t.Errorf("%v, %d pieces: nobody knows whether it was sent", rec, w.of(t, p))
		}
	})
}
