package operator

import (
	"context"
	"fmt"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// replayPlanView is a plan in JSON.
type replayPlanView struct {
	Type string `json:"type"`
	client.ReplayPlan
	Sends int64 `json:"sends"`
	Acts  int64 `json:"acts"`
}

func (r *run) planReplay(ctx context.Context, a *replayArgs, name string) (client.ReplayPlan, *client.Client, error) {
	if err := a.rows.check(); err != nil {
		return client.ReplayPlan{}, nil, err
	}
	q, err := a.query(r.Clock.Now())
	if err != nil {
		return client.ReplayPlan{}, nil, err
	}
	replay := client.Replay{Name: name, Query: q}
	if a.rows.list != "" {
		if err := r.rows(ctx, &a.rows, &replay); err != nil {
			return client.ReplayPlan{}, nil, err
		}
	}
	c, err := r.withVendors(ctx)
	if err == nil && name != "" {
		err = r.goesOn(ctx, c, a, &replay)
	}
	if err != nil {
		return client.ReplayPlan{}, c, err
	}
	plan, err := c.PlanReplay(ctx, replay)
	if err != nil {
		return plan, c, err
	}
	r.out.object(replayPlanView{Type: "replay_plan", ReplayPlan: plan, Sends: plan.Sends(), Acts: plan.Acts()})
	t := newTable("WHAT IS DONE", "~REASON", ">JOBS", "~MEANS")
	for _, k := range plan.Counts {
		t.add(string(k.Outcome), k.Reason, number(k.Jobs), outcome(k.Outcome))
	}
	r.out.text("%s", many(plan.Total, "job"))
	if len(t.rows) > 0 {
		r.out.list(t)
	}
	r.capped(&plan)
	for _, k := range plan.Costs {
		cost := ""
		if k.Priced {
			cost = fmt.Sprintf(", %d.%02d in its currency", k.Cents/100, k.Cents%100)
		}
		r.out.text("  %s would be the first to get %s%s", k.Vendor, many(k.Jobs, "of these job"), cost)
	}
	return plan, c, nil
}

// capped tells of jobs that a cap held: the plan sends them, and the cap has the last
// word.
func (r *run) capped(plan *client.ReplayPlan) {
	var n int64
	for _, k := range plan.Counts {
		if k.Outcome == client.ReplayAgain && k.Reason == string(idempotency.HoldCap) {
			n += k.Jobs
		}
	}
	if n > 0 {
		r.out.wrapped("", fmt.Sprintf("%s of them%s held by a cap: raise it in the workers' configuration first, or it holds them again.", number(n), are(n)))
	}
}

// outcome says what a replay does with a job.
func outcome(o client.ReplayOutcome) string {
	switch o {
	case client.ReplayNew, client.ReplayAgain:
		return "sent: nobody has it"
	case client.ReplaySettle:
		return "its vendor may have it, and is asked"
	case client.ReplayWaiting:
		return "brought forward"
	case client.ReplayUnderWay:
		return "is being sent"
	case client.ReplayAccepted:
		return "a vendor has it: nothing"
	case client.ReplayHeld:
		return "needs a person: nothing"
	case client.ReplayRefused:
		return "not asked for: nothing"
	case client.ReplayCanceled, client.ReplayChanged, client.ReplaySuppressed, client.ReplayRejected:
		return "nothing"
	default:
		return ""
	}
}
