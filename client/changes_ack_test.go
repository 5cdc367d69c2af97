package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// An acknowledgement that is lost is looked up: what was done is told once, and
// what was not is not told.
func TestChangeLogWithoutAcknowledgement(t *testing.T) {
	t.Parallel()
	for i, a := range acts() {
		t.Run(fmt.Sprintf("%s %d", a.want.Action, i), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := blind(t)
				store := newShaky()
				c := newClient(t, store, []*press{p}, client.WithCanary("summer", 1))
				heldJobs(t, c, p, "a", "b", "c", "d")
				if _, err := c.Enqueue(t.Context(), these(job("w"))); err != nil {
					t.Fatal(err)
				}
				first := uint64(0)
				if a.want.Action == client.ActionResume {
					if first = 1; acts()[0].do(t.Context(), c) != nil {
						t.Fatal("not paused")
					}
				}
				var lost atomic.Bool
				store.after = func([]idempotency.Change) error {
					if lost.CompareAndSwap(false, true) {
						return errStore
					}
					return nil
				}
				if err := a.do(t.Context(), c); err != nil || !lost.Load() {
					t.Fatalf("it was done, and the error is %v", err)
				}
				all := changes(t, c, client.ChangeQuery{After: first})
				if len(all) != 1 || all[0].Action != a.want.Action {
					t.Errorf("told as %+v", all)
				}
				verified(t, c)
			})
		})
	}
}

// What is returned is what was done, also when its acknowledgement was lost.
func TestChangeLogAnswersWithoutAcknowledgement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := newShaky()
		c := newClient(t, store, []*press{p})
		if _, err := c.Enqueue(t.Context(), these(job("w"))); err != nil {
			t.Fatal(err)
		}
		store.after = func([]idempotency.Change) error { return errStore }
		if e := pause(t, c, client.CampaignTarget("spring")); e.N != 1 || e.Digest == "" {
			t.Errorf("%+v", e)
		}
		if rec, err := c.Cancel(t.Context(), "w", client.Actor{By: "ann"}); err != nil || rec.State != idempotency.Canceled {
			t.Errorf("%v, %v", rec, err)
		}
	})
}

// The entry that stands in the place of one that was not acknowledged may be
// somebody else's: then nothing was done.
func TestChangeLogOvertakenWithoutAcknowledgement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := newShaky()
		c, other := newClient(t, store, []*press{p}), newClient(t, store.Memory, []*press{p})
		store.before = func([]idempotency.Change) error {
			pause(t, other, client.CampaignTarget("other"))
			return errStore
		}
		if _, err := c.Pause(t.Context(), client.CampaignTarget("spring"), client.Actor{By: "ann", Why: "a reason"}); !errors.Is(err, errStore) {
			t.Errorf("the error is %v", err)
		}
		store.before = nil
		if got, err := c.Paused(t.Context()); err != nil || len(got) != 1 || got[0].Target.Name != "other" {
			t.Errorf("%v, %v", got, err)
		}
		if head := verified(t, c); head.N != 1 {
			t.Errorf("%d entries", head.N)
		}
	})
}

// Where nobody can say whether it was done, the error does not say that it was not.
func TestChangeLogWhenNobodyKnows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := newShaky()
		mute := &muteSettings{shaky: store}
		c := newClient(t, mute, []*press{p})
		store.after = func([]idempotency.Change) error {
			mute.off.Store(true)
			return errStore
		}
		_, err := c.Pause(t.Context(), client.CampaignTarget("spring"), client.Actor{By: "ann", Why: "a reason"})
		if postproof.DeliveryOf(err) != postproof.Unknown || !strings.Contains(err.Error(), "not known") {
			t.Errorf("the error is %v", err)
		}
		store.after = nil
		mute.off.Store(false)
		if got, err := c.Paused(t.Context()); err != nil || len(got) != 1 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// muteSettings is a store whose settings cannot be read for a while.
type muteSettings struct {
	*shaky
	off atomic.Bool
}

func (s *muteSettings) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	if s.off.Load() {
		return idempotency.Setting{}, errStore
	}
	return s.shaky.Setting(ctx, name)
}

// slow is a ledger whose next commit comes true after it was given up.
type slow struct {
	*idempotency.Memory
	late func()
}

func (s *slow) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if s.late == nil && len(changes[0].Settings) > 0 {
		s.late = func() { _, _ = s.Memory.Commit(context.WithoutCancel(ctx), changes) }
		return nil, errors.Join(errors.New("the connection was lost"), idempotency.ErrInDoubt)
	}
	return s.Memory.Commit(ctx, changes)
}

// A person's word whose commit is in doubt may come true any time: nobody says that it
// was not done.
func TestAPersonsWordInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{Memory: idempotency.NewMemory(postproof.ModeTest)}
		c := newClient(t, s, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
		if _, err := c.Enqueue(t.Context(), one(job("a"))); err != nil {
			t.Fatal(err)
		}
		_, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"})
		if !errors.Is(err, idempotency.ErrInDoubt) || postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatalf("Cancel = %v", err)
		}
		s.late()
		if rec := status(t, c, "a"); rec.State != idempotency.Canceled {
			t.Fatalf("%v: the test looks at nothing", rec)
		}
		if strings.Contains(err.Error(), "it was not done") || !strings.Contains(err.Error(), "is not known") {
			t.Errorf("the error says %q, and it was done", err)
		}
	})
}
