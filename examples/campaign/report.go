package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/verify"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// report is what became of the campaign. What was printed comes from the
// vendors' print logs and the list alone; the rest from the ledger.
type report struct {
	Rows           int `json:"rows"`
	Rejected       int `json:"rejected"`
	Jobs           int `json:"jobs"`
	Accepted       int `json:"accepted"`
	Held           int `json:"held"`
	Refused        int `json:"refused"`
	Printed        int `json:"printed"`
	PrintedTwice   int `json:"printed_twice"`
	Lost           int `json:"lost"`
	UnknownSettled int `json:"unknown_settled"`
	Failovers      int `json:"failovers"`
	Sends          int `json:"sends"`
	// Delivered and Returned are where the pieces ended; the carrier's word is
	// rarely a proof.
	Delivered int     `json:"delivered"`
	Returned  int     `json:"returned"`
	Seconds   float64 `json:"seconds"`
	// Faults counts what the simulators injected, by boundary.
	Faults map[string]int64 `json:"faults"`

	tally client.Tally
	// contacts are some of those whose pieces are at a stage that a person may
	// want to do something about.
	contacts map[postproof.Stage][]string
	verified error
	vendors  map[string]vendorsim.VendorStats
	voided   int
	byVendor map[string]int
	heldFor  map[idempotency.HoldReason]int
}

func (d *day) report(ctx context.Context, list string) (*report, error) {
	n := d.snap.Counts()
	r := &report{Rows: n.Read, Rejected: n.Rejected, Jobs: d.jobs, Faults: map[string]int64{}, heldFor: map[idempotency.HoldReason]int{}}
	if err := r.readLedger(ctx, d); err != nil {
		return nil, err
	}
	var err error
	if r.tally, err = d.client.Tally(ctx, campaign); err != nil {
		return nil, err
	}
	r.Delivered, r.Returned = int(r.tally.Stages[postproof.StageDelivered]), int(r.tally.Stages[postproof.StageReturned])
	if err := r.readContacts(ctx, d); err != nil {
		return nil, err
	}
	prints, err := d.plant.prints(ctx)
	if err != nil {
		return nil, err
	}
	v, err := verify.Campaign(strings.NewReader(list), prints)
	if err != nil {
		return nil, err
	}
	r.Printed, r.PrintedTwice, r.Lost, r.voided, r.byVendor, r.verified = v.Printed, v.PrintedTwice, v.Lost, v.Voided, v.ByVendor, v.Err()
	stats, err := d.plant.stats(ctx)
	if err != nil {
		return nil, err
	}
	r.vendors = stats.Vendors
	for _, s := range stats.Vendors {
		for boundary, count := range s.Faults {
			r.Faults[string(boundary)] += count
		}
	}
	return r, nil
}

// someContacts is how many contacts a line of the report names.
const someContacts = 5

// readContacts names contacts whose pieces came back, or went another way.
func (r *report) readContacts(ctx context.Context, d *day) error {
	r.contacts = map[postproof.Stage][]string{}
	for t, err := range d.client.Track(ctx, campaign) {
		if err != nil {
			return err
		}
		switch stage := t.Status.Stage; stage {
		case postproof.StageReturned, postproof.StageReRouted, postproof.StageIssue, postproof.StageOnHold:
			if list := r.contacts[stage]; len(list) <= someContacts {
				r.contacts[stage] = append(list, t.Contact)
			}
		default:
		}
	}
	return nil
}

// named is the end of a stage's line.
func (r *report) named(stage postproof.Stage) string {
	list := r.contacts[stage]
	if len(list) > someContacts {
		return strings.Join(list[:someContacts], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}

// readLedger counts what the ledger says about the campaign.
func (r *report) readLedger(ctx context.Context, d *day) error {
	doubted, vendor := map[idempotency.ID]bool{}, map[idempotency.ID]string{}
	for e, err := range d.store.Entries(ctx, idempotency.EntryQuery{}) {
		if err != nil {
			return err
		}
		if e.To == idempotency.Unknown {
			doubted[e.ID] = true
		}
		if e.Kind == idempotency.EntryIntent {
			if before := vendor[e.ID]; before != "" && before != e.Vendor {
				r.Failovers++
			}
			vendor[e.ID] = e.Vendor
		}
	}
	for rec, err := range d.store.Find(ctx, idempotency.Query{Campaign: campaign}) {
		if err != nil {
			return err
		}
		for i := range rec.Submissions {
			r.Sends += rec.Submissions[i].Sends
		}
		switch rec.State {
		case idempotency.Accepted, idempotency.Done:
			r.Accepted++
			if doubted[rec.ID] {
				r.UnknownSettled++
			}
		case idempotency.Held:
			r.Held++
			r.heldFor[rec.Hold.Reason]++
		case idempotency.Refused:
			r.Refused++
		default:
		}
	}
	return nil
}

// kept reports whether the promise was kept. Both vendors can be asked about
// every piece, so nothing may be held.
func (r *report) kept() bool {
	return r.PrintedTwice == 0 && r.Lost == 0 && r.Held == 0 && r.Printed == r.Jobs && r.verified == nil
}

// stages are where the pieces are, in the order of their way.
func (r *report) stages() []postproof.Stage {
	return slices.SortedFunc(maps.Keys(r.tally.Stages), func(a, b postproof.Stage) int {
		return cmp.Or(a.Rank()-b.Rank(), strings.Compare(string(a), string(b)))
	})
}

func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	row("")
	row("contacts\t%d\tof them rejected\t%d", r.Rows, r.Rejected)
	row("jobs\t%d\taccepted %d, refused %d, held %d", r.Jobs, r.Accepted, r.Refused, r.Held)
	for _, reason := range slices.Sorted(maps.Keys(r.heldFor)) {
		row("\t\theld: %s\t%d", reason, r.heldFor[reason])
	}
	for _, stage := range r.stages() {
		row("\t%s\t%d\t%s", stage, r.tally.Stages[stage], r.named(stage))
	}
	row("sends\t%d\tunknown outcomes settled %d, moved to another vendor %d", r.Sends, r.UnknownSettled, r.Failovers)
	for _, name := range slices.Sorted(maps.Keys(r.vendors)) {
		v := r.vendors[name]
		row("%s\t%d orders\tfrom %d requests, %d repeats recognized, %d on paper", name, v.Accepted, v.Sends, v.Replays, r.byVendor[name])
	}
	if len(r.Faults) > 0 {
		row("faults\t\t")
		for _, boundary := range slices.Sorted(maps.Keys(r.Faults)) {
			row("\t%s\t%d", boundary, r.Faults[boundary])
		}
	}
	row("on paper\t%d\tprinted twice %d, lost %d, voided before mailing %d", r.Printed, r.PrintedTwice, r.Lost, r.voided)
	_ = w.Flush()
	switch {
	case r.kept():
		fmt.Fprintf(out, "\nEvery valid contact has one postcard, nobody has two.  (%.1f s)\n", r.Seconds)
	case r.verified != nil:
		fmt.Fprintf(out, "\nThe promise was broken: %v\n", r.verified)
	default:
		fmt.Fprintf(out, "\nThe promise was broken: %d jobs, %d on paper, %d held\n", r.Jobs, r.Printed, r.Held)
	}
}

func (r *report) printJSON(out io.Writer) {
	_ = json.NewEncoder(out).Encode(r) // a closed output is the reader's choice
}
