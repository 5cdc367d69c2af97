package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// halted is a store that is gone before an epoch is accepted.
type halted struct {
	*shaky

	halt bool
}

func (s *halted) AcceptEpoch(ctx context.Context, epoch string, ns idempotency.Namespace) error {
	if s.halt || s.dead.Load() {
		return errStore
	}
	return s.shaky.AcceptEpoch(ctx, epoch, ns)
}

// A recovery that is killed, wherever it was, and begun anew is one: the next one finds
// its control piece, and counts it once.
func TestRecoverKilledIsOneRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		for n := range 3 {
			s := &halted{shaky: backupOf(t, w.live), halt: true}
			restore(s.shaky)
			for commits := range 4 { // of the job, of the number, and twice of neither
				left := commits
				s.before = func([]idempotency.Change) error {
					if left--; left < 0 {
						return errStore
					}
					return nil
				}
				if _, err := newClient(t, s, w.presses).Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); !errors.Is(err, errStore) {
					t.Fatalf("killed at commit %d: %v", commits, err)
				}
			}
			s.before, s.halt = nil, false
			c := newClient(t, s, w.presses, w.opts...)
			if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != n {
				t.Errorf("%d recoveries before, want %d", done.Recoveries, n)
			}
			rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
			if want := postproof.Key(fmt.Sprintf("control/alpha/%d/1", n+1)); err != nil || rec.Key != want {
				t.Errorf("SendControl = %v, %v, want it under %s", rec, err, want)
			}
			runFor(t, c, 96*time.Hour)
			w.one(t, c)
		}
	})
}

// More recoveries than a doubt reaches behind are an error that says what to do, and
// not a ledger that goes on.
func TestRecoverTooOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		for n := range 10 {
			c, s := w.restored(t)
			done, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{})
			if n == 9 {
				id, _ := s.Identity(t.Context())
				if postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), "later backup") || !id.EpochChanged() {
					t.Errorf("the %d. recovery: %v, changed %v", n+1, err, id.EpochChanged())
				}
				return
			}
			if err != nil || done.Recoveries != n {
				t.Fatalf("the %d. recovery: %+v, %v", n+1, done, err)
			}
			time.Sleep(time.Second)
			control(t, c, "alpha", 1)
		}
	})
}

// What is stated is the least: recoveries that no control piece tells of are counted,
// and the next one is numbered behind them.
func TestRecoverBehindWhatIsStated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		for n, tc := range []struct{ stated, want int }{{2, 2}, {0, 3}, {1, 4}, {6, 6}, {0, 7}} {
			c, _ := w.restored(t)
			if done := recovered(t, c, client.RecoverOptions{Recoveries: tc.stated}); done.Recoveries != tc.want {
				t.Errorf("%d: %d stated, %d counted, want %d", n, tc.stated, done.Recoveries, tc.want)
			}
			control(t, c, "alpha", 1)
		}
	})
}

// A ledger goes on: its backups know of the recoveries that they were taken after, and
// its own control pieces are no other's, pruned or not.
func TestRecoverOfALaterBackup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyKey))
		c, s := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 3)
		w.live = s.Memory
		for n, want := range []int{0, 1, 0} {
			if n == 2 { // the last one goes on, and is old
				w.live = s.Memory
				time.Sleep(400 * 24 * time.Hour)
				if _, err := c.Prune(t.Context(), time.Now().Add(-40*24*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			c, s = w.restored(t)
			if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != want {
				t.Errorf("%d: %d recoveries before, want %d", n, done.Recoveries, want)
			}
			control(t, c, "alpha", 2)
			if n < 2 {
				runFor(t, c, 96*time.Hour)
				w.one(t, c)
			}
		}
	})
}

// Before the ledger is recovered a control piece asks nobody, and takes no number from
// the recovery to come.
func TestControlPieceBeforeTheRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyKey))
		c, s := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		w.live = s.Memory
		c, _ = w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 1)
		c, _ = w.restored(t)
		if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); rec != nil || !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("SendControl before the recovery = %v, %v", rec, err)
		}
		if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != 1 {
			t.Errorf("%d recoveries before, want 1", done.Recoveries)
		}
	})
}

// A copy has a namespace of its own: it asks for nothing of its original's, and its
// recoveries count from there.
func TestRecoverOfACopyIsItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyKey))
		c, s := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 1)
		w.live = s.Memory
		asked := 0
		w.presses[0].faults(func(op, _ string, _ int) string {
			if op == "/find" {
				asked++
			}
			return ""
		})
		c, s = w.restored(t)
		if done := recovered(t, c, client.RecoverOptions{Copy: true}); done.Recoveries != 0 || done.Unasked != nil || asked != 0 {
			t.Errorf("a copy: %+v, %d look-ups", done, asked)
		}
		w.live = s.Memory
		for n := range 2 {
			c, _ = w.restored(t)
			if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != n {
				t.Errorf("a backup of the copy: %d recoveries before, want %d", done.Recoveries, n)
			}
			control(t, c, "alpha", 1)
		}
	})
}

// A vendor that cannot look a reference up is not asked, and not waited for: nothing in
// doubt goes on there by itself.
func TestRecoverWithoutLookUps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.look = false
		w := newTwice(t, p)
		for range 2 {
			c, _ := w.restored(t)
			if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != 0 || done.Unasked != nil {
				t.Errorf("%+v", done)
			}
			control(t, c, "alpha", 1)
			runFor(t, c, 24*time.Hour)
			if rec := status(t, c, "contact-0"); rec.State != idempotency.Held {
				t.Errorf("%v, want it held", rec)
			}
		}
	})
}

// A canceled control piece tells of its recovery, too; and of one that the list did not
// show at the recovery the next control piece learns, before it is sent.
func TestControlPieceLearnsOfAnEarlierRecovery(t *testing.T) {
	t.Parallel()
	allKinds(t, func(t *testing.T, kind postproof.IdempotencyKind) {
		t.Helper()
		w := newTwice(t, newPress(t, "alpha", kind))
		p := w.presses[0]
		c, _ := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 1)
		if _, err := c.Cancel(t.Context(), "control/alpha/1/1", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, c, 96*time.Hour)
		if n := p.alive(); n != 1 {
			t.Fatalf("%d pieces, want one, and the control piece canceled", n)
		}
		p.faults(func(op, _ string, _ int) string {
			if op == "/find" {
				return "500"
			}
			return ""
		})
		r := newRecorder()
		w.opts = append(w.opts, client.WithMeterProvider(r))
		c, s := w.restored(t)
		if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != 0 {
			t.Fatalf("%+v", done)
		}
		p.faults(nil)
		time.Sleep(10 * time.Minute)
		control(t, c, "alpha", 1)
		if rec := status(t, c, "control/alpha/2/1"); rec.State != idempotency.Accepted {
			t.Errorf("the control piece is not of the second recovery: %v", rec)
		}
		var told []idempotency.Entry
		for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == "recovered_before" {
				told = append(told, idempotency.Entry{Kind: e.Kind, Vendor: e.Vendor, Note: e.Note})
			}
		}
		if listed := r.incidents(t, c); listed["recovered_before"] != 1 {
			t.Errorf("incidents %v", listed)
		}
		want := []idempotency.Entry{{Kind: "recovered_before", Vendor: "alpha", Note: "1 that the ledger did not know of"}}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("the history (-want +got):\n%s", diff)
		}
		if _, err := c.Submit(t.Context(), job("new")); err == nil {
			t.Error("a key that is new is not doubted")
		}
		if a, b := len(status(t, c, "new").Submissions), len(status(t, c, "contact-0").Submissions); a <= b {
			t.Errorf("%d references of a new key are doubted, and %d of one that was doubted before it was learned", a, b)
		}
		runFor(t, c, 96*time.Hour)
		w.one(t, c)
	})
}

// What a vendor showed is noted in the history that it was asked for: a ledger that is
// restored in that moment comes to the same versions again, and knows of its own.
func TestNumberAcrossARestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		p := w.presses[0]
		c, _ := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 1)
		p.down.Store(true)
		c, s := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		p.down.Store(false)
		time.Sleep(10 * time.Minute)
		other, old := w.restored(t)
		recovered(t, other, client.RecoverOptions{})
		want, err := old.Setting(t.Context(), "recover/number")
		if err != nil {
			t.Fatal(err)
		}
		s.onSetting("recover/number", 1, func() { s.Memory = old.Memory })
		if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); rec != nil || err == nil || s.before != nil {
			t.Errorf("SendControl across a restore = %v, %v", rec, err)
		}
		if got, err := old.Setting(t.Context(), "recover/number"); err != nil || string(got.Value) != string(want.Value) {
			t.Errorf("the restored ledger knows %s, want %s (%v)", got.Value, want.Value, err)
		}
	})
}

// A worker learns of another recovery in the moment in which a control piece is made:
// that one is of the number which holds then.
func TestControlPieceIsOfTheNumberThatHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyKey))
		c, s := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		s.onSetting("log/head", 1, func() {
			set, err := s.Setting(t.Context(), "recover/number")
			if err != nil {
				t.Fatal(err)
			}
			write := idempotency.SettingWrite{Name: set.Name, Value: []byte(strings.Replace(string(set.Value), `"number":1`, `"number":3`, 1)), Expect: set.Version}
			if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Settings: []idempotency.SettingWrite{write}}); err != nil {
				t.Fatal(err)
			}
		})
		control(t, c, "alpha", 1)
		if rec, err := c.Status(t.Context(), "control/alpha/3/1"); err != nil || rec.State != idempotency.Accepted || s.before != nil {
			t.Errorf("%v, %v: the control piece is not of the number that holds", rec, err)
		}
	})
}

// A version that numbered no recoveries has recovered the ledger, and its control pieces
// had keys of chance: the next one is numbered, and tells of that recovery.
func TestControlPieceOfALedgerWithoutNumbers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		s := backupOf(t, w.live)
		write := idempotency.SettingWrite{Name: "recover/doubt", Value: []byte(`{"until":"2000-01-01T00:00:00Z","lost":60000000000}`)}
		if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Settings: []idempotency.SettingWrite{write}}); err != nil {
			t.Fatal(err)
		}
		old := newClient(t, s, w.presses, w.opts...)
		accept(t, old, "control/7K2M9Q4T1B8X6Z0W")
		control(t, old, "alpha", 2)
		c, _ := w.restored(t)
		if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != 1 {
			t.Errorf("%d recoveries before, want 1", done.Recoveries)
		}
	})
}

// Several processes recover one ledger at a time: that is one recovery.
func TestRecoverByManyIsOneRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
		for n := range 2 {
			c, s := w.restored(t)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if _, err := newClient(t, s, w.presses, w.opts...).Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil && !errors.Is(err, idempotency.ErrStale) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			recovered(t, c, client.RecoverOptions{})
			control(t, c, "alpha", 1)
			if rec, err := c.Status(t.Context(), postproof.Key(fmt.Sprintf("control/alpha/%d/1", n+1))); err != nil {
				t.Errorf("the %d. recovery has another number: %v, %v", n+1, rec, err)
			}
		}
	})
}
