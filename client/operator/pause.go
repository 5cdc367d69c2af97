package operator

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// target is what two arguments name.
func target(args []string) (client.Target, error) {
	switch kind, name := args[0], args[1]; kind {
	case "campaign":
		return client.CampaignTarget(name), nil
	case "vendor":
		return client.VendorTarget(name), nil
	case "below":
		least, err := strconv.Atoi(name)
		if err != nil {
			return client.Target{}, usage("below %q: want a priority, a number", name)
		}
		return client.BelowPriorityTarget(least), nil
	default:
		return client.Target{}, usage("%q: want campaign NAME, vendor NAME, or below PRIORITY", kind)
	}
}

// pausedView is a pause in JSON.
type pausedView struct {
	Type   string        `json:"type"`
	Target client.Target `json:"target"`
	By     string        `json:"by"`
	Why    string        `json:"why,omitempty"`
	Since  time.Time     `json:"since"`
}

func pauseCommand() *command {
	var why string
	return &command{
		name: "pause", args: "[campaign NAME | vendor NAME | below PRIORITY]", short: "send nothing more for a campaign, a vendor, or what is less urgent", most: 2,
		long: `
Stops what is sent, for every worker, at once and durably; it does not ask, because it cannot print. What is
under way finishes; what a vendor has or may have is settled and followed as ever. Jobs of a paused vendor
go to the next one, where there is one. Without arguments it lists what is paused.

  $ pause campaign spring -why "wrong artwork"
  $ pause vendor lob -why "prints in the wrong color"
  $ pause below 5 -why "the urgent ones first"
  $ pause`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&why, "why", "", "the `reason`, for the record; no personal data")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return r.listPauses(ctx, c)
			}
			if len(args) == 1 {
				return usage("an argument is missing: campaign NAME, vendor NAME, or below PRIORITY")
			}
			t, err := target(args)
			if err != nil {
				return err
			}
			if r.by == "" {
				return usage("say who you are with -by: it is written down with what you do")
			}
			if strings.TrimSpace(why) == "" {
				return usage("say -why: whoever finds it paused wants to know")
			}
			e, err := c.Pause(ctx, t, r.actor(why))
			if err != nil {
				return err
			}
			done := " is paused: nothing more is sent for it until it is resumed."
			if t.Kind == client.TargetVendor {
				done = " is paused: nothing more is sent through it until it is resumed. What it does not have goes to the workers' next vendor that can take it; what it may have is settled with it, and waits. Status and tally show how far that is."
			}
			if err := r.tellChange(&e, t.String()+done, t.String()+" was paused already."); err != nil {
				return err
			}
			r.tellPaused(ctx, c, t)
			return nil
		},
	}
}

// tellPaused says what the pause is about, so that a name that was mistyped is
// noticed. The pause stands already: what cannot be read now is left out.
func (r *run) tellPaused(ctx context.Context, c *client.Client, t client.Target) {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	switch t.Kind {
	case client.TargetCampaign:
		depth, err := c.Depth(ctx, t.Name)
		switch {
		case err != nil:
		case len(depth) == 0:
			r.out.wrapped("", "No job of this campaign is in the ledger: is the name right? Status lists the campaigns.")
		default:
			n := int(depth[idempotency.Planned])
			r.out.text("%s of it wait%s to be sent.", many(n, "job"), third(n))
		}
	case client.TargetVendor:
		for _, err := range r.ledger.Find(ctx, idempotency.Query{Vendor: t.Name, Bare: true, Limit: 1}) {
			_ = err // it was submitted to, or nobody can say
			return
		}
		r.out.wrapped("", "No job in the ledger was ever submitted to this vendor: is the name right? Status and history name vendors.")
	default: // any number may be a priority
	}
}

// tellChange says what was written to the change log.
func (r *run) tellChange(e *client.ChangeEntry, done, already string) error {
	if e.N == 0 {
		r.out.object(struct {
			Type string `json:"type"`
		}{"unchanged"})
		r.out.wrapped("", already)
		return nil
	}
	r.out.object(changeOf(e))
	r.out.wrapped("", done)
	r.out.text("Change %d.", e.N)
	return nil
}

func (r *run) listPauses(ctx context.Context, c *client.Client) error {
	all, err := c.Paused(ctx)
	if err != nil {
		return err
	}
	t := newTable("~PAUSED", "~BY", "SINCE (UTC)", "~WHY")
	for _, p := range all {
		r.out.object(pausedView{Type: "paused", Target: p.Target, By: p.By, Why: p.Why, Since: p.Since.UTC()})
		t.add(p.Target.String(), p.By, moment(p.Since, r.Clock.Now()), p.Why)
	}
	r.out.text("%s", many(len(all), "pause"))
	if len(all) > 0 {
		r.out.list(t)
	}
	return nil
}

func resumeCommand() *command {
	var why string
	return &command{
		name: "resume", args: "campaign NAME | vendor NAME | below PRIORITY", short: "end a pause: what waited is sent", least: 2, most: 2, changes: true,
		long: `
Ends a pause, for every worker within moments. What waited is sent, so it says how much that is, and asks.

  $ resume campaign spring -why "the artwork is right now"`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&why, "why", "", "the `reason`, for the record; no personal data")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			t, err := target(args)
			if err != nil {
				return err
			}
			if strings.TrimSpace(why) == "" {
				return usage("say -why: it is written down with your name")
			}
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			all, err := c.Paused(ctx)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(all, func(p client.Paused) bool { return p.Target == t }) { // before anybody is asked
				return r.notPaused(t, all)
			}
			campaign := ""
			if t.Kind == client.TargetCampaign {
				campaign = t.Name
			}
			depth, err := c.Depth(ctx, campaign)
			if err != nil {
				return err
			}
			n := int(depth[idempotency.Planned])
			in := intent{Jobs: n, Mails: n, Does: []string{fmt.Sprintf("Resume %s.", t), fmt.Sprintf("%s to be sent in the ledger; those that waited for this are sent.", many(n, "job")+" wait"+third(n))}}
			if campaign != "" {
				in.Does[1] = fmt.Sprintf("%s to be sent, and go on.", many(n, "job")+" wait"+third(n))
			}
			if err := r.confirm(in); err != nil {
				return err
			}
			e, err := c.Resume(ctx, t, r.actor(why))
			if err != nil {
				return err
			}
			return r.tellChange(&e, t.String()+" goes on.", t.String()+" was resumed by somebody else meanwhile.")
		},
	}
}

// notPaused says that there was nothing to resume, and what is paused instead: a
// name that is misspelled looks like a success otherwise. It is none of the errors,
// since whoever resumes twice has what was wanted.
func (r *run) notPaused(t client.Target, all []client.Paused) error {
	var names []string
	for _, p := range all {
		names = append(names, p.Target.String())
	}
	r.out.object(struct {
		Type   string   `json:"type"`
		Paused []string `json:"paused,omitempty"`
	}{"unchanged", names})
	r.out.wrapped("", fmt.Sprintf("Nothing was paused under this name: %s.", t))
	switch len(names) {
	case 0:
		r.out.text("Nothing is paused at all.")
	default:
		r.out.wrapped("", "Paused are: "+strings.Join(names, "; ")+".")
	}
	return nil
}
