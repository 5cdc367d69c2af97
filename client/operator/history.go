package operator

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// entryView is a line of the history in JSON.
type entryView struct {
	Type       string            `json:"type"`
	Seq        uint64            `json:"seq"`
	ID         idempotency.ID    `json:"id,omitempty"`
	At         time.Time         `json:"at"`
	Kind       string            `json:"kind"`
	From       idempotency.State `json:"from,omitempty"`
	To         idempotency.State `json:"to,omitempty"`
	Generation int               `json:"generation,omitempty"`
	Vendor     string            `json:"vendor,omitempty"`
	Ref        postproof.Ref     `json:"ref,omitempty"`
	VendorID   string            `json:"vendor_id,omitempty"`
	Delivery   string            `json:"delivery,omitempty"`
	Code       string            `json:"code,omitempty"`
	By         string            `json:"by,omitempty"`
	Note       string            `json:"note,omitempty"`
}

func entryOf(kind string, e *idempotency.Entry) entryView {
	v := entryView{
		Type: kind, Seq: e.Seq, ID: e.ID, At: e.At.UTC(), Kind: string(e.Kind), From: e.From, To: e.To, Generation: e.Generation,
		Vendor: e.Vendor, Ref: e.Ref, VendorID: e.VendorID, Code: codeOf(e.Code), By: e.By, Note: e.Note,
	}
	if e.Delivery != 0 {
		v.Delivery = e.Delivery.String()
	}
	return v
}

// about is what an entry says, for people.
func (e *entryView) about() string {
	var all []string
	for _, s := range []string{e.Note, e.Delivery, e.Code, e.VendorID} {
		if s != "" {
			all = append(all, s)
		}
	}
	if e.By != "" {
		all = append(all, "by "+e.By)
	}
	return strings.Join(all, ", ")
}

func historyCommand() *command {
	return &command{
		name: "history", args: "JOB", short: "what happened to a job, oldest first", least: 1, most: 1,
		long: `
Lists what happened to one job: each step, with the vendor, our reference there, and who decided.

  $ history 3f9a1c
  $ history -json 3f9a1c`,
		run: func(ctx context.Context, r *run, args []string) error {
			rec, err := r.find(ctx, args[0])
			if err != nil {
				return err
			}
			t := newTable("WHEN (UTC)", "WHAT", "STATE", ">GEN", "VENDOR", "REFERENCE", "~MORE")
			for e, err := range r.ledger.Entries(ctx, idempotency.EntryQuery{ID: rec.ID}) {
				if r.past(err) {
					continue
				}
				if err != nil {
					return fmt.Errorf("read the history: %w", err)
				}
				v := entryOf("entry", &e)
				r.out.object(v)
				t.add(v.At.Format("2006-01-02 15:04:05"), v.Kind, string(v.To), strconv.Itoa(max(1, v.Generation)), v.Vendor, string(v.Ref), v.about())
			}
			r.out.text("job %s: %s", short(rec.ID), many(len(t.rows), "entry"))
			r.out.list(t)
			return nil
		},
	}
}

func incidentsCommand() *command {
	var since time.Duration
	return &command{
		name: "incidents", short: "what a person should look at: late arrivals, two pieces, contradictions",
		long: `
Lists what happened that should not, oldest first: pieces that turned up late or twice, cancellations that
came too late, vendors that contradict themselves, answers and callbacks without a place.

  $ incidents
  $ incidents -since 30d
  $ incidents -since 0         all that the ledger remembers

It exits 3 when there are any.`,
		flags: func(fs *flag.FlagSet) {
			spanVar(fs, &since, "since", 24*time.Hour, "only those of the last `duration`; 0 for all")
		},
		run: func(ctx context.Context, r *run, _ []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			all, err := r.incidents(ctx, c, since)
			if err != nil {
				return err
			}
			t := newTable("WHEN (UTC)", "WHAT", "JOB", "VENDOR", "REFERENCE", "~VENDOR'S ID", "~MORE")
			var kinds []string
			seen := map[string]bool{}
			for i := range all {
				v := entryOf("incident", &all[i])
				r.out.object(v)
				t.add(moment(v.At, r.Clock.Now()), v.Kind, short(v.ID), v.Vendor, string(v.Ref), v.VendorID, v.Note)
				if !seen[v.Kind] {
					seen[v.Kind] = true
					kinds = append(kinds, v.Kind)
				}
			}
			if len(all) == 0 {
				r.out.text("No incident %s.", sinceText(since))
				return nil
			}
			r.out.text("%s %s", many(len(all), "incident"), sinceText(since))
			r.out.list(t)
			r.out.text("")
			for _, k := range kinds {
				r.out.wrapped("", k+": "+client.IncidentKind(k).Meaning())
			}
			return needsPerson(true)
		},
	}
}

func sinceText(d time.Duration) string {
	if d <= 0 {
		return "in all that the ledger remembers"
	}
	return "in the last " + rough(d)
}

func (r *run) incidents(ctx context.Context, c *client.Client, since time.Duration) ([]idempotency.Entry, error) {
	from := time.Time{}
	if since > 0 {
		from = r.Clock.Now().Add(-since)
	}
	var all []idempotency.Entry
	for e, err := range c.IncidentsSince(ctx, from) {
		if r.past(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the incidents: %w", err)
		}
		all = append(all, e)
	}
	return all, nil
}

// tallyView is a campaign's count in JSON.
type tallyView struct {
	Type     string                      `json:"type"`
	Campaign string                      `json:"campaign"`
	Jobs     int64                       `json:"jobs"`
	States   map[idempotency.State]int64 `json:"states"`
	Stages   map[postproof.Stage]int64   `json:"stages"`
	Vendors  map[string]int64            `json:"vendors"`
	Proven   int64                       `json:"delivered_scanned"`
	Damaged  int64                       `json:"damaged,omitempty"`
}

func tallyCommand() *command {
	return &command{
		name: "tally", args: "CAMPAIGN", short: "where the pieces of a campaign are", least: 1, most: 1,
		long: `
Counts where the pieces of a campaign are, and which vendor has how many: in an outage whether the others have
taken over. It reads the whole campaign, some seconds for each hundred thousand jobs.

  $ tally spring`,
		run: func(ctx context.Context, r *run, args []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			tally, err := c.Tally(ctx, args[0])
			if err != nil {
				return err
			}
			r.out.object(tallyView{Type: "tally", Campaign: tally.Campaign, Jobs: tally.Jobs, States: tally.States, Stages: tally.Stages, Vendors: tally.Vendors, Proven: tally.Proven, Damaged: tally.Damaged})
			if tally.Jobs == 0 {
				r.out.text("No job of campaign %s is in the ledger.", args[0])
				return nil
			}
			if tally.Damaged > 0 {
				r.out.text("%s damaged and cannot be counted any further: status names what it meets of them.", many(tally.Damaged, "record")+are(tally.Damaged))
			}
			states, stages := newTable("STATE", ">JOBS", ">%"), newTable("MAIL", ">PIECES", ">%")
			for _, s := range idempotency.States() {
				if n := tally.States[s]; n > 0 {
					states.add(string(s), number(n), percent(n, tally.Jobs))
				}
			}
			for _, s := range stagesInOrder() {
				if n := tally.Stages[s]; n > 0 {
					stages.add(string(s), number(n), percent(n, tally.Jobs))
				}
			}
			r.out.text("campaign %s: %s", args[0], many(tally.Jobs, "job"))
			r.out.list(states)
			if len(tally.Vendors) > 0 {
				accepted := newTable("ACCEPTED BY", ">PIECES", ">%")
				for _, name := range slices.Sorted(maps.Keys(tally.Vendors)) {
					accepted.add(name, number(tally.Vendors[name]), percent(tally.Vendors[name], tally.Jobs))
				}
				r.out.text("")
				r.out.list(accepted)
			}
			if len(stages.rows) > 0 {
				r.out.text("")
				r.out.list(stages)
				if n := tally.Stages[postproof.StageDelivered]; n > 0 {
					r.out.text("  %s of the %s delivered were scanned at it; the others are the vendor's word or estimate", number(tally.Proven), number(n))
				}
			}
			return nil
		},
	}
}

func stagesInOrder() []postproof.Stage {
	return []postproof.Stage{
		postproof.StageAccepted, postproof.StageOnHold, postproof.StageRendered, postproof.StageInProduction, postproof.StageMailed,
		postproof.StageInTransit, postproof.StageReRouted, postproof.StageLeftCountry, postproof.StageInLocalArea, postproof.StageIssue,
		postproof.StageOutForDelivery, postproof.StagePickupAvailable, postproof.StageDelivered, postproof.StageReturned,
		postproof.StageFailed, postproof.StageCanceled,
	}
}

func percent(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*float64(n)/float64(of))
}
