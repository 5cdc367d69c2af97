package client_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// recoverAsOlder recovers a ledger as a version of the library does that numbers no
// recoveries: it doubts the open jobs, of whose number it knows nothing, and leaves that
// of the ledger as it was.
func recoverAsOlder(t *testing.T, s *shaky, c *client.Client) {
	t.Helper()
	set, err := s.Setting(t.Context(), "recover/number")
	if err != nil {
		t.Fatal(err)
	}
	recovered(t, c, client.RecoverOptions{})
	now, err := s.Setting(t.Context(), "recover/number")
	if err != nil {
		t.Fatal(err)
	}
	all := []idempotency.Change{{Settings: []idempotency.SettingWrite{{Name: "recover/number", Value: set.Value, Expect: now.Version}}}}
	for rec, err := range s.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		next := *rec
		next.Fence, next.Recovery = rec.Fence+1, 0
		all = append(all, idempotency.Change{Record: &next, Expect: rec.Fence})
	}
	for _, ch := range all {
		if err := idempotency.CommitOne(t.Context(), s, ch); err != nil {
			t.Fatal(err)
		}
	}
}

// A ledger that numbers its recoveries is restored once more, and recovered by a process
// that still runs an older version: control pieces can be sent, what is in doubt comes to
// its end, and later recoveries, of this ledger and of the first backup, count it.
func TestRecoverByAnOlderVersionAfterANumberedOne(t *testing.T) {
	t.Parallel()
	allKinds(t, func(t *testing.T, kind postproof.IdempotencyKind) {
		t.Helper()
		w := newTwice(t, newPress(t, "alpha", kind))
		c, s := w.restored(t)
		recovered(t, c, client.RecoverOptions{})
		control(t, c, "alpha", 1)
		runFor(t, c, 96*time.Hour)
		restore(s)
		recoverAsOlder(t, s, newClient(t, s, w.presses, w.opts...))
		c = newClient(t, s, w.presses, w.opts...)
		rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"})
		if err != nil || rec.Key != "control/alpha/2/1" {
			t.Fatalf("SendControl = %v, %v, want a piece of the second recovery", rec, err)
		}
		control(t, newClient(t, s, w.presses, w.opts...), "alpha", 1) // by the next process
		runFor(t, c, 96*time.Hour)
		w.one(t, c)
		restore(s)
		c = newClient(t, s, w.presses, w.opts...)
		recovered(t, c, client.RecoverOptions{})
		if rec, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); err != nil || rec.Key != "control/alpha/3/1" {
			t.Errorf("SendControl = %v, %v, want a piece of the third recovery", rec, err)
		}
		c, _ = w.restored(t)
		if done := recovered(t, c, client.RecoverOptions{}); done.Recoveries != 3 {
			t.Errorf("%d recoveries before, want all three", done.Recoveries)
		}
		control(t, c, "alpha", 1)
		runFor(t, c, 96*time.Hour)
		w.one(t, c)
	})
}
