package operator

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// refusedGroup counts refused jobs of one reason.
type refusedGroup struct {
	Type    string    `json:"type"`
	Refusal string    `json:"refusal"`
	Note    string    `json:"note,omitempty"`
	Jobs    int       `json:"jobs"`
	Since   time.Time `json:"since"`
}

// whyRefused is the reason in one cell; the router's own no has no code.
func whyRefused(rec *idempotency.Record) string {
	return orText(refusalOf(rec), "no vendor can print it")
}

// refusedCounts groups refused jobs.
type refusedCounts struct{ groups []*refusedGroup }

func (c *refusedCounts) add(rec *idempotency.Record) {
	why, since := whyRefused(rec), rec.UpdatedAt.UTC()
	i := slices.IndexFunc(c.groups, func(g *refusedGroup) bool { return g.Refusal == why && g.Note == rec.Refusal.Note })
	if i < 0 {
		i = len(c.groups)
		c.groups = append(c.groups, &refusedGroup{Type: "refused_group", Refusal: why, Note: rec.Refusal.Note, Since: since})
	}
	g := c.groups[i]
	g.Jobs++
	if since.Before(g.Since) {
		g.Since = since
	}
}

func (c *refusedCounts) sorted() []*refusedGroup {
	slices.SortFunc(c.groups, func(a, b *refusedGroup) int {
		return cmp.Or(cmp.Compare(b.Jobs, a.Jobs), cmp.Compare(a.Refusal, b.Refusal), cmp.Compare(a.Note, b.Note))
	})
	return c.groups
}

func refusedCommand() *command {
	var campaign, vendor string
	limit := 50
	return &command{
		name: "refused", short: "the jobs that no vendor takes: who said no, and why",
		long: `
Lists the jobs that no vendor takes, with who said no and why. Nothing of them is on paper, and no worker
goes on with them by itself. MORE is the router's own reason, where it passed over every vendor.

  $ refused
  $ refused -campaign spring -vendor lob -limit 0
  $ refused -json | jq -r 'select(.type == "job") | "\(.id)@\(.version)"'

Mend the job in the service that handed it in (Amend), or what the vendor complained of, and then have
them sent again by their code:

  $ replay plan -code invalid_argument
  $ replay run mended -code invalid_argument -why "the account was mended"
  $ cancel 3f9a1c`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&campaign, "campaign", "", "only those of a `campaign`")
			fs.StringVar(&vendor, "vendor", "", "only those to which a `vendor` said no")
			fs.IntVar(&limit, "limit", 50, "list so many `jobs`; 0 for all")
		},
		run: func(ctx context.Context, r *run, _ []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			return r.listRefused(ctx, c, campaign, vendor, limit)
		},
	}
}

func (r *run) listRefused(ctx context.Context, c *client.Client, campaign, vendor string, limit int) error {
	now := r.Clock.Now()
	var counts refusedCounts
	list := newTable("JOB@VERSION", "~CAMPAIGN", "~CONTACT", "~WHY", "SINCE (UTC)")
	n := 0
	for rec, err := range c.Refused(ctx, campaign) {
		if r.past(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the refused jobs: %w", err)
		}
		if vendor != "" && rec.Refusal.Vendor != vendor {
			continue
		}
		n++
		counts.add(rec)
		if limit > 0 && n > limit {
			continue
		}
		r.out.object(r.jobOf(rec))
		list.add(r.asSeen(rec), rec.Campaign, rec.Contact, whyRefused(rec), moment(rec.UpdatedAt, now))
	}
	if n == 0 {
		r.out.text("No job is refused.")
		return nil
	}
	groups := newTable("WHY", ">JOBS", "OLDEST (UTC)", "~MORE")
	for _, g := range counts.sorted() {
		r.out.object(g)
		groups.add(g.Refusal, number(g.Jobs), moment(g.Since, now), g.Note)
	}
	r.out.text("%s refused, and nothing is on paper", many(n, "job"))
	r.out.text("")
	r.out.list(groups)
	r.out.text("")
	r.out.list(list)
	if limit > 0 && n > limit {
		r.out.text("  … and %s more: -limit 0 lists all", number(n-limit))
	}
	r.out.text("")
	r.out.wrapped("", "They go on when somebody amends or cancels them, or sends them again by replay run -code, once what was complained of is mended.")
	return nil
}
