package client_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Whatever a person does asks who it is, and, where the reason is required, why:
// white space is neither. Nothing is read or done before that, so that the calls
// below need no job that they fit.
func TestWhoAndWhyAreAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
		spring := client.CampaignTarget("spring")
		for name, tt := range map[string]struct {
			do func(ctx context.Context, who client.Actor) error
			// optional: the reason may be left out, and something else is wrong then, or nothing.
			optional bool
		}{
			"pause":         {do: func(ctx context.Context, who client.Actor) error { _, err := c.Pause(ctx, spring, who); return err }},
			"resume":        {do: func(ctx context.Context, who client.Actor) error { _, err := c.Resume(ctx, spring, who); return err }},
			"undo":          {do: func(ctx context.Context, who client.Actor) error { _, err := c.Undo(ctx, 1, who); return err }},
			"pause replay":  {do: func(ctx context.Context, who client.Actor) error { return c.PauseReplay(ctx, "night", who) }},
			"resume replay": {do: func(ctx context.Context, who client.Actor) error { return c.ResumeReplay(ctx, "night", who) }},
			"stop replay":   {do: func(ctx context.Context, who client.Actor) error { return c.StopReplay(ctx, "night", who) }},
			"throttle":      {do: func(ctx context.Context, who client.Actor) error { return c.ThrottleReplay(ctx, "night", 1, who) }},
			"drop spooled":  {do: func(ctx context.Context, who client.Actor) error { return c.DropSpooled(ctx, "ABCDEFGHJKLMNPQR", who) }},
			"remail": {do: func(ctx context.Context, who client.Actor) error {
				_, err := c.Remail(ctx, "a", client.Remail{Name: "torn"}, who)
				return err
			}},
			"erase": {do: func(ctx context.Context, who client.Actor) error {
				_, err := c.Erase(ctx, client.Erasure{Keys: []postproof.Key{"a"}}, who)
				return err
			}},
			"decide": {do: func(ctx context.Context, who client.Actor) error {
				_, err := c.Decide(ctx, "a", client.Decision{Verdict: idempotency.VerdictCanceled}, who)
				return err
			}},
			"cancel": {optional: true, do: func(ctx context.Context, who client.Actor) error {
				_, err := c.Cancel(ctx, "a", who)
				return err
			}},
			"release": {optional: true, do: func(ctx context.Context, who client.Actor) error {
				_, err := c.Release(ctx, "a", who)
				return err
			}},
			"amend": {optional: true, do: func(ctx context.Context, who client.Actor) error {
				_, err := c.Amend(ctx, job("a"), who)
				return err
			}},
			"approve": {optional: true, do: func(ctx context.Context, who client.Actor) error { return c.Approve(ctx, "spring", who) }},
			"control": {optional: true, do: func(ctx context.Context, who client.Actor) error {
				_, err := c.SendControl(ctx, "alpha", job("a"), who)
				return err
			}},
			"recover": {optional: true, do: func(ctx context.Context, who client.Actor) error {
				_, err := c.Recover(ctx, who, client.RecoverOptions{})
				return err
			}},
			"run replay": {optional: true, do: func(ctx context.Context, who client.Actor) error {
				_, err := c.RunReplay(ctx, client.ReplayPlan{}, who, client.ReplayOptions{})
				return err
			}},
		} {
			for _, blank := range []string{"", " \t\n"} {
				refused(t, name, tt.do(t.Context(), client.Actor{By: blank, Why: "a reason"}), "Actor.By is blank")
				err := tt.do(t.Context(), client.Actor{By: "ann", Why: blank})
				if !tt.optional {
					refused(t, name, err, "Actor.Why is blank")
				} else if err != nil && strings.Contains(err.Error(), "blank") {
					t.Errorf("%s without a reason: %v", name, err)
				}
			}
		}
		for e, err := range c.Changes(t.Context(), client.ChangeQuery{}) {
			if err != nil || strings.TrimSpace(e.By) == "" || e.Why != "" {
				t.Errorf("the change log says %+v, %v", e, err)
			}
		}
	})
}

// refused wants an invalid argument of which nothing was sent, and what it says.
func refused(t *testing.T, what string, err error, say string) {
	t.Helper()
	if postproof.CodeOf(err) != postproof.CodeInvalidArgument || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), say) {
		t.Errorf("%s: %v, want an invalid argument, not sent, that says %q", what, err, say)
	}
}

// What is written down is the name and the reason, without white space around them.
func TestWhoAndWhyAreWrittenWithoutTheSpaceAroundThem(t *testing.T) {
	t.Parallel()
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
	e, err := c.Pause(t.Context(), client.CampaignTarget("spring"), client.Actor{By: " ann\n", Why: "\twrong artwork "})
	if err != nil || e.By != "ann" || e.Why != "wrong artwork" {
		t.Errorf("the change log says %q, %q, %v", e.By, e.Why, err)
	}
	all, err := c.Paused(t.Context())
	if err != nil || len(all) != 1 || all[0].By != "ann" || all[0].Why != "wrong artwork" {
		t.Errorf("paused: %+v, %v", all, err)
	}
}
