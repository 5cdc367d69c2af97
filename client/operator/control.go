package operator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func controlCommand() *command {
	var file, why string
	return &command{
		name: "control", args: "VENDOR -job FILE [-why REASON]", short: "after a recovery: a piece to yourself, beside which an empty answer proves something", least: 1, most: 1, changes: true,
		long: `
Sends a piece to yourself through one vendor, at the usual price. After a recovery nothing goes out that
could show that a vendor's look-up works, and as long as nothing shows it an empty answer proves nothing: the
jobs in doubt wait for this piece. Send one to each vendor that was in use, and have the workers running.

The file holds a job as JSON, as a postproof.Job is written, with you as its recipient. It needs to, piece and
class; its key is made here and is new, so that each call sends another piece. It costs
money, and so it stands in the change log with who sent it and why; it cannot be undone, only canceled.

  $ control lob -job me.json -why "after the restore of Tuesday"

The vendor is asked first for the pieces that other recoveries of this backup sent; while it does not answer,
nothing is sent. It exits 1 when the vendor did not take it at once: the workers go on with it then, unless it
was refused.`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&file, "job", "", "a `file` with the job as JSON, your own address as its recipient")
			fs.StringVar(&why, "why", "", "the `reason`, for the record; no personal data")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			if file == "" {
				return usage("say -job: the piece to send, with yourself as its recipient")
			}
			job, err := jobIn(file)
			if err != nil {
				return err
			}
			job.Key = "control" // the client makes another one
			if err := job.Validate(); err != nil {
				return usage("-job %s: %w", file, err)
			}
			c, err := r.withVendors(ctx)
			if err != nil {
				return err
			}
			return r.control(ctx, c, args[0], job, why)
		},
	}
}

func (r *run) control(ctx context.Context, c *client.Client, vendor string, job postproof.Job, why string) error {
	if names := namesOf(c); !slices.Contains(names, vendor) {
		return usage("%q is not among the vendors that are set up: %s", vendor, strings.Join(names, ", "))
	}
	if err := r.whole(ctx); err != nil {
		return err
	}
	cost := "at the usual price"
	if cents, known := c.Price(vendor, &job); known {
		cost = fmt.Sprintf("for %d.%02d in its currency", cents/100, cents%100)
	}
	in := intent{Jobs: 1, Mails: 1, Does: []string{
		fmt.Sprintf("Send a %s through %s, %s, to the recipient of the file: that is to be you.", job.Piece.Kind(), vendor, cost),
	}}
	if err := r.confirm(in); err != nil {
		return err
	}
	rec, err := c.SendControl(ctx, vendor, job, r.actor(why))
	if rec == nil {
		if postproof.DeliveryOf(err) == postproof.NotSent {
			return fmt.Errorf("nothing was sent: %w", err)
		}
		return err
	}
	r.out.object(r.jobOf(rec))
	switch {
	case err == nil:
	case rec.State == idempotency.Refused:
		r.out.text("Job %s is refused, and no vendor has it. Mend what is told and send another; end this one with", short(rec.ID))
		r.out.text("       %s cancel %s", r.Name, short(rec.ID))
		return err
	case postproof.DeliveryOf(err) == postproof.Accepted: // an older piece: the error says what to do
		return err
	default:
		r.out.text("Job %s is %s: the workers go on with it, and show says how far it is.", short(rec.ID), rec.State)
		return err
	}
	if rec.Receipt.IsZero() {
		return errors.New("no vendor has it yet: look at it with show " + short(rec.ID))
	}
	r.out.text("Job %s is %s: %s has it as %s. Once a look-up there shows it, its empty answers are believed.",
		short(rec.ID), rec.State, rec.Receipt.Vendor, orDash(rec.Receipt.VendorID))
	return nil
}
