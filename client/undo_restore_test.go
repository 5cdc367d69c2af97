package client_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// backupWithArt is a copy of a ledger with its settings, and the artwork of job.
func backupWithArt(t *testing.T, from *idempotency.Memory) *shaky {
	t.Helper()
	to := backupOf(t, from)
	for _, art := range []string{"<b>front</b>", "<b>back</b>"} {
		if _, err := to.PutBlob(t.Context(), strings.NewReader(art)); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// A job that somebody called canceled can be held again by taking that back, and
// then be sent. After a restored backup nobody knows whether that was done in the
// lost history, and a recovery doubts no job that has ended: so the decision stands,
// also for whoever was about to take it back meanwhile.
func TestUndoAcrossARestore(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]bool{"after it": false, "meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyNone)
				live := newShaky()
				c := newClient(t, live, []*press{p})
				if _, err := c.Enqueue(t.Context(), these(job("a"))); err != nil {
					t.Fatal(err)
				}
				if err := hold(t, c, live.Memory, idempotency.HoldOperator)("a"); err != nil {
					t.Fatal(err)
				}
				decide := func(c *client.Client, v idempotency.Verdict) {
					t.Helper()
					if _, err := c.Decide(t.Context(), "a", client.Decision{Verdict: v}, client.Actor{By: "ann", Why: "asked them"}); err != nil {
						t.Fatal(err)
					}
				}
				decide(c, idempotency.VerdictCanceled)
				old := backupWithArt(t, live.Memory)
				undo(t, c)
				decide(c, idempotency.VerdictPlanned)
				drain(t, c)
				if n := p.alive(); n != 1 {
					t.Fatalf("%d pieces in the lost history, want 1", n)
				}
				again := newClient(t, old, []*press{p})
				recovers := func() {
					restore(old)
					if _, err := newClient(t, old, []*press{p}).Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
						t.Error(err)
					}
				}
				if meanwhile {
					old.before = func([]idempotency.Change) error {
						old.before = nil
						recovers()
						return nil
					}
					if _, err := again.Undo(t.Context(), 1, client.Actor{By: "bob", Why: "a reason"}); err == nil {
						t.Error("it was taken back")
					}
				} else {
					recovers()
				}
				again = newClient(t, old, []*press{p})
				stands(t, again, 1, "recovered since")
				if rec := status(t, again, "a"); rec.State == idempotency.Held {
					decide(again, idempotency.VerdictPlanned)
					drain(t, again)
				}
				if n := p.alive(); n != 1 {
					t.Errorf("%d pieces, want 1", n)
				}
			})
		})
	}
}
