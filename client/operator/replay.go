package operator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// replayArgs are the flags of replay.
type replayArgs struct {
	campaign, vendor, states, codes, why string
	since, until                         time.Duration
	rate                                 float64
	ahead                                int
	rows                                 listArgs
}

func (a *replayArgs) flags(fs *flag.FlagSet) {
	a.rows.flags(fs)
	fs.StringVar(&a.campaign, "campaign", "", "jobs of a `campaign`")
	fs.StringVar(&a.vendor, "vendor", "", "jobs that were ever submitted to a `vendor`")
	fs.StringVar(&a.states, "state", "", "jobs in these `states`, as planned,refused")
	fs.StringVar(&a.codes, "code", "", "jobs whose latest complaint was one of these `codes`, as unavailable,rate_limited; refused ones are sent again")
	spanVar(fs, &a.since, "since", 0, "sent or handed in within the last `duration`")
	spanVar(fs, &a.until, "until", 0, "and before a `duration` ago")
	fs.StringVar(&a.why, "why", "", "the `reason`, for the record; no personal data")
	fs.Float64Var(&a.rate, "rate", 0, "at most so many jobs a second; 0 for no bound")
	fs.IntVar(&a.ahead, "ahead", 0, "at most so many jobs wait to be sent at a time; 0 for no bound")
}

func (a *replayArgs) query(now time.Time) (*client.ReplayQuery, error) {
	q := &client.ReplayQuery{Campaign: a.campaign, Vendor: a.vendor}
	for _, s := range split(a.states) {
		state := idempotency.State(s)
		if !state.Known() {
			return nil, usage("-state %q: want some of %v", s, idempotency.States())
		}
		q.States = append(q.States, state)
	}
	for _, s := range split(a.codes) {
		i := slices.IndexFunc(codes(), func(c postproof.Code) bool { return strings.EqualFold(c.String(), s) })
		if i < 0 {
			return nil, usage("-code %q: want some of %v", s, codes())
		}
		q.Codes = append(q.Codes, codes()[i])
	}
	if a.since > 0 {
		q.Since = now.Add(-a.since)
	}
	if a.until > 0 {
		q.Until = now.Add(-a.until)
	}
	if a.campaign == "" && a.vendor == "" && len(q.States) == 0 && len(q.Codes) == 0 {
		if a.rows.list != "" && a.since == 0 && a.until == 0 {
			return nil, nil //nolint:nilnil // no query selects no job of the ledger
		}
		return nil, usage("say which jobs: -campaign, -vendor, -state or -code, or the rows of a -list")
	}
	return q, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func codes() []postproof.Code {
	return []postproof.Code{
		postproof.CodeInvalidArgument, postproof.CodeUnauthenticated, postproof.CodePermissionDenied, postproof.CodeNotFound, postproof.CodeConflict,
		postproof.CodeRateLimited, postproof.CodeUnavailable, postproof.CodeDeadlineExceeded, postproof.CodeCanceled, postproof.CodeUnsupported,
		postproof.CodeInternal, postproof.CodeUnknown,
	}
}

func replayCommand() *command {
	var a replayArgs
	return &command{
		name: "replay", args: "plan | run NAME | list | report NAME | pause NAME | resume NAME | stop NAME | throttle NAME RATE", least: 1, most: 3,
		short: "bring what an outage left to its end: plan, run, follow, report",
		long: `
Brings jobs of the ledger to their end: what was refused is sent again, what a vendor may have is settled,
what waits is brought forward. What a vendor has is never sent again by it. plan shows what would be done and
does nothing. run shows the plan, asks, and hands the jobs to the workers; with the same NAME it goes on where
it was, and -since and -until count from when it was begun.

With -list it is about the rows of a frozen list: those that the ledger does not know are sent as well. What
is printed for them is not in the ledger: give it with -job, as the JSON of a job without recipient, whose key
is the drop's name. It must be the very same as when the list was handed in, or its rows count as changed, or
as new. Say with -suppress who does not want mail any more.

  $ replay plan -campaign spring -code unavailable
  $ replay run outage-of-may -campaign spring -code unavailable -rate 20 -ahead 500 -why "lob was down"
  $ replay run rest-of-may -list 5b1f09 -job card.json -suppress optouts.csv -why "it stopped half-way"
  $ replay list
  $ replay pause outage-of-may -why "the vendor struggles"
  $ replay throttle outage-of-may 5 -why "as fast as the vendor takes it"
  $ replay report outage-of-may

plan and run need the vendors' credentials: what can be sent depends on what they can do.`,
		flags: a.flags,
		run: func(ctx context.Context, r *run, args []string) error {
			verb, rest := args[0], args[1:]
			switch {
			case verb == "plan" && len(rest) == 0:
				_, _, err := r.planReplay(ctx, &a, "")
				return err
			case verb == "list" && len(rest) == 0:
				return r.listReplays(ctx)
			case verb == "report" && len(rest) == 1:
				return r.reportReplay(ctx, rest[0])
			case r.by == "":
				return usage("say who you are with -by: it is written down with what you do")
			case verb == "run" && len(rest) == 1:
				return r.runReplay(ctx, &a, rest[0])
			case (len(rest) == 1 || (verb == "throttle" && len(rest) == 2)) && strings.TrimSpace(a.why) == "":
				return usage("say -why: it is written down with your name")
			case len(rest) == 1 || (verb == "throttle" && len(rest) == 2):
				return r.steerReplay(ctx, &a, verb, rest)
			default:
				return usage("want plan, run NAME, list, report NAME, pause NAME, resume NAME, stop NAME, or throttle NAME RATE")
			}
		},
	}
}

func (r *run) runReplay(ctx context.Context, a *replayArgs, name string) error {
	plan, c, err := r.planReplay(ctx, a, name)
	if err != nil {
		return err
	}
	if err := r.known(ctx, c, &a.rows, &plan); err != nil {
		return err
	}
	in := intent{Jobs: int(plan.Acts()), Mails: int(plan.Sends()), Does: []string{
		fmt.Sprintf("Run the replay %s: %s handed to the workers; %s of them sent anew, which nobody has.", name, many(int(plan.Acts()), "job")+are(int(plan.Acts())), number(int(plan.Sends()))),
	}}
	if plan.Acts() == 0 {
		r.out.text("There is nothing to do.")
		return nil
	}
	if err := r.confirm(in); err != nil {
		return err
	}
	p, err := c.RunReplay(ctx, plan, r.actor(a.why), client.ReplayOptions{Rate: a.rate, Ahead: a.ahead, OnProgress: func(p client.ReplayProgress) {
		if since := p.UnreachableSince; !since.IsZero() {
			fmt.Fprintf(r.Stderr, "%s: the ledger cannot be reached since %s: waiting\n", clean(name), since.UTC().Format(time.RFC3339))
			return
		}
		fmt.Fprintf(r.Stderr, "%s: %s of %s handed over, %s recovered\n", clean(name), number(p.Handed), number(p.Total), number(p.Recovered))
	}})
	switch {
	case errors.Is(err, client.ErrReplayChanged):
		return &exit{code: ExitNotConfirmed, err: fmt.Errorf("%w; what was handed over before stays so", err)}
	case postproof.CodeOf(err) == postproof.CodeConflict:
		return err // it says what is there
	case err != nil:
		return fmt.Errorf("the run %s is there to be gone on with, by the same command: %w", name, err)
	}
	r.progress([]client.ReplayProgress{p})
	return nil
}

// replayView is a run in JSON.
type replayView struct {
	Type string `json:"type"`
	client.ReplayProgress
}

func (r *run) progress(all []client.ReplayProgress) {
	now := r.Clock.Now()
	t := newTable("~REPLAY", "PHASE", ">JOBS", ">RECOVERED", ">%", ">OPEN", ">HELD", ">REFUSED", "STARTED (UTC)", "ENDS (UTC)")
	for _, p := range all {
		r.out.object(replayView{Type: "replay", ReplayProgress: p})
		t.add(p.Name, string(p.Phase), number(p.Total), number(p.Recovered), percent(p.Recovered, p.Total), number(p.Open()), number(p.Held), number(p.Refused), moment(p.StartedAt, now), moment(p.EndsAt, now))
	}
	r.out.text("%s", many(len(all), "replay"))
	if len(all) > 0 {
		r.out.list(t)
	}
}

func (r *run) listReplays(ctx context.Context) error {
	c, err := r.client(ctx)
	if err != nil {
		return err
	}
	var all []client.ReplayProgress
	for p, err := range c.Replays(ctx) {
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	r.progress(all)
	return nil
}

// reportView is a replay report in JSON.
type reportView struct {
	Type string `json:"type"`
	client.ReplayReport
}

func (r *run) reportReplay(ctx context.Context, name string) error {
	c, err := r.client(ctx)
	if err != nil {
		return err
	}
	report, err := c.ReplayReport(ctx, name)
	if err != nil {
		return err
	}
	r.out.object(reportView{Type: "replay_report", ReplayReport: report})
	if r.json {
		return needsPerson(report.Held > 0)
	}
	r.progress([]client.ReplayProgress{report.ReplayProgress})
	if report.Total == 0 {
		r.out.text("")
		r.out.text("There was nothing to recover: no job was handed over that was not canceled since.")
		return nil
	}
	if report.Phase == client.ReplayFinished && report.Held > 0 {
		r.out.text("")
		r.out.wrapped("", fmt.Sprintf("%s held: nothing more is done for them until a person decides.", many(report.Held, "job")+are(report.Held)))
	}
	t := newTable(">SHARE", "WITHIN", ">JOBS", "VERDICT", "AFTER")
	for _, x := range report.Objectives {
		after := ""
		if !x.At.IsZero() {
			after = rough(x.Took)
		}
		t.add(fmt.Sprintf("%.0f %%", 100*x.Share), rough(x.Within), number(x.Needed), string(x.Verdict), after)
	}
	r.out.text("")
	r.out.text("%s", many(len(t.rows), "target"))
	r.out.list(t)
	if len(report.Left) > 0 {
		left := newTable("STATE", "~REASON", ">JOBS")
		for _, l := range report.Left {
			left.add(string(l.State), l.Reason, number(l.Jobs))
		}
		r.out.text("")
		r.out.text("not recovered")
		r.out.list(left)
	}
	return needsPerson(report.Held > 0)
}

func (r *run) steerReplay(ctx context.Context, a *replayArgs, verb string, args []string) error {
	c, err := r.client(ctx)
	if err != nil {
		return err
	}
	name := args[0]
	switch {
	case verb == "pause":
		err = c.PauseReplay(ctx, name, r.actor(a.why))
	case verb == "stop":
		err = c.StopReplay(ctx, name, r.actor(a.why))
	case verb == "throttle" && len(args) == 2:
		rate, e := strconv.ParseFloat(args[1], 64)
		if e != nil {
			return usage("throttle %q: want jobs a second; 0 for no bound", args[1])
		}
		err = c.ThrottleReplay(ctx, name, rate, r.actor(a.why))
	case verb == "resume":
		p, e := c.ReplayProgress(ctx, name)
		if e != nil {
			return e
		}
		left := int(p.Total - p.Handed)
		if err := r.confirm(intent{Jobs: left, Mails: left, Does: []string{fmt.Sprintf("Resume the replay %s: %s left to be handed to the workers.", name, many(left, "job")+are(left))}}); err != nil {
			return err
		}
		err = c.ResumeReplay(ctx, name, r.actor(a.why))
	default:
		return usage("want plan, run NAME, list, report NAME, pause NAME, resume NAME, stop NAME, or throttle NAME RATE")
	}
	if err != nil {
		return err
	}
	p, err := c.ReplayProgress(ctx, name)
	if err != nil {
		return err
	}
	r.progress([]client.ReplayProgress{p})
	return nil
}
