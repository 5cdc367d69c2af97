package operator

import (
	"cmp"
	"context"
	"flag"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// heldGroup counts held jobs of one reason and vendor.
type heldGroup struct {
	Type   string                 `json:"type"`
	Reason idempotency.HoldReason `json:"reason"`
	Vendor string                 `json:"vendor,omitempty"`
	Jobs   int                    `json:"jobs"`
	// Nothing, Maybe and Paper are how many of them are certainly not on paper, may
	// be, and are.
	Nothing int       `json:"no_paper"`
	Maybe   int       `json:"maybe_paper"`
	Paper   int       `json:"paper"`
	Since   time.Time `json:"since"`
}

// heldCounts groups held jobs.
type heldCounts struct{ groups []*heldGroup }

func (h *heldCounts) add(rec *idempotency.Record) {
	vendor := strings.Join(vendorsOf(rec), "+")
	i := slices.IndexFunc(h.groups, func(g *heldGroup) bool { return g.Reason == rec.Hold.Reason && g.Vendor == vendor })
	if i < 0 {
		i = len(h.groups)
		h.groups = append(h.groups, &heldGroup{Type: "held_group", Reason: rec.Hold.Reason, Vendor: vendor, Since: rec.Hold.At.UTC()})
	}
	g := h.groups[i]
	g.Jobs++
	switch p := paperOf(rec); {
	case p.Least > 0:
		g.Paper++
	case p.Most > 0:
		g.Maybe++
	default:
		g.Nothing++
	}
	if rec.Hold.At.Before(g.Since) {
		g.Since = rec.Hold.At.UTC()
	}
}

func (h *heldCounts) sorted() []*heldGroup {
	slices.SortFunc(h.groups, func(a, b *heldGroup) int {
		return cmp.Or(cmp.Compare(b.Jobs, a.Jobs), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Vendor, b.Vendor))
	})
	return h.groups
}

func (h *heldCounts) jobs() (n, maybe, paper int) {
	for _, g := range h.groups {
		n, maybe, paper = n+g.Jobs, maybe+g.Maybe, paper+g.Paper
	}
	return n, maybe, paper
}

// risk says how much of them is on paper.
func (h *heldCounts) risk() string {
	n, maybe, onPaper := h.jobs()
	var all []string
	if maybe > 0 {
		all = append(all, number(maybe)+" may be on paper")
	}
	if onPaper > 0 {
		all = append(all, number(onPaper)+are(onPaper)+" with a vendor")
	}
	if rest := n - maybe - onPaper; rest > 0 {
		all = append(all, number(rest)+are(rest)+" on no paper")
	}
	return strings.Join(all, ", ")
}

func (h *heldCounts) table(now time.Time) *table {
	t := newTable("REASON", "~VENDOR", ">JOBS", ">NO PAPER", ">MAYBE", ">PAPER", "OLDEST (UTC)")
	for _, g := range h.sorted() {
		t.add(string(g.Reason), g.Vendor, number(g.Jobs), number(g.Nothing), number(g.Maybe), number(g.Paper), moment(g.Since, now))
	}
	return t
}

func heldCommand() *command {
	var s selection
	limit := 50
	return &command{
		name: "held", short: "the jobs that wait for a person: why, and what may be decided",
		long: `
Lists the jobs that wait for a person, with the reason of each. PAPER says what is known now: no (nothing
was sent that a vendor could have), maybe (a vendor may have it), yes (a vendor has it). Below the lists
stands what each reason means, what may be decided, and what each choice risks.

  $ held
  $ held -campaign spring -vendor lob
  $ held -reason cannot_ask_vendor -paper maybe -limit 0
  $ held -json | jq -r 'select(.type == "job") | "\(.id)@\(.version)"'

JOB@VERSION names a job as it is listed here. Give it to decide or release as it stands, and what has
changed meanwhile is left alone; so is every job when the ledger was recovered meanwhile. The id without
the version means the job as it is then.

It exits 3 when there are any.`,
		flags: func(fs *flag.FlagSet) {
			s.flags(fs)
			fs.IntVar(&limit, "limit", 50, "list so many `jobs`; 0 for all")
		},
		run: func(ctx context.Context, r *run, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			return r.listHeld(ctx, c, &s, limit)
		},
	}
}

func (r *run) listHeld(ctx context.Context, c *client.Client, s *selection, limit int) error {
	now := r.Clock.Now()
	var counts heldCounts
	list := newTable("JOB@VERSION", "~CAMPAIGN", "~CONTACT", "~VENDOR", "REASON", "PAPER", "SINCE (UTC)")
	example := map[idempotency.HoldReason]*idempotency.Record{}
	n := 0
	err := r.held(ctx, c, s, func(rec *idempotency.Record) error {
		n++
		counts.add(rec)
		if had := example[rec.Hold.Reason]; had == nil || len(rec.Live()) > len(had.Live()) {
			example[rec.Hold.Reason] = slim(rec)
		}
		if limit > 0 && n > limit {
			return nil
		}
		r.out.object(r.jobOf(rec))
		list.add(r.asSeen(rec), rec.Campaign, rec.Contact, strings.Join(vendorsOf(rec), "+"), string(rec.Hold.Reason), paperOf(rec).String(), moment(rec.Hold.At, now))
		return nil
	})
	if err != nil {
		return err
	}
	for _, g := range counts.sorted() {
		r.out.object(g)
	}
	if n == 0 {
		r.out.text("No job is held.")
		return nil
	}
	r.out.text("%s held", many(n, "job"))
	r.out.text("")
	r.out.list(counts.table(now))
	r.out.text("")
	r.out.list(list)
	if limit > 0 && n > limit {
		r.out.text("  … and %s more: -limit 0 lists all", number(n-limit))
	}
	for _, g := range reasonsOf(counts.sorted()) {
		r.explain(example[g])
	}
	return needsPerson(true)
}

func reasonsOf(groups []*heldGroup) []idempotency.HoldReason {
	var all []idempotency.HoldReason
	for _, g := range groups {
		if !slices.Contains(all, g.Reason) {
			all = append(all, g.Reason)
		}
	}
	return all
}

// explain says why a job is held and what may be decided.
func (r *run) explain(rec *idempotency.Record) {
	p := r.out
	p.text("")
	p.wrapped("", string(rec.Hold.Reason)+": "+because(rec.Hold.Reason))
	p.wrapped("  ", advice(rec.Hold.Reason))
	for _, c := range choices(rec) {
		p.text("  %s", c.Do)
		p.wrapped("      ", c.Means)
		p.wrapped("      Risk: ", c.Risk)
	}
}
