package operator

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

func trackCommand() *command {
	var campaign string
	limit := 50
	return &command{
		name: "track", args: "[CONTACT]", short: "where somebody's mail is, by the contact's id; or each piece of a campaign", most: 1,
		long: `
Lists where the mail of a contact is, in every campaign, newest first: for whoever answers "where is my
postcard?". CONTACT is the contact's id in the list (contact_id), not a name. MAIL is the vendor's last word, and
empty while no vendor has the piece. With -campaign and no contact it lists each piece of a campaign.

  $ track c-17
  $ track c-17 -campaign spring
  $ track -campaign spring -limit 0 -json

It reads the ledger through, some seconds for each hundred thousand jobs; with -campaign only that. Who was
erased is not found by the contact any more: show finds the job by its key, reference or vendor's id.`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&campaign, "campaign", "", "only those of a `campaign`")
			fs.IntVar(&limit, "limit", 50, "list so many `jobs`; 0 for all")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			contact := strings.Join(args, "")
			if contact == "" && campaign == "" {
				return usage("whose mail? Name a contact by its id, or say -campaign")
			}
			return r.track(ctx, contact, campaign, limit)
		},
	}
}

// track lists where mail is.
func (r *run) track(ctx context.Context, contact, campaign string, limit int) error {
	store, err := r.open(ctx)
	if err != nil {
		return err
	}
	now, t := r.Clock.Now(), newTable("JOB", "~CAMPAIGN", "~CONTACT", "STATE", "MAIL", "SEEN", "VENDOR", "~VENDOR'S ID", "~MORE")
	list := func(rec *idempotency.Record) {
		if r.out.json { // a campaign may have a million pieces: none is kept
			r.out.object(r.jobOf(rec))
			return
		}
		row := []string{short(rec.ID), rec.Campaign, rec.Contact, string(rec.State), string(rec.Status.Stage), "", rec.Receipt.Vendor, rec.Receipt.VendorID, whereabouts(rec)}
		if at := rec.Status.SeenAt; !at.IsZero() {
			row[5] = rough(now.Sub(at)) + " ago"
		}
		if campaign != "" { // what was asked for takes no room
			row[1] = ""
		}
		if contact != "" {
			row[2] = ""
		}
		t.add(row...)
	}
	var all []*idempotency.Record // of one contact: these are few
	forms, n, example := snapshot.ContactForms(contact), 0, ""
	for rec, err := range store.Find(ctx, idempotency.Query{Campaign: campaign, Bare: true}) {
		if r.past(err) {
			continue
		}
		switch {
		case err != nil:
			return fmt.Errorf("read the ledger: %w", err)
		case contact != "" && !slices.Contains(forms, rec.Contact):
			continue
		case contact != "":
			all = append(all, rec)
		case limit <= 0 || n < limit:
			list(rec)
		}
		n++
		example = short(rec.ID)
	}
	slices.SortStableFunc(all, func(a, b *idempotency.Record) int { return b.CreatedAt.Compare(a.CreatedAt) })
	for i, rec := range all {
		if limit > 0 && i == limit {
			break
		}
		list(rec)
	}
	if n == 0 {
		r.out.text("Nothing in the ledger is for this%s.", map[bool]string{true: " contact", false: " campaign"}[contact != ""])
		if contact != "" {
			r.out.wrapped("", "It is looked for by the contact's id in the list, letter for letter, not by a name. Who was erased is found by the key, the reference or the vendor's id alone: "+r.Name+" show.")
		}
		return nil
	}
	r.out.text("%s", many(n, "job"))
	r.out.list(t)
	if limit > 0 && n > limit {
		r.out.text("  … and %s more: -limit 0 lists all", number(n-limit))
	}
	r.out.text("")
	r.out.wrapped("", fmt.Sprintf("All that is known of one: %s show %s; what happened to it, and who did: %s history %s", r.Name, example, r.Name, example))
	return nil
}

// whereabouts says why nobody has the piece yet, or when it is expected.
func whereabouts(rec *idempotency.Record) string {
	switch {
	case rec.Erased():
		return "erased"
	case rec.Cancel.Stands() && rec.Cancel.Outcome == "":
		return "to be canceled"
	case rec.Cancel.Outcome == idempotency.CancelTooLate:
		return "too late to be canceled"
	case rec.State == idempotency.Held:
		return "waits for a person: " + string(rec.Hold.Reason)
	case rec.State == idempotency.Refused:
		return whyRefused(rec)
	case rec.State == idempotency.Unknown:
		return "its vendor is being asked"
	case rec.State == idempotency.Accepted && !rec.Receipt.ExpectedDelivery.IsZero():
		return "expected " + rec.Receipt.ExpectedDelivery.UTC().Format(time.DateOnly)
	default:
		return ""
	}
}
