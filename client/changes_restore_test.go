package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// backupOf is a copy of a ledger with its settings, as a backup has it.
func backupOf(t *testing.T, from *idempotency.Memory) *shaky {
	t.Helper()
	to := backup(t, from)
	for set, err := range from.Settings(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		for version := range set.Version {
			w := idempotency.SettingWrite{Name: set.Name, Value: set.Value, Expect: version}
			if err := idempotency.CommitOne(t.Context(), to, idempotency.Change{Settings: []idempotency.SettingWrite{w}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}

// onSetting calls do before the n-th commit that writes the setting.
func (s *shaky) onSetting(name string, n int, do func()) {
	s.before = func(changes []idempotency.Change) error {
		for _, w := range changes[0].Settings {
			if w.Name == name {
				if n--; n == 0 {
					s.before = nil
					do()
				}
				break
			}
		}
		return nil
	}
}

// A restored ledger comes to the versions of its lost history again. What somebody
// is about to write meanwhile must not take the place of what was done since: that
// would end a pause which holds, and break the change log.
func TestPauseAcrossARestore(t *testing.T) {
	t.Parallel()
	s := newShaky()
	c := newClient(t, s, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
	pause(t, c, client.CampaignTarget("spring"))
	old := backupOf(t, s.Memory)
	pause(t, c, client.CampaignTarget("lost"))
	s.onSetting("pauses", 1, func() {
		restore(old)
		pause(t, newClient(t, old, []*press{newPress(t, "alpha", postproof.IdempotencyKey)}), client.CampaignTarget("since"))
		s.Memory = old.Memory
	})
	pause(t, c, client.CampaignTarget("summer"))
	if s.before != nil {
		t.Fatal("nothing was written")
	}
	if _, err := c.VerifyChanges(t.Context()); err != nil {
		t.Errorf("the change log: %v", err)
	}
	all, err := c.Paused(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Target.Name)
	}
	if diff := cmp.Diff([]string{"spring", "since", "summer"}, names); diff != "" {
		t.Errorf("paused (-want +got):\n%s", diff)
	}
}

// A process that goes on with a replay does not tell the restored ledger how far
// it came in the lost one: those rows would be left out, and the run called
// finished.
func TestReplayAcrossARestore(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]int{"before how far it is is written": 2, "before its end is written": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b bubble) {
				t, p := b.t, b.press
				s := newShaky()
				c := newClient(t, s, []*press{p})
				rows := takeList(t, list(5))
				made := plan(t, c, replayOf(rows, "run"))
				var old *shaky
				s.onSetting("replay/run", write, func() {
					restore(old)
					if _, err := newClient(t, old, []*press{p}).Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{DoubtNewFor: -1}); err != nil {
						t.Error(err)
					}
					s.Memory = old.Memory
				})
				before := s.before
				s.before = func(changes []idempotency.Change) error {
					if changes[0].Record != nil && old == nil { // the run has begun
						old = backupOf(t, s.Memory)
					}
					return before(changes)
				}
				_, err := c.RunReplay(t.Context(), made, client.Actor{By: "ann"}, client.ReplayOptions{})
				if !errors.Is(err, client.ErrEpochChanged) {
					t.Errorf("err = %v, want ErrEpochChanged", err)
				}
				s.before = nil
				// The identity is looked at again after a poll interval.
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_ = c.Run(ctx)
				// What was planned is over with the history that it was planned on.
				if _, err := c.RunReplay(t.Context(), made, client.Actor{By: "ann"}, client.ReplayOptions{}); !errors.Is(err, client.ErrReplayChanged) {
					t.Errorf("the old plan: err = %v, want ErrReplayChanged", err)
				}
				if got := runReplay(t, c, plan(t, c, replayOf(rows, "run"))); got.Handed != 5 {
					t.Errorf("%d jobs were handed over, want all 5", got.Handed)
				}
			})
		})
	}
}

// An erasure that began before a restore looks at the records again: what it read
// is of the lost history.
func TestEraseAcrossARestore(t *testing.T) {
	t.Parallel()
	s, p := newShaky(), newPress(t, "alpha", postproof.IdempotencyKey)
	c := newClient(t, s, []*press{p})
	if _, err := c.Enqueue(t.Context(), one(ada())); err != nil {
		t.Fatal(err)
	}
	old := backup(t, s.Memory)
	if _, err := c.Cancel(t.Context(), adaKey, client.Actor{By: "ann"}); err != nil { // which the backup does not have
		t.Fatal(err)
	}
	lost := status(t, c, adaKey)
	s.onSetting("erase/pending", 1, func() {
		restore(old)
		other := newClient(t, old, []*press{p})
		if _, err := other.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
			t.Error(err)
		}
		for rec := status(t, other, adaKey); rec.Fence < lost.Fence; rec = status(t, other, adaKey) {
			next := *rec
			next.Fence++
			if err := idempotency.CommitOne(t.Context(), old, idempotency.Change{Record: &next, Expect: rec.Fence}); err != nil {
				t.Error(err)
			}
		}
		s.Memory = old.Memory
	})
	e := eraseAda()
	e.Now = true
	rep := erase(t, c, e)
	if s.before != nil {
		t.Fatal("nothing was written")
	}
	// The recovery doubts the job: the piece, if there is one, must be found.
	if got := outcomeOf(t, rep); got.Outcome != client.ErasureFollowed || got.State != idempotency.Unknown {
		t.Errorf("%s, %s: want it followed, in doubt", got.Outcome, got.State)
	}
}
