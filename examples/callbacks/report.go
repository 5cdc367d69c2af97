package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// report is what became of it. What happened comes from the simulator, what is
// known of it from the ledger and from the CRM's log.
type report struct {
	Contacts int `json:"contacts"`
	Kills    int `json:"kills"`
	// Events happened; Requests were made for them, Failed of which got no
	// answer or not a good one; Acknowledged were.
	Events       int            `json:"events"`
	Requests     int64          `json:"requests"`
	Acknowledged int64          `json:"acknowledged"`
	Failed       map[string]int `json:"failed"`
	// Stored messages are in the inbox, Applied of them in the ledger's history,
	// AppliedTwice more than once. Fresh of them said something new.
	Stored       int `json:"stored"`
	Applied      int `json:"applied"`
	AppliedTwice int `json:"applied_twice"`
	Fresh        int `json:"fresh"`
	// Lost events happened and are not applied; Foreign messages are about no
	// event that happened.
	Lost    int `json:"lost"`
	Foreign int `json:"foreign"`
	// Unsettled messages wait or are parked.
	Unsettled int `json:"unsettled"`
	// Handled is how often the handler was called, Unhandled how many events it
	// was never called for.
	Handled   int        `json:"handled"`
	Unhandled int        `json:"unhandled"`
	Forged    []*forgery `json:"forged"`
	// The contacts by where their card is, in the eyes of each.
	Vendor map[postproof.Stage]int `json:"vendor"`
	Ledger map[postproof.Stage]int `json:"ledger"`
	CRM    map[postproof.Stage]int `json:"crm"`
	// Unequal are the contacts about which they do not agree.
	Unequal []string `json:"unequal,omitempty"`
	Seconds float64  `json:"seconds"`
}

func (w *world) report(ctx context.Context) (*report, error) {
	stats := w.sim.Stats().Vendors[lob.Name]
	r := &report{
		Contacts: w.n, Kills: w.kills, Requests: stats.Callbacks, Acknowledged: stats.Acknowledged, Failed: map[string]int{}, Forged: w.forged,
		Vendor: map[postproof.Stage]int{}, Ledger: map[postproof.Stage]int{}, CRM: map[postproof.Stage]int{},
	}
	events := w.sim.Events(lob.Name)
	r.Events = len(events)
	for _, e := range events {
		for _, d := range e.Deliveries {
			for _, a := range d.Attempts {
				if a.Failure != "" {
					r.Failed[a.Failure]++
				}
			}
		}
	}
	calls, err := readCRM(filepath.Join(w.dir, crmFile))
	if err != nil {
		return nil, err
	}
	r.Handled = len(calls)
	if err := r.readInbox(ctx, w, events, calls); err != nil {
		return nil, err
	}
	return r, r.compare(ctx, w, lastStages(events), lastUpdates(calls))
}

// readCRM reads what the handler was called with.
func readCRM(path string) ([]update, error) {
	b, err := os.ReadFile(path) //nolint:gosec // in the folder of the run
	if err != nil {
		return nil, err
	}
	var out []update
	for line := range bytes.Lines(b) {
		var u update
		if err := json.Unmarshal(line, &u); err != nil {
			return nil, fmt.Errorf("the CRM's log: %w", err)
		}
		out = append(out, u)
	}
	return out, nil
}

// readInbox compares the inbox and the ledger's history with what happened.
func (r *report) readInbox(ctx context.Context, w *world, events []vendorsim.CallbackEvent, calls []update) error {
	happened, handled, applied := map[string]bool{}, map[uint64]bool{}, map[string]int{}
	for _, e := range events {
		happened[e.ID] = true
	}
	for _, u := range calls {
		handled[u.Message] = true
	}
	for e, err := range w.own.store.Entries(ctx, idempotency.EntryQuery{Kinds: []idempotency.EntryKind{idempotency.EntryCallback, "callback_kept"}}) {
		if err != nil {
			return err
		}
		if applied[e.By]++; e.Kind == idempotency.EntryCallback {
			r.Fresh++
		}
	}
	for m, err := range w.own.store.Inbox().List(ctx, idempotency.MessageQuery{}) {
		if err != nil {
			return err
		}
		r.Stored++
		if m.State != idempotency.MessageApplied {
			r.Unsettled++
		}
		switch applied[fmt.Sprintf("inbox/%d", m.ID)] {
		case 0:
		case 1:
			r.Applied++
		default:
			r.Applied++
			r.AppliedTwice++
		}
		var body struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(m.Body, &body) != nil || !happened[body.ID] {
			r.Foreign++
		} else if applied[fmt.Sprintf("inbox/%d", m.ID)] > 0 {
			delete(happened, body.ID)
		}
		if !handled[m.ID] {
			r.Unhandled++
		}
	}
	r.Lost = len(happened)
	return nil
}

// lastStages is where each piece is: what the newest event about it says, by the
// simulator's books.
func lastStages(events []vendorsim.CallbackEvent) map[string]postproof.Stage {
	out := map[string]postproof.Stage{}
	slices.SortStableFunc(events, func(a, b vendorsim.CallbackEvent) int { return a.Time.Compare(b.Time) })
	for _, e := range events {
		switch strings.TrimPrefix(e.Type, "postcard.") {
		case "created":
			out[e.VendorID] = postproof.StageAccepted
		case "rendered_pdf":
			out[e.VendorID] = postproof.StageRendered
		case "mailed":
			out[e.VendorID] = postproof.StageMailed
		case "in_transit":
			out[e.VendorID] = postproof.StageInTransit
		case "re-routed":
			out[e.VendorID] = postproof.StageReRouted
		case "in_local_area":
			out[e.VendorID] = postproof.StageInLocalArea
		case "processed_for_delivery":
			out[e.VendorID] = postproof.StageOutForDelivery
		case "delivered":
			out[e.VendorID] = postproof.StageDelivered
		case "returned_to_sender":
			out[e.VendorID] = postproof.StageReturned
		}
	}
	return out
}

// lastUpdates is what the CRM believes of each contact.
func lastUpdates(calls []update) map[string]postproof.Stage {
	out := map[string]postproof.Stage{}
	for _, u := range calls {
		out[u.Contact] = u.Stage
	}
	return out
}

// compare asks all three about each contact.
func (r *report) compare(ctx context.Context, w *world, vendor, crm map[string]postproof.Stage) error {
	for i := range w.n {
		job := card(i)
		rec, err := w.own.mail.Status(ctx, job.Key)
		if err != nil {
			return err
		}
		v, l, c := vendor[rec.Receipt.VendorID], rec.Status.Stage, crm[job.Contact]
		r.Vendor[v]++
		r.Ledger[l]++
		r.CRM[c]++
		if v != l || v != c || v == "" {
			r.Unequal = append(r.Unequal, job.Contact)
		}
	}
	return nil
}

// verdict returns everything that went wrong, nil when nothing did.
func (r *report) verdict() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(r.Lost > 0, "%d events were lost", r.Lost)
	wrong(r.AppliedTwice > 0, "%d events were applied twice", r.AppliedTwice)
	wrong(r.Foreign > 0, "%d messages are about nothing that happened", r.Foreign)
	wrong(r.Stored != r.Events || r.Applied != r.Events, "of %d events %d are stored and %d applied", r.Events, r.Stored, r.Applied)
	wrong(r.Unsettled > 0, "%d messages are not worked off", r.Unsettled)
	wrong(r.Unhandled > 0, "the handler was not called for %d events", r.Unhandled)
	wrong(len(r.Unequal) > 0, "they do not agree about %d contacts, the first is %s", len(r.Unequal), slices.Concat(r.Unequal, []string{""})[0])
	wrong(r.Kills != kills, "the receiver was killed %d times, want %d", r.Kills, kills)
	for _, f := range r.Forged {
		wrong(f.Sent == 0 || f.Answered != f.Sent, "forged, %s: %d of %d were answered with %d", f.Name, f.Answered, f.Sent, f.Want)
	}
	return errors.Join(errs...)
}

func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "\nThe vendor: %d events, %d callbacks sent, %d acknowledged\n", r.Events, r.Requests, r.Acknowledged)
	for _, why := range slices.Sorted(maps.Keys(r.Failed)) {
		fmt.Fprintf(out, "  not acknowledged, and sent again: %d, %s\n", r.Failed[why], why)
	}
	fmt.Fprintf(out, "The receiver, killed %d times: %d events stored, %d duplicates acknowledged\n", r.Kills, r.Stored, r.Acknowledged-int64(r.Events))
	fmt.Fprintf(out, "  applied %d, of which %d moved a piece; applied twice %d, lost %d\n", r.Applied, r.Fresh, r.AppliedTwice, r.Lost)
	fmt.Fprintf(out, "  the CRM was told %d times: %d more than there are events\n\n", r.Handled, r.Handled-r.Events)

	fmt.Fprintf(out, "%-30s%6s%11s\n", "Forged callbacks", "sent", "refused")
	for _, f := range r.Forged {
		fmt.Fprintf(out, "  %-28s%6d%11d  with %d (%s)\n", f.Name, f.Sent, f.Answered, f.Want, f.Reason)
	}
	fmt.Fprintf(out, "\n%-30s%6s%11s%11s\n", "Where the cards are", "vendor", "ledger", "CRM")
	stages := maps.Clone(r.Vendor)
	maps.Copy(stages, r.Ledger)
	maps.Copy(stages, r.CRM)
	for _, s := range slices.Sorted(maps.Keys(stages)) {
		fmt.Fprintf(out, "  %-28s%6d%11d%11d\n", s, r.Vendor[s], r.Ledger[s], r.CRM[s])
	}
	for _, contact := range r.Unequal {
		fmt.Fprintf(out, "  %s: they do not agree\n", contact)
	}
	if r.verdict() == nil {
		fmt.Fprintf(out, "\nEvery event was applied once, and all agree about all %d contacts.\n", r.Contacts)
	}
}

func (r *report) printJSON(out io.Writer) {
	if err := json.NewEncoder(out).Encode(r); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
