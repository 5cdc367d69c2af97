package operator

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// auditView is an audit in JSON; findingView one difference.
type auditView struct {
	Type     string    `json:"type"`
	Vendor   string    `json:"vendor"`
	Since    time.Time `json:"since"`
	Orders   int64     `json:"orders"`
	Matched  int64     `json:"matched"`
	Findings int       `json:"findings"`
}

type findingView struct {
	Type     string                 `json:"type"`
	Kind     client.DiscrepancyKind `json:"kind"`
	ID       idempotency.ID         `json:"id,omitempty"`
	Ref      postproof.Ref          `json:"ref,omitempty"`
	VendorID string                 `json:"vendor_id,omitempty"`
	Note     string                 `json:"note,omitempty"`
}

func auditCommand() *command {
	var since time.Duration
	return &command{
		name: "audit", args: "VENDOR", short: "compare the ledger with a vendor's own list", least: 1, most: 1,
		long: `
Reads the vendor's own list of orders and compares it with the ledger. It changes nothing.

  unknown_to_us   the vendor has a piece that the ledger does not know: a part of the history that
                  was lost, or another sender of the account
  missing_there   the ledger says that the vendor has a piece, and it is not in the list
  different       both have it, and differ on whether it is printed

  $ audit lob
  $ audit lob -since 240h

It exits 3 when there is a difference.`,
		flags: func(fs *flag.FlagSet) { spanVar(fs, &since, "since", 48*time.Hour, "orders of the last `duration`") },
		run: func(ctx context.Context, r *run, args []string) error {
			c, err := r.withVendors(ctx)
			if err != nil {
				return err
			}
			a, err := c.Audit(ctx, args[0], r.Clock.Now().Add(-since))
			switch {
			case errors.Is(err, errors.ErrUnsupported):
				return fmt.Errorf("%s offers no list of its orders: look at single pieces with show, and at its dashboard: %w", args[0], err)
			case postproof.CodeOf(err) == postproof.CodeNotFound:
				return usage("%q is not among the vendors that are set up: %s", args[0], strings.Join(namesOf(c), ", "))
			case err != nil:
				return err
			}
			r.out.object(auditView{Type: "audit", Vendor: a.Vendor, Since: a.Since.UTC(), Orders: a.Orders, Matched: a.Matched, Findings: len(a.Discrepancies)})
			t := newTable("WHAT", "JOB", "REFERENCE", "~VENDOR'S ID", "~MORE")
			slices.SortStableFunc(a.Discrepancies, func(x, y client.Discrepancy) int {
				return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.ID, y.ID), cmp.Compare(x.VendorID, y.VendorID))
			})
			for _, f := range a.Discrepancies {
				r.out.object(findingView{Type: "finding", Kind: f.Kind, ID: f.ID, Ref: f.Ref, VendorID: f.VendorID, Note: f.Note})
				t.add(string(f.Kind), short(f.ID), string(f.Ref), f.VendorID, f.Note)
			}
			r.out.wrapped("", fmt.Sprintf("%s lists %s since %s. The ledger agrees with %s; %s left.", a.Vendor, many(a.Orders, "order"),
				moment(a.Since, r.Clock.Now()), number(a.Matched), many(len(a.Discrepancies), "difference")+are(len(a.Discrepancies))))
			if len(a.Discrepancies) > 0 {
				r.out.list(t)
			}
			return needsPerson(len(a.Discrepancies) > 0)
		},
	}
}

func namesOf(c *client.Client) []string {
	var names []string
	for _, v := range c.Vendors() {
		names = append(names, v.Name)
	}
	return names
}

// silenceView is a vendor's silence in JSON.
type silenceView struct {
	Type     string    `json:"type"`
	Vendor   string    `json:"vendor"`
	Expected int64     `json:"expected"`
	Silent   int64     `json:"silent"`
	Since    time.Time `json:"since,omitzero"`
	Heard    time.Time `json:"heard,omitzero"`
}

func silenceCommand() *command {
	return &command{
		name: "silence", short: "vendors that have not told of pieces in time",
		long: `
Counts the pieces that each vendor's callbacks should have told of by now. A few are lost mail, or scans
that were never made; when most of a vendor's are silent, its callbacks do not arrive: look at the receiving
service and at the vendor's webhook. Nothing is lost by it: silent pieces are polled. It asks no vendor, but
has to know what each can do, so it needs the adapters.

  $ silence

It exits 3 when more than half of a vendor's pieces are silent.`,
		run: func(ctx context.Context, r *run, _ []string) error {
			c, err := r.withVendors(ctx, r.listening(ctx)...)
			if err != nil {
				return err
			}
			all, err := c.Silence(ctx)
			if err != nil {
				return err
			}
			now, deaf := r.Clock.Now(), false
			t := newTable("VENDOR", ">EXPECTED", ">SILENT", ">%", "OLDEST (UTC)", "LAST HEARD (UTC)")
			for _, s := range all {
				r.out.object(silenceView{Type: "silence", Vendor: s.Vendor, Expected: s.Expected, Silent: s.Silent, Since: s.Since.UTC(), Heard: s.Heard.UTC()})
				t.add(s.Vendor, number(s.Expected), number(s.Silent), percent(s.Silent, s.Expected), moment(s.Since, now), moment(s.Heard, now))
				deaf = deaf || 2*s.Silent > s.Expected
			}
			r.out.text("%s", many(len(all), "vendor"))
			r.out.list(t)
			return needsPerson(deaf)
		},
	}
}

// listening has the client take it that callbacks of the vendors are received.
func (r *run) listening(ctx context.Context) []client.Option {
	store, err := r.open(ctx)
	if err != nil || r.Vendors == nil {
		return nil // it is told when the client is made
	}
	id, err := store.Identity(ctx)
	if err != nil {
		return nil
	}
	adapters, err := r.Vendors(ctx, id.Mode)
	if err != nil {
		return nil
	}
	var all []client.Option
	for _, a := range adapters {
		if caps := a.Capabilities(); caps.Callbacks.Auth != postproof.CallbackNone {
			all = append(all, client.WithVendor(caps.Vendor, client.VendorConfig{Callbacks: true}))
		}
	}
	return all
}

// recoveredView is a recovery in JSON.
type recoveredView struct {
	Type    string   `json:"type"`
	Vendors []string `json:"vendors"`
	Checked int64    `json:"checked"`
	Doubted int64    `json:"doubted"`
	// Recoveries there were since the backup; Unasked vendors are asked for more later.
	Recoveries int      `json:"recoveries,omitempty"`
	Unasked    []string `json:"unasked,omitempty"`
	// Damaged records were left.
	Damaged []idempotency.ID `json:"damaged,omitempty"`
}

func recoverCommand() *command {
	var o client.RecoverOptions
	var backup, why string
	return &command{
		name: "recover", short: "after a restored backup, a copied file or a promoted replica: before anything is sent", changes: true,
		long: `
A ledger whose history was broken sends nothing until it is recovered: what the lost part of the history did
nobody here knows. Recover puts every job that is not final in doubt. The workers then ask every vendor for
it, and it goes on only when the answers prove where it is.

Give the credentials of every vendor that was in use: one that is left out is not asked. Afterwards send each
vendor a piece to yourself, with control: beside it an empty answer proves something. A backup that is put
back a second time knows nothing of the recovery after the first. The vendors do, by the piece that
control sent then, and are asked for it; a recovery without one has to be stated, with -recoveries. A vendor that
is down is asked later, and nothing is believed to be absent there before.

  $ recover -backup-at 2026-05-04T02:00:00Z
  $ recover -backup-at 2026-05-04T02:00:00Z -recoveries 1
  $ recover -copy              for a copy whose original goes on: holds all, under a new namespace

On a ledger whose history is whole it does nothing.`,
		flags: func(fs *flag.FlagSet) {
			whyFlag(fs, &why)
			fs.StringVar(&backup, "backup-at", "", "`when` the backup was taken, as 2026-05-04T02:00:00Z")
			fs.IntVar(&o.Recoveries, "recoveries", 0, "how `many` recoveries there were since the backup was taken, at least: those after which no control piece was sent are not found by themselves")
			fs.BoolVar(&o.LeaveDamaged, "leave-damaged", false, "recover although records are damaged: they are in no doubt then, so their rows must never be put back")
			fs.BoolVar(&o.Copy, "copy", false, "the ledger is a copy, and its original goes on")
			fs.DurationVar(&o.DoubtNewFor, "doubt-new-for", 0, "for which `duration` keys that are new to the ledger are looked up first (default 72h, negative for not at all)")
		},
		run: func(ctx context.Context, r *run, _ []string) error {
			var err error
			if backup != "" {
				if o.BackupAt, err = time.Parse(time.RFC3339, backup); err != nil {
					return usage("-backup-at %q: want a time as 2026-05-04T02:00:00Z", backup)
				}
			}
			return r.recover(ctx, o, why)
		},
	}
}

func (r *run) recover(ctx context.Context, o client.RecoverOptions, why string) error {
	store, err := r.open(ctx)
	if err != nil {
		return err
	}
	id, err := store.Identity(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger's identity: %w", err)
	}
	if !id.EpochChanged() {
		r.out.text("The ledger's history is whole: there is nothing to recover.")
		return nil
	}
	connect := r.client // a copy asks nobody
	if !o.Copy {
		connect = func(ctx context.Context) (*client.Client, error) { return r.withVendors(ctx) }
	}
	c, err := connect(ctx)
	if err != nil {
		return err
	}
	names := namesOf(c)
	open, strangers, err := r.inUse(ctx, names)
	if err != nil {
		return err
	}
	if len(strangers) > 0 && !o.Copy {
		return fmt.Errorf("the ledger knows of vendors that are not set up here and would not be asked: %s: give their credentials, too", strings.Join(strangers, ", "))
	}
	in := intent{Jobs: open, Does: []string{
		fmt.Sprintf("Recover the ledger: %s not final. Each is looked up at %s before it goes on.", many(open, "job")+are(open), strings.Join(names, ", ")),
		"If any other vendor was in use since the backup, stop here and give its credentials: what it has would be sent again.",
	}}
	if o.Recoveries == 0 {
		in.Does = append(in.Does, "If it was recovered since the backup was taken, as when this one is put back a second time, the control piece of that recovery tells of it. If none was sent then, stop here and say -recoveries 1, or how many there were in all.")
	} else {
		in.Does = append(in.Does, many(o.Recoveries, "recovery")+" since the backup was taken: what was sent behind it is looked for, too.")
	}
	if o.Copy {
		in.Does = []string{fmt.Sprintf("Make this copy a ledger of its own: %s not final and held here, for the original goes on with them. New jobs are sent from both.", many(open, "job")+are(open))}
	}
	if err := r.confirm(in); err != nil {
		return err
	}
	o.OnProgress = func(n int64) { fmt.Fprintf(r.Stderr, "\r%s of %s", number(n), number(open)) }
	done, err := c.Recover(ctx, r.actor(why), o)
	fmt.Fprintln(r.Stderr)
	if err != nil {
		if done.Checked == 0 && postproof.CodeOf(err) == postproof.CodeConflict {
			return fmt.Errorf("nothing was recovered: %w", err)
		}
		if len(done.Damaged) > 0 && !o.LeaveDamaged {
			return fmt.Errorf("nothing may be submitted yet; say -leave-damaged to recover without them: %w", err)
		}
		return fmt.Errorf("the recovery stopped after %s; run it again, it goes on: %w", many(done.Doubted, "job"), err)
	}
	r.out.object(recoveredView{Type: "recovered", Vendors: names, Checked: done.Checked, Doubted: done.Doubted, Recoveries: done.Recoveries, Unasked: done.Unasked, Damaged: done.Damaged})
	if o.Copy {
		r.out.text("%s held. The copy is a ledger of its own.", many(done.Doubted, "job")+are(done.Doubted))
		return nil
	}
	if done.Recoveries > o.Recoveries {
		r.out.text("The vendors show %s since this backup was taken: what was sent behind that is looked for, too.", many(done.Recoveries, "recovery"))
	}
	if len(done.Unasked) > 0 {
		r.out.text("Not asked for earlier recoveries, because there was no answer: %s. The workers ask before they believe anything to be absent there.", strings.Join(done.Unasked, ", "))
	}
	r.out.text("%s in doubt: the workers look them up before they go on. Start them now.", many(done.Doubted, "job")+are(done.Doubted))
	r.out.text("Send each vendor a piece to yourself (%s control -h): without one, empty answers prove nothing.", r.Name)
	return nil
}

// inUse counts the jobs that are not final, and names the vendors that the ledger
// knows and that are not among those given.
func (r *run) inUse(ctx context.Context, names []string) (open int, strangers []string, err error) {
	for rec, err := range r.ledger.Find(ctx, idempotency.Query{Bare: true}) {
		if r.past(err) {
			open++
			continue
		}
		if err != nil {
			return 0, nil, fmt.Errorf("read the ledger: %w", err)
		}
		if rec.Tombstone {
			continue
		}
		if rec.State != idempotency.Done && rec.State != idempotency.Canceled {
			open++
		}
		for i := range rec.Submissions {
			if v := rec.Submissions[i].Vendor; !slices.Contains(names, v) && !slices.Contains(strangers, v) {
				strangers = append(strangers, v)
			}
		}
	}
	slices.Sort(strangers)
	return open, strangers, nil
}
