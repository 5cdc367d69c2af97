package client_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// hide takes the order of a job off the press's lists, and returns what brings
// it back.
func (p *press) hide(ref postproof.Ref) (back func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.orders {
		if o.Ref == string(ref) {
			o.Ref = "hidden"
			return func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				o.Ref = string(ref)
			}
		}
	}
	return func() {}
}

// lostJob submits a job whose request never reached the press, so that only a
// proof of absence lets it go on, and waits a minute.
func lostJob(t *testing.T, c *client.Client, p *press) {
	t.Helper()
	p.faults(onOrder("drop"))
	if rec, err := c.Submit(t.Context(), job("a")); err == nil || rec.State != idempotency.Unknown {
		t.Fatalf("Submit = %v, %v", rec, err)
	}
	p.faults(nil)
	time.Sleep(3 * time.Minute)
}

func accept(t *testing.T, c *client.Client, key string) *idempotency.Record {
	t.Helper()
	rec, err := c.Submit(t.Context(), job(key))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// A control piece that the vendor does not list any more does not keep absence
// from being proven for ever: the next one is tried.
func TestControlPieceThatIsGoneIsReplaced(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]int{"of this process": 2, "of another process": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store, log := newPress(t, "alpha", postproof.IdempotencyNone), newShaky(), &logs{}
				opts := client.WithLogger(log.logger())
				c := newClient(t, store, []*press{p}, opts)
				lostJob(t, c, p)
				for i := range gone {
					p.hide(accept(t, c, fmt.Sprint("gone", i)).Receipt.Ref)
					time.Sleep(6 * time.Minute)
				}
				accept(t, c, "there")
				restart := gone > 2
				if restart {
					c = newClient(t, store, []*press{p}, opts)
				}
				runFor(t, c, 6*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 {
					t.Errorf("%v, want accepted in the second generation", rec)
				}
				if n := log.count("does not find a piece that it accepted"); n > gone || (n != gone && !restart) {
					t.Errorf("told %d times of %d pieces that are gone", n, gone)
				}
			})
		})
	}
}

// A control piece that is young may not be listed yet: it is not given up, and
// an answer beside which it is missing proves nothing.
func TestYoungControlPieceIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		c := newClient(t, newShaky(), []*press{p})
		lostJob(t, c, p)
		time.Sleep(26 * time.Minute)
		back := p.hide(accept(t, c, "young").Receipt.Ref)
		runFor(t, c, 20*time.Minute) // the first look-up is in it
		if rec := status(t, c, "a"); rec.Submissions[0].LookUps == 0 || rec.Submissions[0].Misses != 0 {
			t.Errorf("%d look-ups, %d of them proofs, without a control piece", rec.Submissions[0].LookUps, rec.Submissions[0].Misses)
		}
		back()
		runFor(t, c, 6*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 {
			t.Errorf("%v, want accepted in the second generation", rec)
		}
	})
}

// A piece of another account says nothing about a look-up under this one.
func TestControlPieceIsOfTheSameAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), newShaky()
		lostJob(t, newClient(t, store, []*press{p}), p)
		p.key = "another account's"
		accept(t, newClient(t, store, []*press{p}), "other")
		p.key = "k"
		c := newClient(t, store, []*press{p}) // nothing but the ledger tells it of control pieces
		runFor(t, c, 6*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Unknown || rec.Submissions[0].LookUps < 2 || rec.Submissions[0].Misses != 0 {
			t.Errorf("%v, %d look-ups, %d of them proofs: a piece of another account counts", rec, rec.Submissions[0].LookUps, rec.Submissions[0].Misses)
		}
		accept(t, c, "same")
		runFor(t, c, 12*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 2 {
			t.Errorf("%v, want accepted in the second generation", rec)
		}
	})
}
