package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// The process dies around each of its two commits; the next one goes on with
// the same ledger.
func TestCrashAtEachStepPrintsOnce(t *testing.T) {
	t.Parallel()
	sending := func(ch []idempotency.Change) bool {
		return ch[0].Record != nil && ch[0].Record.State == idempotency.Sending
	}
	answered := func(ch []idempotency.Change) bool {
		return ch[0].Record != nil && ch[0].Record.State == idempotency.Accepted
	}
	for name, step := range map[string]struct {
		at     func([]idempotency.Change) bool
		after  bool
		stored bool // whether the ledger knows the job afterwards
	}{
		"before the intent": {at: sending},
		"after the intent":  {at: sending, after: true, stored: true},
		"before the answer": {at: answered, stored: true},
		"after the answer":  {at: answered, after: true, stored: true},
	} {
		for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyKey, postproof.IdempotencyRef, postproof.IdempotencyNone} {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					a, b := newPress(t, "alpha", kind), newPress(t, "beta", postproof.IdempotencyKey)
					s := newShaky()
					kill := func(ch []idempotency.Change) error {
						if step.at(ch) {
							s.dead.Store(true)
							return errStore
						}
						return nil
					}
					if step.after {
						s.after = kill
					} else {
						s.before = kill
					}
					first := newClient(t, s, []*press{a, b})
					if _, err := first.Submit(t.Context(), job("a")); !errors.Is(err, errStore) {
						t.Fatalf("Submit = %v", err)
					}
					second := newClient(t, s.Memory, []*press{a, b})
					if _, err := second.Status(t.Context(), "a"); (err == nil) != step.stored {
						t.Fatalf("in the ledger: %v", err)
					}
					time.Sleep(3 * time.Minute) // the lease is over: a control piece from now on proves something
					if _, err := second.Submit(t.Context(), job("control")); err != nil {
						t.Fatal(err)
					}
					if !step.stored {
						if _, err := second.Submit(t.Context(), job("a")); err != nil {
							t.Fatal(err)
						}
					}
					drain(t, second)
					if rec := status(t, second, "a"); rec.State != idempotency.Accepted || a.alive()+b.alive() != 2 {
						t.Fatalf("%v; printed %d at alpha, %d at beta: %v", rec, a.alive(), b.alive(), kinds(t, second, "a"))
					}
				})
			})
		}
	}
}

// A commit that was made but not acknowledged is read again, not assumed.
func TestUnacknowledgedCommitIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, state := range []idempotency.State{idempotency.Sending, idempotency.Accepted} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyNone)
				s := newShaky()
				lost := 0
				s.after = func(ch []idempotency.Change) error {
					if ch[0].Record != nil && ch[0].Record.State == state && lost == 0 {
						lost++
						return errStore
					}
					return nil
				}
				c := newClient(t, s, []*press{p})
				rec, err := c.Submit(t.Context(), job("a"))
				if err != nil || rec.State != idempotency.Accepted || rec.Submissions[0].Sends != 1 || lost != 1 {
					t.Fatalf("Submit = %v, %v; want it accepted by one send", rec, err)
				}
			})
		})
	}
}

// Nothing was made: the caller is told that no paper can be in the mail.
func TestFailedFirstCommitIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		s := newShaky()
		s.before = func([]idempotency.Change) error { return errStore }
		c := newClient(t, s, []*press{p})
		rec, err := c.Submit(t.Context(), job("a"))
		if rec != nil || postproof.DeliveryOf(err) != postproof.NotSent || len(p.times) != 0 {
			t.Fatalf("Submit = %v, %v; %d requests", rec, err, len(p.times))
		}
	})
}

// A first commit in doubt that cannot be read may still come true: a server that
// waits for its standby shows it only then. The caller is not told that nothing
// can be in the mail, and the piece is printed once.
func TestFirstCommitInDoubtMayComeTrue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		s := newShaky()
		var waiting []idempotency.Change
		s.before = func(ch []idempotency.Change) error {
			waiting = slices.Clone(ch)
			return fmt.Errorf("the connection was lost: %w", idempotency.ErrInDoubt)
		}
		c := newClient(t, s, []*press{p}, seldom())
		rec, err := c.Submit(t.Context(), job("a"))
		if rec != nil || postproof.DeliveryOf(err) != postproof.Unknown || postproof.CodeOf(err) != postproof.CodeUnavailable || len(p.times) != 0 {
			t.Fatalf("Submit = %v, %v; %d requests", rec, err, len(p.times))
		}
		s.before = nil
		if errs, err := s.Commit(t.Context(), waiting); err != nil || errs != nil {
			t.Fatal(errs, err)
		}
		p.look = true
		drain(t, c)
		if n := p.alive(); n > 1 {
			t.Errorf("%d pieces, want 1 at most", n)
		}
		if _, err := c.Submit(t.Context(), job("a")); p.alive() > 1 {
			t.Errorf("submitted again: %d pieces, %v", p.alive(), err)
		}
	})
}
