package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Between what a person saw and the decision the job may have changed. Then the
// decision is about another job, and is refused with what happened.
func TestADecisionIsAboutTheJobThatWasSeen(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		meanwhile func(*testing.T, *client.Client, *idempotency.Memory)
		state     idempotency.State
		since     []string // kinds
		says      string
	}{
		"nothing": {meanwhile: func(*testing.T, *client.Client, *idempotency.Memory) {}},
		"a worker had it, and gave it back": {meanwhile: func(t *testing.T, _ *client.Client, store *idempotency.Memory) {
			t.Helper()
			rec := recordOf(t, store)
			for range 2 {
				next := *rec
				next.Fence++
				if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Record: &next, Expect: rec.Fence}); err != nil {
					t.Fatal(err)
				}
				rec = &next
			}
		}},
		"a late answer": {
			func(t *testing.T, c *client.Client, store *idempotency.Memory) {
				t.Helper()
				s := recordOf(t, store).Current()
				e := postproof.Event{Vendor: s.Vendor, Account: s.Account, Mode: postproof.ModeTest, Ref: s.Ref, VendorID: "alpha_1", Status: postproof.Status{Stage: postproof.StageMailed, Source: postproof.SourceCallback}}
				if _, err := c.Observe(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}, idempotency.Accepted, []string{"accepted", "status"}, "accepted (alpha)",
		},
		"somebody else decided": {
			func(t *testing.T, c *client.Client, _ *idempotency.Memory) {
				t.Helper()
				if _, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictCanceled}, client.Actor{By: "bob", Why: "was quicker"}); err != nil {
					t.Fatal(err)
				}
			}, idempotency.Canceled, []string{"decided", "canceled"}, "decided",
		},
		"somebody decided, and thought better of it": {
			func(t *testing.T, c *client.Client, _ *idempotency.Memory) {
				t.Helper()
				if _, err := c.Release(t.Context(), "a", client.Actor{By: "bob"}); err != nil {
					t.Fatal(err)
				}
				undo(t, c)
			}, idempotency.Held, []string{"released", "reopened"}, "released, reopened",
		},
	} {
		for word, says := range map[string]func(*client.Client, client.Version) (*idempotency.Record, error){
			"decide": func(c *client.Client, seen client.Version) (*idempotency.Record, error) {
				return c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictPlanned}, client.Actor{By: "ann", Why: "lost"}, client.IfUnchanged(seen))
			},
			"release": func(c *client.Client, seen client.Version) (*idempotency.Record, error) {
				return c.Release(t.Context(), "a", client.Actor{By: "ann"}, client.IfUnchanged(seen))
			},
			"cancel": func(c *client.Client, seen client.Version) (*idempotency.Record, error) {
				return c.Cancel(t.Context(), "a", client.Actor{By: "ann"}, client.IfUnchanged(seen))
			},
		} {
			t.Run(name+", "+word, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := blind(t)
					store := idempotency.NewMemory(postproof.ModeTest)
					c := newClient(t, store, []*press{p})
					heldJobs(t, c, p, "a")
					seen := client.VersionOf(c.Epoch(), recordOf(t, store))
					tc.meanwhile(t, c, store)
					before := recordOf(t, store)
					unchanged := c.Unchanged(t.Context(), before, seen)
					rec, err := says(c, seen)
					if tc.since == nil {
						if err != nil || unchanged != nil || rec.Fence != before.Fence+1 {
							t.Fatalf("refused for nothing: %v, %v, %v", rec, err, unchanged)
						}
						return
					}
					changed, ok := errors.AsType[*client.ChangedError](err)
					if !ok || postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.NotSent || unchanged == nil {
						t.Fatalf("err = %v, %v", err, unchanged)
					}
					var kinds []string
					for _, e := range changed.Since {
						kinds = append(kinds, string(e.Kind))
					}
					if diff := cmp.Diff(tc.since, kinds); diff != "" {
						t.Errorf("what happened since (-want +got):\n%s", diff)
					}
					if changed.Seen != seen || changed.Version != client.VersionOf(c.Epoch(), before) || changed.State != tc.state || rec.State != tc.state ||
						!strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "bob") {
						t.Errorf("%v, %v", rec, err)
					}
					if after := recordOf(t, store); after.Fence != before.Fence {
						t.Errorf("it was changed all the same: %v", after)
					}
				})
			})
		}
	}
}

// recordOf is job a as the ledger has it.
func recordOf(t *testing.T, store *idempotency.Memory) *idempotency.Record {
	t.Helper()
	rec, err := store.Get(t.Context(), idempotency.IDOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// A version from a ledger that was restored since says nothing of this one.
func TestADecisionAboutALostHistoryIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := blind(t)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p})
		heldJobs(t, c, p, "a")
		later := *recordOf(t, store)
		later.Fence += 5
		_, err := c.Release(t.Context(), "a", client.Actor{By: "ann"}, client.IfUnchanged(client.VersionOf(c.Epoch(), &later)))
		changed, ok := errors.AsType[*client.ChangedError](err)
		if !ok || len(changed.Since) > 0 || !strings.Contains(err.Error(), "older") {
			t.Errorf("err = %v", err)
		}
	})
}

// What moves between the check and the commit is seen, too: the check is made
// again for each record that is read.
func TestADecisionIsCheckedForTheRecordThatItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := blind(t)
		memory := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, memory, []*press{p})
		heldJobs(t, c, p, "a")
		seen := client.VersionOf(c.Epoch(), recordOf(t, memory))
		raced := &racing{Memory: memory}
		late := newClient(t, raced, []*press{p})
		raced.first = func() {
			if _, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictAccepted}, client.Actor{By: "bob", Why: "on the invoice"}); err != nil {
				t.Error(err)
			}
		}
		_, err := late.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictPlanned}, client.Actor{By: "ann", Why: "lost"}, client.IfUnchanged(seen))
		if _, ok := errors.AsType[*client.ChangedError](err); !ok {
			t.Errorf("err = %v", err)
		}
		if rec := recordOf(t, memory); rec.State != idempotency.Accepted {
			t.Errorf("%v", rec)
		}
	})
}

// racing is a ledger in which something happens before the first commit.
type racing struct {
	*idempotency.Memory
	first func()
}

func (r *racing) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if first := r.first; first != nil {
		r.first = nil
		first()
	}
	return r.Memory.Commit(ctx, changes)
}
