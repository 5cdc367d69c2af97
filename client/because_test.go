package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// because is a reason that is not said elsewhere.
const because = "the proofs came back"

var annSays = client.Actor{By: "ann", Why: because}

// The reason for what a person does stands in the change log and in the history.
func TestReasonsAreWrittenDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := blind(t)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithCanary("summer", 1))
		heldJobs(t, c, p, "canceled", "released", "decided")
		if _, err := c.Enqueue(t.Context(), these(job("amended"))); err != nil {
			t.Fatal(err)
		}
		changed := job("amended")
		changed.Priority = 3
		changed.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<p>new</p>", Back: "<p>new</p>"}}
		for _, tt := range []struct {
			key, kind string
			action    client.Action
			do        func(context.Context) error
		}{
			{"canceled", "cancel_wished", client.ActionCancel, func(ctx context.Context) error {
				_, err := c.Cancel(ctx, "canceled", annSays)
				return err
			}},
			{"released", "released", client.ActionRelease, func(ctx context.Context) error {
				_, err := c.Release(ctx, "released", annSays)
				return err
			}},
			{"decided", "decided", client.ActionDecide, func(ctx context.Context) error {
				_, err := c.Decide(ctx, "decided", client.Decision{Verdict: idempotency.VerdictCanceled}, annSays)
				return err
			}},
			{"amended", "amended", client.ActionAmend, func(ctx context.Context) error {
				_, err := c.Amend(ctx, changed, annSays)
				return err
			}},
			{"", "canary_approved", client.ActionApprove, func(ctx context.Context) error {
				return c.Approve(ctx, "summer", annSays)
			}},
			{"", "recovered", client.ActionRecover, func(ctx context.Context) error {
				store.BreakHistory()
				_, err := c.Recover(ctx, annSays, client.RecoverOptions{})
				return err
			}},
		} {
			if err := tt.do(t.Context()); err != nil {
				t.Errorf("%s: %v", tt.action, err)
				continue
			}
			all := changes(t, c, client.ChangeQuery{Actions: []client.Action{tt.action}})
			if len(all) != 1 || all[0].By != "ann" || all[0].Why != because {
				t.Errorf("%s: the change log says %+v", tt.action, all)
			}
			q := idempotency.EntryQuery{Kinds: []idempotency.EntryKind{idempotency.EntryKind(tt.kind)}}
			if tt.key != "" {
				q.ID = idempotency.IDOf(postproof.Key(tt.key))
			}
			want := because
			if tt.action == client.ActionApprove {
				want = "summer" // what was approved, which no job says
			}
			var notes []string
			for e, err := range store.Entries(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				notes = append(notes, e.By+": "+e.Note)
			}
			if diff := cmp.Diff([]string{"ann: " + want}, notes); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.action, diff)
			}
		}
		verified(t, c)
	})
}

// A reason may be of a person: of an erased one it is not written down.
func TestReasonsOfAnErasedJobAreNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		if _, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Erase(t.Context(), client.Erasure{Keys: []postproof.Key{"a"}, Now: true}, client.Actor{By: "ann", Why: "request"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Cancel(t.Context(), "a", annSays); err != nil {
			t.Fatal(err)
		}
		all := changes(t, c, client.ChangeQuery{Actions: []client.Action{client.ActionCancel}})
		if len(all) != 1 || all[0].Why != "" {
			t.Errorf("the change log says %+v", all)
		}
		for e, err := range c.History(t.Context(), "a") {
			if err != nil || e.Note == because {
				t.Errorf("the history says %+v, %v", e, err)
			}
		}
	})
}

// An amendment, too, can be for the job as it was seen.
func TestAmendAsItWasSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{blind(t)})
		if _, err := c.Enqueue(t.Context(), these(job("a"))); err != nil {
			t.Fatal(err)
		}
		seen := client.VersionOf(c.Epoch(), status(t, c, "a"))
		one := job("a")
		for _, tt := range []struct {
			front string
			want  bool
		}{{"<p>first</p>", true}, {"<p>second</p>", false}} {
			one.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: tt.front, Back: "<p>b</p>"}}
			_, err := c.Amend(t.Context(), one, client.Actor{By: "ann"}, client.IfUnchanged(seen))
			if _, changed := errors.AsType[*client.ChangedError](err); changed == tt.want || (err == nil) != tt.want {
				t.Errorf("%s: %v", tt.front, err)
			}
		}
	})
}
