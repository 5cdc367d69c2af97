package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A restored ledger comes to the fences of its lost history again. An answer
// that was on its way meanwhile must not put the lost record over the doubts of
// the recovery: another vendor may have the piece since.
func TestAnswerAcrossARestoreKeepsTheDoubts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha, beta := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		s := newShaky()
		c := newClient(t, s, []*press{alpha, beta})
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		old := backup(t, s.Memory)
		id := idempotency.IDOf(job("contact-0").Key)
		s.before = func(changes []idempotency.Change) error {
			if len(alpha.times) == 0 || changes[0].Record == nil {
				return nil
			}
			s.before = nil
			restore(old)
			if _, err := newClient(t, old, []*press{alpha, beta}).Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
				t.Error(err)
			}
			for { // others work on it, until the fence is the one that was read
				rec, err := old.Get(t.Context(), id)
				if err != nil {
					return err
				}
				if rec.Fence >= changes[0].Expect {
					break
				}
				next := *rec
				next.Fence++
				if err := idempotency.CommitOne(t.Context(), old, idempotency.Change{Record: &next, Expect: rec.Fence}); err != nil {
					t.Error(err)
				}
			}
			s.Memory = old.Memory
			return nil
		}
		if rec, err := c.Submit(t.Context(), job("contact-0")); s.before != nil {
			t.Fatalf("no answer was written: %v, %v", rec, err)
		}
		rec, err := old.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		doubted := map[string]bool{}
		for _, sub := range rec.Submissions {
			doubted[sub.Vendor] = true
		}
		if !doubted["beta"] || rec.State != idempotency.Accepted || alpha.alive()+beta.alive() != 1 {
			t.Errorf("%v: vendors %v, %d pieces", rec, doubted, alpha.alive()+beta.alive())
		}
	})
}

// Before the recovery nobody changes a job: what the lost history sent would be
// called canceled, though nothing was read back, or be hidden behind a new
// generation, and Recover would not look for it.
func TestPeopleWaitForTheRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		live := newShaky()
		before := newClient(t, live, []*press{p})
		if _, err := before.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		old := backup(t, live.Memory)
		drain(t, before) // lost
		restore(old)
		c := newClient(t, old, []*press{p})
		if rec, err := c.Cancel(t.Context(), job("contact-0").Key, client.Actor{By: "ann"}); !errors.Is(err, client.ErrEpochChanged) || rec.State != idempotency.Planned {
			t.Errorf("Cancel before the recovery = %v, %v", rec, err)
		}
		if rec, err := c.Refresh(t.Context(), job("contact-0").Key); !errors.Is(err, client.ErrEpochChanged) || rec.State != idempotency.Planned {
			t.Errorf("Refresh before the recovery = %v, %v", rec, err)
		}
		if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		if rec, err := c.Cancel(t.Context(), job("contact-0").Key, client.Actor{By: "ann"}); err != nil || rec.State != idempotency.Unknown {
			t.Errorf("Cancel after the recovery = %v, %v", rec, err)
		}
	})
}

// What was claimed in the lost history is not worked on in the present one, even
// when the client has heard of that between the claim and the work.
func TestClaimAcrossARestoreSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		alpha, beta := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		s := &claimed{shaky: newShaky()}
		c := newClient(t, s, []*press{alpha, beta})
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		old := backup(t, s.Memory)
		id := idempotency.IDOf(job("contact-0").Key)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s.after = func(recs []*idempotency.Record) {
			s.after = nil
			restore(old)
			other := newClient(t, old, []*press{alpha, beta})
			if _, err := other.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
				t.Error(err)
			}
			for {
				rec, err := old.Get(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				if rec.Fence >= recs[0].Fence {
					break
				}
				next := *rec
				next.Fence++
				if err := idempotency.CommitOne(t.Context(), old, idempotency.Change{Record: &next, Expect: rec.Fence}); err != nil {
					t.Error(err)
				}
			}
			s.Memory = old.Memory
			time.Sleep(10 * time.Second) // the lease is still a fresh one
			// It hears of the new history, and puts the job in doubt like all others.
			if rec, err := c.Submit(t.Context(), job("another")); err == nil || rec.State != idempotency.Unknown {
				t.Errorf("Submit after the recovery = %v, %v", rec, err)
			}
			time.AfterFunc(time.Second, stop) // what was claimed is begun
		}
		_ = c.Run(ctx)
		if s.after != nil {
			t.Fatal("nothing was claimed")
		}
		if n := alpha.alive() + beta.alive(); n != 0 {
			t.Errorf("%d pieces, want none before the doubts are settled", n)
		}
		rec, err := old.Get(t.Context(), id)
		if err != nil || rec.State != idempotency.Unknown || len(rec.Submissions) < 2 {
			t.Errorf("%v, %v: want it in doubt at both vendors", rec, err)
		}
	})
}

// claimed is a store that does something after the first claim, and has no work
// after it.
type claimed struct {
	*shaky

	after func([]*idempotency.Record)
}

func (s *claimed) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	if s.after == nil {
		return nil, nil
	}
	recs, err := s.shaky.Claim(ctx, req)
	if len(recs) > 0 {
		s.after(recs)
	}
	return recs, err
}
