package client_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A version belongs to the history in which it was seen. After a restored backup a
// job comes to the same number again, and the decision about the one that was seen
// is not about the one that is there: it would print what the vendor may have.
func TestADecisionFromBeforeARecoveryIsRefused(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]bool{"after it": false, "meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, live := blind(t), newShaky()
				c := newClient(t, live, []*press{p})
				heldJobs(t, c, p, "a")
				epoch := c.Epoch()
				before := recordOf(t, live.Memory)
				seen := client.VersionOf(epoch, before)
				printed := p.alive()
				old := backupWithArt(t, live.Memory)
				recovers := func() {
					restore(old)
					if _, err := newClient(t, old, []*press{p}).Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
						t.Error(err)
						return
					}
					grown(t, old, before.Fence)
				}
				decide := func(c *client.Client, v client.Version) (*idempotency.Record, error) {
					return c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictPlanned}, client.Actor{By: "ann", Why: "lost"}, client.IfUnchanged(v))
				}
				var again *client.Client
				if meanwhile { // between the check and the commit
					grown(t, old, before.Fence)
					again = newClient(t, old, []*press{p})
					old.before = func([]idempotency.Change) error {
						old.before = nil
						recovers()
						return nil
					}
				} else {
					recovers()
					again = newClient(t, old, []*press{p})
				}
				rec, err := decide(again, seen)
				changed, ok := errors.AsType[*client.ChangedError](err)
				if !ok || !changed.Recovered || changed.Seen != seen || postproof.CodeOf(err) != postproof.CodeConflict ||
					postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), "before the ledger was recovered") {
					t.Fatalf("%v, %v", rec, err)
				}
				now := recordOf(t, old.Memory)
				if !meanwhile && now.Fence != before.Fence {
					t.Fatalf("version %d, want the number that was seen, %d", now.Fence, before.Fence)
				}
				if err := again.Unchanged(t.Context(), now, seen); postproof.CodeOf(err) != postproof.CodeConflict {
					t.Errorf("Unchanged = %v", err)
				}
				drain(t, again)
				if n := p.alive(); n != printed {
					t.Fatalf("%d pieces were printed for it", n-printed)
				}
				// Looked at again, it is decided, and that does print.
				epoch = again.Epoch()
				if _, err := decide(again, client.VersionOf(epoch, recordOf(t, old.Memory))); err != nil {
					t.Fatal(err)
				}
				drain(t, again)
				if n := p.alive(); n != printed+1 {
					t.Errorf("%d pieces after a decision about what is there, want 1", n-printed)
				}
			})
		})
	}
}

// grown has job a come to the number, as leases that are given back do.
func grown(t *testing.T, s *shaky, number uint64) {
	t.Helper()
	for rec := recordOf(t, s.Memory); rec.Fence < number; {
		next := *rec
		next.Fence++
		if err := idempotency.CommitOne(t.Context(), s.Memory, idempotency.Change{Record: &next, Expect: rec.Fence}); err != nil {
			t.Error(err)
			return
		}
		rec = &next
	}
}

// A condition that names no version is a mistake of the caller, and not a decision
// without a condition.
func TestNoVersionIsNoCondition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := blind(t)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p})
		heldJobs(t, c, p, "a")
		before := recordOf(t, store)
		if _, err := c.Release(t.Context(), "a", client.Actor{By: "ann"}, client.IfUnchanged(client.Version{})); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("Release = %v", err)
		}
		if err := c.Unchanged(t.Context(), before, client.Version{}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("Unchanged = %v", err)
		}
		epoch := c.Epoch()
		// Of two versions one at least was not seen, even if the other still holds.
		for _, when := range [][]client.Condition{
			{client.IfUnchanged(client.VersionOf("another history", before)), client.IfUnchanged(client.VersionOf(epoch, before))},
			{client.IfUnchanged(client.VersionOf(epoch, before)), client.IfUnchanged(client.VersionOf("another history", before))},
		} {
			if _, err := c.Release(t.Context(), "a", client.Actor{By: "ann"}, when...); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("Release if it is in two versions = %v", err)
			}
		}
		if now := recordOf(t, store); now.Fence != before.Fence {
			t.Errorf("it was released: %v", now)
		}
	})
}

func TestVersionIsPrintedAndRead(t *testing.T) {
	t.Parallel()
	rec := &idempotency.Record{Fence: 12}
	v := client.VersionOf("one", rec)
	if v.String() != "12.7692c3" || v.Number() != 12 || v.IsZero() { // the mark is of the SHA-256 of the epoch, for good
		t.Errorf("%s, number %d", v, v.Number())
	}
	if other := client.VersionOf("two", rec); v.SameHistory(other) || v == other || !v.SameHistory(client.VersionOf("one", &idempotency.Record{Fence: 3})) {
		t.Errorf("%s and %s", v, other)
	}
	if read, err := client.ParseVersion(v.String()); err != nil || read != v {
		t.Errorf("ParseVersion(%s) = %v, %v", v, read, err)
	}
	type seen struct {
		One  client.Version `json:"one"`
		None client.Version `json:"none"`
	}
	text, err := json.Marshal(seen{One: v})
	if err != nil || string(text) != `{"one":"12.7692c3","none":""}` {
		t.Errorf("%s, %v", text, err)
	}
	var read seen
	if err := json.Unmarshal(text, &read); err != nil || read != (seen{One: v}) {
		t.Errorf("read back %+v, %v", read, err)
	}
	got := map[string]string{}
	for _, text := range []string{
		"", "12", "0", "12.", "12.7692c", "12.7692c30", "12.7692C3", "12.7692cg", "012.7692c3", "+12.7692c3", "0.7692c3", "99999999999999999999.7692c3", ".7692c3", "12.769.c3", " 12.7692c3",
	} {
		v, err := client.ParseVersion(text)
		if !v.IsZero() || postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%q: %v, %v", text, v, err)
			continue
		}
		if strings.Contains(err.Error(), "the number alone") {
			got[text] = "number"
		}
	}
	if diff := cmp.Diff(map[string]string{"12": "number"}, got); diff != "" {
		t.Errorf("told that the history is missing (-want +got):\n%s", diff)
	}
}
