package operator

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// answerView is a vendor's answer that is not in the ledger, in JSON.
type answerView struct {
	Type     string         `json:"type"`
	ID       idempotency.ID `json:"id"`
	Vendor   string         `json:"vendor"`
	Ref      postproof.Ref  `json:"ref"`
	VendorID string         `json:"vendor_id,omitempty"`
	Delivery string         `json:"delivery"`
	At       time.Time      `json:"at"`
	// Parked says why the ledger has no place for it; empty while it only waits.
	Parked      string `json:"parked,omitempty"`
	OtherLedger bool   `json:"other_ledger,omitempty"`
}

func spoolCommand() *command {
	var why string
	return &command{
		name: "spool", args: "[list | drop REFERENCE]", short: "answers of vendors that the ledger does not have: list, give up a parked one", most: 2,
		long: `
Lists the answers of vendors that lie in the spool beside the ledger, and in workers' other folders on this
machine. One that waits is put into the ledger by a worker as soon as it can be written. A parked one has no
place there, as after a restored backup: it is kept and tried again, and stays until a person gives it up. Look
first at what it says: accepted means that the vendor has a piece of which this ledger may know nothing; audit
shows it, too.

The spool folders of all workers are listed with their hosts. A worker that starts takes over what lies in any
of them on its machine. What lies in one that its worker left, elsewhere, is not in the ledger, and the list
says what to do.

drop gives up the parked answers under a reference, for good, and takes the vendors' credentials. Start the
workers again afterwards: one that has had the answer since it was parked keeps it until then.

  $ spool
  $ spool drop 7K2M9Q4T1B8X6Z0W -why "it is a piece of the lost day, and was written down by hand"

The list exits 3 when an answer is parked, is of another ledger, or lies in a folder that was left.`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&why, "why", "", "with drop: the `reason`, for the record; no personal data")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			switch {
			case len(args) == 0, args[0] == "list" && len(args) == 1:
				return r.listSpool(ctx)
			case args[0] == "drop" && len(args) == 2:
				return r.dropSpooled(ctx, postproof.Ref(args[1]), why)
			default:
				return usage("want list, or drop REFERENCE")
			}
		},
	}
}

func answerOf(s *client.SpooledAnswer) answerView {
	return answerView{
		Type: "answer", ID: s.ID, Vendor: s.Vendor, Ref: s.Ref, VendorID: s.VendorID, Delivery: s.Delivery.String(), At: s.At.UTC(),
		Parked: s.Parked, OtherLedger: s.OtherLedger,
	}
}

func (r *run) listSpool(ctx context.Context) error {
	c, err := r.client(ctx)
	if err != nil {
		return err
	}
	folders, err := spoolFolders(ctx, c)
	if err != nil {
		return err
	}
	found := false
	t := newTable("JOB", "VENDOR", "REFERENCE", "~VENDOR'S ID", "DELIVERY", "ANSWERED (UTC)", "~WHY IT IS HERE")
	all := c.Spooled()
	for i := range all {
		v := answerOf(&all[i])
		r.out.object(v)
		reason := "waits until the ledger can be written"
		switch {
		case v.OtherLedger:
			reason, found = "of another ledger: give each a folder of its own", true
		case v.Parked != "":
			reason, found = "parked: "+v.Parked, true
		}
		t.add(short(v.ID), v.Vendor, string(v.Ref), v.VendorID, v.Delivery, moment(v.At, r.Clock.Now()), reason)
	}
	r.out.text("%s in the spool", many(len(all), "answer"))
	if len(all) > 0 {
		r.out.list(t)
	}
	needs := r.listSpoolFolders(folders)
	return needsPerson(found || needs)
}

func (r *run) dropSpooled(ctx context.Context, ref postproof.Ref, why string) error {
	if r.by == "" {
		return usage("say who you are with -by: it is written down with what you do")
	}
	if why == "" {
		return usage("say -why: it is written down with your name")
	}
	c, err := r.withVendors(ctx)
	if err != nil {
		return err
	}
	var gone []client.SpooledAnswer
	for _, s := range c.Spooled() {
		if s.Ref == ref && s.Parked != "" && !s.OtherLedger {
			gone = append(gone, s)
		}
	}
	if len(gone) == 0 {
		return fmt.Errorf("no answer is parked under the reference %s: look at spool", ref)
	}
	in := intent{Jobs: 1, Does: []string{fmt.Sprintf("Give up %s under the reference %s, for good:", many(len(gone), "parked answer"), ref)}}
	for i := range gone {
		s := &gone[i]
		in.Does = append(in.Does, fmt.Sprintf("%s answered %q at %s, with the id %s.", s.Vendor, s.Delivery, moment(s.At, r.Clock.Now()), orDash(s.VendorID)))
	}
	if err := r.confirm(in); err != nil {
		return err
	}
	if err := c.DropSpooled(ctx, ref, r.actor(why)); err != nil {
		return err
	}
	for i := range gone {
		r.out.object(answerOf(&gone[i]))
	}
	r.out.text("%s given up. Start the workers again: one that has it keeps it until then.", many(len(gone), "answer")+are(len(gone)))
	return nil
}
