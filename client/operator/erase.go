package operator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/postproof/postproof/client"
)

// erasureView is a report in JSON.
type erasureView struct {
	Type string `json:"type"`
	client.ErasureReport
	Complete bool `json:"complete"`
}

func eraseCommand() *command {
	var e client.Erasure
	var contacts, why string
	var do, lists bool
	return &command{
		name: "erase", args: "[JOB…]", short: "forget a person: dry run first, then -run", most: -1,
		long: `
Erases what the ledger, its inbox and the frozen lists hold of a person. Without -run nothing is changed, and
it says what would be. Ids, references and outcomes stay, so that a key is never used again. What a vendor has,
or may have, keeps what another generation needs until it is at rest; -now does not wait for that, and -stop
has the vendor cancel it, too. It needs the workers' credentials.

  $ erase -contact c-17 -related -lists
  $ erase -contact c-17 -related -lists -run -why "request 4711"
  $ erase 3f9a1c -now -run -why "request 4711"

It exits 3 when something is left to come again for.`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&contacts, "contact", "", "all jobs of these `contacts`, separated by commas")
			fs.BoolVar(&e.Related, "related", false, "also the other jobs of the contacts that the named jobs have")
			fs.BoolVar(&lists, "lists", false, "also the rows of the frozen lists")
			fs.BoolVar(&e.Now, "now", false, "also what a vendor has or may have, at once")
			fs.BoolVar(&e.Stop, "stop", false, "and have it canceled there")
			fs.BoolVar(&e.Artwork, "artwork", false, "delete artwork that no other job refers to")
			fs.BoolVar(&e.Compact, "compact", false, "rewrite the ledger's files; takes long")
			fs.BoolVar(&do, "run", false, "do it")
			fs.StringVar(&why, "why", "", "the `reason`, for the record; no personal data of the person")
		},
		run: func(ctx context.Context, r *run, names []string) error {
			for one := range strings.SplitSeq(contacts, ",") {
				if one = strings.TrimSpace(one); one != "" {
					e.Contacts = append(e.Contacts, one)
				}
			}
			switch {
			case len(names) == 0 && len(e.Contacts) == 0:
				return usage("name the jobs, or -contact")
			case do && (why == "" || r.by == ""):
				return usage("with -run say -by and -why: they are written down")
			}
			for _, name := range names {
				rec, err := r.find(ctx, name)
				if err != nil {
					return err
				}
				if rec.Key == "" {
					return fmt.Errorf("job %s was erased or pruned already: -contact finds what is left of it", short(rec.ID))
				}
				e.Keys = append(e.Keys, rec.Key)
			}
			if lists {
				if r.Snapshots == nil {
					return usage("-lists: say where the snapshots are")
				}
				store, err := r.Snapshots(ctx)
				if err != nil {
					return err
				}
				e.Snapshots = store
			}
			return r.erase(ctx, e, why, do)
		},
	}
}

func (r *run) erase(ctx context.Context, e client.Erasure, why string, do bool) error {
	c, err := r.withVendors(ctx)
	if err != nil {
		return err
	}
	e.DryRun = true
	report, err := c.Erase(ctx, e, r.actor(why))
	if err != nil {
		return err
	}
	if !do {
		r.erasure(&report)
		r.out.text("Nothing was changed. To do it say -run and -why.")
		return nil
	}
	in := intent{Jobs: len(report.Jobs), Does: []string{fmt.Sprintf("Erase, for good: %s, %s, rows of %s.",
		many(len(report.Jobs), "job"), many(len(report.Messages), "callback"), many(len(report.Snapshots), "frozen list"))}}
	if e.Stop {
		in.Does = append(in.Does, "What a vendor has is canceled there, where there is still time.")
	}
	if err := r.confirm(in); err != nil {
		return err
	}
	e.DryRun = false
	report, err = c.Erase(ctx, e, r.actor(why))
	if err != nil {
		return errors.Join(err, errors.New("run it again: it goes on where it was"))
	}
	r.erasure(&report)
	return needsPerson(!report.Complete())
}

func (r *run) erasure(report *client.ErasureReport) {
	r.out.object(erasureView{Type: "erasure", ErasureReport: *report, Complete: report.Complete()})
	now := r.Clock.Now()
	t := newTable("JOB", "OUTCOME", "STATE", "~PIECES", "COME AGAIN (UTC)")
	for _, j := range report.Jobs {
		var pieces []string
		for _, p := range j.Pieces {
			pieces = append(pieces, p.Vendor+" "+orText(p.VendorID, string(p.Ref)))
		}
		t.add(short(j.ID), string(j.Outcome), string(j.State), strings.Join(pieces, ", "), moment(j.After, now))
	}
	r.out.text("%s, %s, %s, rows of %s", many(len(report.Jobs), "job"), many(len(report.Messages), "callback"),
		many(len(report.Artwork), "piece")+" of artwork", many(len(report.Snapshots), "frozen list"))
	if len(t.rows) > 0 {
		r.out.list(t)
	} else {
		r.out.wrapped("", "No job of the ledger is meant: a contact is named by its id in the list, letter for letter.")
	}
	r.eraseMeans(report)
	for _, p := range report.Problems {
		r.out.wrapped(" ! ", p)
	}
	for _, u := range report.Unread {
		r.out.wrapped(" ! ", fmt.Sprintf("%s %s is damaged and could not be looked into: it may hold something of the person. Everything else was. "+
			"What to do: %s; then erase again.", u.Kind, u.ID, unreadAdvice(u.Kind)))
	}
	for _, a := range report.Artwork {
		if a.Outcome == client.ArtworkLeft {
			r.out.text("  artwork %s is left: if it was made for this person alone, say -artwork", a.Digest[:min(shortID, len(a.Digest))])
		}
	}
	if report.Digest != "" {
		r.out.text("Change %d; the report's digest is %s.", report.Entry, report.Digest)
	}
}

// eraseMeans says what the outcomes mean, and what no ledger can erase.
func (r *run) eraseMeans(report *client.ErasureReport) {
	var outcomes []client.ErasureOutcome
	var holders []string
	for i := range report.Jobs {
		if o := report.Jobs[i].Outcome; !slices.Contains(outcomes, o) {
			outcomes = append(outcomes, o)
		}
		for _, p := range report.Jobs[i].Pieces {
			if !slices.Contains(holders, p.Vendor) {
				holders = append(holders, p.Vendor)
			}
		}
	}
	for _, o := range outcomes {
		if text := erasedMeans(o); text != "" {
			r.out.wrapped("", string(o)+": "+text)
		}
	}
	if len(holders) > 0 {
		r.out.wrapped("", "What "+strings.Join(holders, " and ")+" may have of the person is not erased by this: ask there, by the ids in PIECES.")
	}
}

func erasedMeans(o client.ErasureOutcome) string {
	switch o {
	case client.ErasureBuried:
		return "nothing of the person is left; the key stays used, so that nothing is sent again."
	case client.ErasureFollowed:
		return "nothing of the person is left; the vendor's piece is followed by its reference to its end."
	case client.ErasureOpen:
		return "a vendor has the piece, or may have it: the job keeps its data until it is at rest, and loses it then by itself. Come again after that for what belongs to it elsewhere; or say -now."
	case client.ErasureBefore:
		return "it was erased, or pruned, before."
	case client.ErasureNewer:
		return "a newer version wrote it: erase it with the command of that version."
	default:
		return ""
	}
}

// unreadAdvice says what to do about something that an erasure could not look into.
func unreadAdvice(kind string) string {
	switch kind {
	case "message":
		return "put its row back from a backup, or delete the row"
	case "snapshot":
		return "put its folder back from a backup, or delete the folder"
	default:
		return "keep a copy of the database, restore a backup of all of it, and recover"
	}
}
