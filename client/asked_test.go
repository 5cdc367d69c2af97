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
			do func(ctx context.Context, by, why string) error
			// optional: the reason may be left out, and something else is wrong then, or nothing.
			optional bool
		}{
			"pause":         {do: func(ctx context.Context, by, why string) error { _, err := c.Pause(ctx, spring, by, why); return err }},
			"resume":        {do: func(ctx context.Context, by, why string) error { _, err := c.Resume(ctx, spring, by, why); return err }},
			"undo":          {do: func(ctx context.Context, by, why string) error { _, err := c.Undo(ctx, 1, by, why); return err }},
			"pause replay":  {do: func(ctx context.Context, by, why string) error { return c.PauseReplay(ctx, "night", by, why) }},
			"resume replay": {do: func(ctx context.Context, by, why string) error { return c.ResumeReplay(ctx, "night", by, why) }},
			"stop replay":   {do: func(ctx context.Context, by, why string) error { return c.StopReplay(ctx, "night", by, why) }},
			"throttle":      {do: func(ctx context.Context, by, why string) error { return c.ThrottleReplay(ctx, "night", 1, by, why) }},
			"drop spooled": {do: func(ctx context.Context, by, why string) error {
				return c.DropSpooled(ctx, "ABCDEFGHJKLMNPQR", by, why)
			}},
			"remail": {do: func(ctx context.Context, by, why string) error {
				_, err := c.Remail(ctx, "a", client.Remail{Name: "torn", By: by, Why: why})
				return err
			}},
			"erase": {do: func(ctx context.Context, by, why string) error {
				_, err := c.Erase(ctx, client.Erasure{Keys: []postproof.Key{"a"}, By: by, Why: why})
				return err
			}},
			"decide": {do: func(ctx context.Context, by, why string) error {
				_, err := c.Decide(ctx, "a", idempotency.Decide{Verdict: idempotency.VerdictCanceled, By: by}, client.Because(why))
				return err
			}},
			"cancel": {optional: true, do: func(ctx context.Context, by, why string) error {
				_, err := c.Cancel(ctx, "a", by, client.Because(why))
				return err
			}},
			"release": {optional: true, do: func(ctx context.Context, by, why string) error {
				_, err := c.Release(ctx, "a", by, client.Because(why))
				return err
			}},
			"amend": {optional: true, do: func(ctx context.Context, by, why string) error {
				_, err := c.Amend(ctx, job("a"), by, client.Because(why))
				return err
			}},
			"approve": {optional: true, do: func(ctx context.Context, by, why string) error {
				return c.Approve(ctx, "spring", by, client.Because(why))
			}},
			"control": {optional: true, do: func(ctx context.Context, by, why string) error {
				_, err := c.SendControl(ctx, "alpha", job("a"), by, client.Because(why))
				return err
			}},
			"recover": {optional: true, do: func(ctx context.Context, by, why string) error {
				_, err := c.Recover(ctx, client.RecoverOptions{By: by, Why: why})
				return err
			}},
			"run replay": {optional: true, do: func(ctx context.Context, by, why string) error {
				_, err := c.RunReplay(ctx, client.ReplayPlan{}, client.ReplayOptions{By: by, Why: why})
				return err
			}},
		} {
			for _, blank := range []string{"", " \t\n"} {
				refused(t, name, tt.do(t.Context(), blank, "a reason"), "by is blank")
				err := tt.do(t.Context(), "ann", blank)
				if !tt.optional {
					refused(t, name, err, "why is blank")
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
