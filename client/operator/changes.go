package operator

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof/client"
)

// changeView is an entry of the change log in JSON.
type changeView struct {
	Type string `json:"type"`
	client.ChangeEntry
}

func changeOf(e *client.ChangeEntry) changeView {
	v := changeView{Type: "change", ChangeEntry: *e}
	v.At = v.At.UTC()
	return v
}

// headView is how far the change log has come, in JSON.
type headView struct {
	Type     string `json:"type"`
	N        uint64 `json:"n"`
	Digest   string `json:"digest"`
	Verified bool   `json:"verified"`
	Problem  string `json:"problem,omitempty"`
}

func changesCommand() *command {
	var since time.Duration
	var by, job, campaign, why string
	return &command{
		name: "changes", args: "[list | verify [N:DIGEST] | undo N]", short: "who did what and why: list, verify, take back", most: 2,
		long: `
The change log holds what people did to the ledger: paused, released, decided, approved, with who, when and
why. verify walks its chain of digests, and prints how far it has come as N:DIGEST: keep that elsewhere, and
give it back later, to be sure that nothing before it was changed or cut off. undo takes a pause, a resume, a
release, a decision or an approval back, as long as nothing came of it.

  $ changes
  $ changes -since 24h
  $ changes -job 3f9a1c
  $ changes verify
  $ changes undo 17 -why "the wrong campaign"

verify exits 3 when the log is not what was written.`,
		flags: func(fs *flag.FlagSet) {
			spanVar(fs, &since, "since", 0, "with list: only those of the last `duration`")
			fs.StringVar(&by, "of", "", "with list: only those of a `person`")
			fs.StringVar(&job, "job", "", "with list: only what was done to a `job`")
			fs.StringVar(&campaign, "campaign", "", "with list: only what was done to a `campaign` as a whole: pauses, approvals")
			fs.StringVar(&why, "why", "", "with undo: the `reason`, for the record; no personal data")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			switch {
			case len(args) == 0, args[0] == "list" && len(args) == 1:
				q := client.ChangeQuery{By: by}
				if since > 0 {
					q.Since = r.Clock.Now().Add(-since)
				}
				switch {
				case job != "" && campaign != "":
					return usage("say -job or -campaign, not both")
				case campaign != "":
					q.Target = client.CampaignTarget(campaign)
				case job != "":
					rec, err := r.find(ctx, job)
					if err != nil {
						return err
					}
					q.Target = client.Target{Kind: client.TargetJob, Name: string(rec.ID)}
				}
				return r.listChanges(ctx, c, q)
			case args[0] == "verify":
				return r.verifyChanges(ctx, c, args[1:])
			case args[0] == "undo" && len(args) == 2:
				return r.undo(ctx, c, args[1], why)
			default:
				return usage("want list, verify [N:DIGEST], or undo N")
			}
		},
	}
}

func (r *run) listChanges(ctx context.Context, c *client.Client, q client.ChangeQuery) error {
	t := newTable(">N", "WHEN (UTC)", "~BY", "DID", "~TO", "~BEFORE", "~AFTER", "~WHY")
	for e, err := range c.Changes(ctx, q) {
		if err != nil {
			return err
		}
		r.out.object(changeOf(&e))
		to := e.Target.String()
		if e.Target.Kind == client.TargetJob {
			to = "job " + e.Target.Name[:min(shortID, len(e.Target.Name))]
		}
		did := string(e.Action)
		if e.Undoes > 0 {
			did += fmt.Sprintf(" (undoes %d)", e.Undoes)
		}
		t.add(strconv.FormatUint(e.N, 10), moment(e.At, r.Clock.Now()), e.By, did, to, brief(e.Before), brief(e.After), e.Why)
	}
	r.out.text("%s", many(len(t.rows), "change"))
	if len(t.rows) > 0 {
		r.out.list(t)
	}
	return nil
}

// brief is the state in a change's JSON, for a column.
func brief(raw json.RawMessage) string {
	var job struct {
		State   string `json:"state"`
		Hold    string `json:"hold"`
		Verdict string `json:"verdict"`
	}
	if json.Unmarshal(raw, &job) != nil {
		return ""
	}
	text := job.State
	if job.Hold != "" {
		text += " (" + job.Hold + ")"
	}
	return text
}

func (r *run) verifyChanges(ctx context.Context, c *client.Client, args []string) error {
	var known []client.ChangeHead
	for _, a := range args {
		n, digest, ok := strings.Cut(a, ":")
		number, err := strconv.ParseUint(n, 10, 64)
		if !ok || err != nil || digest == "" {
			return usage("%q: want N:DIGEST, as an earlier verify has printed it", a)
		}
		known = append(known, client.ChangeHead{N: number, Digest: digest})
	}
	head, err := c.VerifyChanges(ctx, known...)
	if errors.Is(err, client.ErrChangeLog) {
		r.out.object(headView{Type: "change_head", N: head.N, Digest: head.Digest, Problem: err.Error()})
		r.out.wrapped("", "The change log is NOT what was written: "+err.Error())
		return needsPerson(true)
	}
	if err != nil {
		return err
	}
	r.out.object(headView{Type: "change_head", N: head.N, Digest: head.Digest, Verified: true})
	r.out.text("The change log is what was written: %s.", many(int(head.N), "entry"))
	if head.N > 0 {
		r.out.text("Keep this elsewhere: %d:%s", head.N, head.Digest)
	}
	return nil
}

func (r *run) undo(ctx context.Context, c *client.Client, arg, why string) error {
	n, err := strconv.ParseUint(arg, 10, 64)
	switch {
	case err != nil:
		return usage("undo %q: want the number of a change", arg)
	case r.by == "":
		return usage("say who you are with -by: it is written down with what you do")
	case why == "":
		return usage("say -why: it is written down with your name")
	}
	if err := c.Undoable(ctx, n); err != nil {
		return err
	}
	in := intent{Jobs: 1, Does: []string{fmt.Sprintf("Take change %d back.", n)}}
	for e, err := range c.Changes(ctx, client.ChangeQuery{After: n - 1, Limit: 1}) {
		if err != nil {
			return err
		}
		in.Does = append(in.Does, fmt.Sprintf("It was: %s %s, by %s at %s. %s", e.Action, e.Target, e.By, moment(e.At, r.Clock.Now()), e.Why))
		if e.Action == client.ActionPause { // what was paused goes on
			depth, err := c.Depth(ctx, "")
			if err != nil {
				return err
			}
			in.Mails = int(depth["planned"])
		}
	}
	if err := r.confirm(in); err != nil {
		return err
	}
	e, err := c.Undo(ctx, n, r.actor(why))
	if err != nil {
		return err
	}
	return r.tellChange(&e, fmt.Sprintf("Change %d is taken back.", n), "There was nothing to take back.")
}
