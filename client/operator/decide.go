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

// doneView is what became of one job, in JSON.
type doneView struct {
	Type  string            `json:"type"`
	ID    idempotency.ID    `json:"id"`
	State idempotency.State `json:"state"`
	Paper paper             `json:"paper"`
	// Outcome is done, moved or failed.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

// each does something to each job, one after the other, unless it has moved since
// it was shown. It reports what became of them.
func (r *run) each(ctx context.Context, all []*idempotency.Record, past string, do func(*idempotency.Record, client.Condition) (*idempotency.Record, error)) error {
	now, t := 0, newTable("ID", "~CAMPAIGN", "~CONTACT", "NOW", "PAPER", "~WHAT BECAME OF IT")
	moved, failed := 0, 0
	for _, rec := range all {
		if err := context.Cause(ctx); err != nil {
			r.out.text("%s of %s %s; then it was told to stop", number(now), many(len(all), "job"), past)
			return err
		}
		v := doneView{Type: "done", ID: rec.ID, State: rec.State, Paper: paperOf(rec), Outcome: "done"}
		is, err := do(rec, client.IfUnchanged(client.VersionOf(r.epoch, rec)))
		if is != nil {
			v.State, v.Paper = is.State, paperOf(is)
		}
		changed, other := errors.AsType[*client.ChangedError](err)
		switch {
		case other:
			v.Outcome, v.Error = "moved", err.Error()
			moved++
		case err != nil:
			v.Outcome, v.Error = "failed", err.Error()
			failed++
		default:
			now++
		}
		r.out.object(v)
		text := map[string]string{"done": past, "moved": movedText(changed), "failed": v.Error}[v.Outcome]
		if v.Outcome != "done" || len(all) <= 20 {
			t.add(short(v.ID), rec.Campaign, rec.Contact, string(v.State), v.Paper.String(), text)
		}
		if errors.Is(err, client.ErrEpochChanged) {
			return err
		}
	}
	r.out.text("%s %s.", many(now, "job"), past)
	if len(t.rows) > 0 {
		r.out.list(t)
	}
	if failed > 0 {
		return fmt.Errorf("%s of %s could not be changed, see above", number(failed), many(len(all), "job"))
	}
	return needsPerson(moved > 0)
}

// movedText says what happened to a job since it was shown, and who did it.
func movedText(changed *client.ChangedError) string {
	if changed == nil {
		return ""
	}
	if changed.Recovered {
		return "the ledger was recovered meanwhile: look at it again"
	}
	var all []string
	for i := range changed.Since {
		e := &changed.Since[i]
		what := strings.ReplaceAll(string(e.Kind), "_", " ")
		if e.By != "" {
			what += " by " + e.By
		}
		all = append(all, what)
	}
	if len(all) > 3 {
		all = all[len(all)-3:]
	}
	return strings.TrimSuffix("it moved meanwhile: "+strings.Join(all, ", "), ": ") + ": look at it again"
}

// whyFlag is for what may be done without a reason; it is better with one.
func whyFlag(fs *flag.FlagSet, why *string) {
	fs.StringVar(why, "why", "", "the `reason`, for the record, if there is something to say; no personal data")
}

// described counts jobs for a plan.
func described(all []*idempotency.Record) string {
	var counts heldCounts
	for _, rec := range all {
		counts.add(rec)
	}
	return fmt.Sprintf("%s: %s.", many(len(all), "job"), counts.risk())
}

// nobodyMeant ends a command whose selection has no job; where a number was
// expected, nothing was confirmed.
func (r *run) nobodyMeant() error {
	r.out.text("No held job is meant by this: %s held lists them.", r.Name)
	if r.expect > 0 {
		return &exit{code: ExitNotConfirmed, err: fmt.Errorf("nothing was done: it is about no job, and -expect says %s", number(r.expect))}
	}
	return nil
}

// onlyHeld returns an error when a job is not held.
func onlyHeld(all []*idempotency.Record) error {
	for _, rec := range all {
		if rec.State != idempotency.Held {
			return fmt.Errorf("job %s is %s, not held: there is nothing to decide; see show %s", short(rec.ID), rec.State, short(rec.ID))
		}
	}
	return nil
}

func releaseCommand() *command {
	var s selection
	var why string
	return &command{
		name: "release", args: "[JOB…]", short: "give held jobs back to the workers: they ask again, or send what nobody has", most: -1, changes: true,
		long: `
Gives held jobs back to the workers. What a vendor may have is settled again: the vendor is asked, and the
job comes back here when nobody can be asked. What nobody has is sent. After an outage this is the first
thing to press: it is safe, and most jobs settle by it.

  $ release 3f9a1c
  $ release 3f9a1c@12.7d03fe   only as it was listed, in version 12.7d03fe
  $ release -reason deadline -vendor lob
  $ release -campaign spring -paper maybe -why "lob is back" -yes -expect 120`,
		flags: func(fs *flag.FlagSet) {
			s.flags(fs)
			whyFlag(fs, &why)
			fs.BoolVar(&s.all, "all", false, "all held jobs")
		},
		run: func(ctx context.Context, r *run, names []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			all, err := r.chosen(ctx, c, names, &s)
			if err == nil {
				err = onlyHeld(all)
			}
			if err != nil {
				return err
			}
			if len(all) == 0 {
				return r.nobodyMeant()
			}
			in := intent{Jobs: len(all), Does: []string{"Release " + described(all)}}
			for _, rec := range all {
				switch {
				case rec.Cancel.Stands(), !rec.Receipt.IsZero():
				case len(rec.Live()) == 0:
					in.Mails++
				case rec.Policy == idempotency.PreferDuplicate:
					in.Mails++
					in.Twice++
				}
			}
			if in.Twice > 0 {
				in.Does = append(in.Does, fmt.Sprintf("%s of a campaign that prefers a duplicate: where nobody can be asked, it is sent anew.", many(in.Twice, "job")+are(in.Twice)))
			}
			if n := len(all) - in.Mails; n > 0 {
				in.Does = append(in.Does, fmt.Sprintf("The workers settle %s with their vendors: nothing is sent anew before it is known that no vendor has it.", many(n, "job")))
			}
			if n := in.Mails - in.Twice; n > 0 {
				in.Does = append(in.Does, fmt.Sprintf("%s sent when the turn comes: nobody has a piece.", many(n, "job")+are(n)))
			}
			if err := r.confirm(in); err != nil {
				return err
			}
			return r.each(ctx, all, "released", func(rec *idempotency.Record, seen client.Condition) (*idempotency.Record, error) {
				return c.Release(ctx, rec.Key, r.actor(why), seen)
			})
		},
	}
}

func decideCommand() *command {
	var s selection
	var why, vendorID string
	return &command{
		name: "decide", args: "VERDICT [JOB…]", short: "settle held jobs by your word: accepted, planned or canceled", least: 1, most: -1, changes: true,
		long: `
Settles held jobs by your word, which is written down with your name and -why. The verdicts:

  accepted   the piece is with the vendor. Nothing is sent again. If the vendor does not have it,
             nobody gets one. -vendor-id names the piece, when you have found it.
  planned    no vendor has it: it is sent anew. If a vendor has it after all, two pieces are
             printed. You answer for it; it asks for the number of jobs, not for a yes.
  canceled   nothing is sent any more. If a vendor has it, that piece may be printed all the same.

Release is the better choice while a vendor can still be asked. A job named as held lists it, with its
version, is decided only if nothing has happened to it since.

  $ decide accepted 3f9a1c -vendor-id psc_5a1b2c3d4e5f -why "on the invoice of May"
  $ decide planned 3f9a1c@12.7d03fe -why "lob says that it never arrived"
  $ decide canceled -campaign spring -reason cannot_ask_vendor -why "the offer has ended"`,
		flags: func(fs *flag.FlagSet) {
			s.flags(fs)
			fs.BoolVar(&s.all, "all", false, "all held jobs")
			fs.StringVar(&why, "why", "", "the `reason`, for the record; no personal data")
			fs.StringVar(&vendorID, "vendor-id", "", "with accepted: the vendor's `id` of the piece")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			verdict, names := idempotency.Verdict(args[0]), args[1:]
			if !slices.Contains([]idempotency.Verdict{idempotency.VerdictAccepted, idempotency.VerdictPlanned, idempotency.VerdictCanceled}, verdict) {
				return usage("%q is no verdict: want accepted, planned or canceled, then the jobs", args[0])
			}
			if why == "" {
				return usage("say -why: it is written down with your name")
			}
			if vendorID != "" && (verdict != idempotency.VerdictAccepted || len(names) != 1) {
				return usage("-vendor-id is for one job that is accepted")
			}
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			all, err := r.chosen(ctx, c, names, &s)
			if err == nil {
				err = onlyHeld(all)
			}
			if err != nil {
				return err
			}
			if len(all) == 0 {
				return r.nobodyMeant()
			}
			if err := r.confirm(decision(verdict, all)); err != nil {
				return err
			}
			return r.each(ctx, all, "decided "+string(verdict), func(rec *idempotency.Record, seen client.Condition) (*idempotency.Record, error) {
				return c.Decide(ctx, rec.Key, client.Decision{Verdict: verdict, VendorID: vendorID}, r.actor(why), seen)
			})
		},
	}
}

// decision says what a verdict does to the jobs.
func decision(verdict idempotency.Verdict, all []*idempotency.Record) intent {
	in := intent{Jobs: len(all), Does: []string{"Decide " + string(verdict) + " for " + described(all)}}
	nobody := 0
	for _, rec := range all {
		p := paperOf(rec)
		if p.Most == 0 {
			nobody++
		}
		if verdict == idempotency.VerdictPlanned && !rec.Cancel.Stands() {
			in.Mails++
			if p.Most > 0 {
				in.Twice++
			}
		}
	}
	switch verdict {
	case idempotency.VerdictAccepted:
		in.Does = append(in.Does, "They are followed from now on, and nothing is sent again. Whom the vendor has no piece for gets none.")
		if nobody > 0 {
			in.Does = append(in.Does, fmt.Sprintf("Of %s nothing was sent that a vendor could have: for these it will be refused.", many(nobody, "job")))
		}
	case idempotency.VerdictPlanned:
		in.Does = append(in.Does, "They are sent anew. The vendors that may have the first pieces are watched for some days, and what turns up in time is stopped.")
	case idempotency.VerdictCanceled:
		in.Does = append(in.Does, "Nothing of them is sent any more. A piece that a vendor has all the same may be printed; the vendors are watched for some days, and what turns up in time is stopped.")
	}
	return in
}

func cancelCommand() *command {
	var s selection
	var why string
	return &command{
		name: "cancel", args: "[JOB…]", short: "stop jobs: not sent any more, canceled at the vendor while there is time", most: -1, changes: true,
		long: `
Writes down the wish that jobs be stopped. From then on they are not sent, and what a vendor has is
canceled there, now or as soon as it turns up; show says how far that is. A wish cannot be taken back.
Jobs in any state can be named; the flags select held ones.

  $ cancel 3f9a1c
  $ cancel -campaign spring -reason canary
  $ show 3f9a1c`,
		flags: func(fs *flag.FlagSet) {
			s.flags(fs)
			whyFlag(fs, &why)
			fs.BoolVar(&s.all, "all", false, "all held jobs")
		},
		run: func(ctx context.Context, r *run, names []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			all, err := r.chosen(ctx, c, names, &s)
			if err != nil {
				return err
			}
			if len(all) == 0 {
				return r.nobodyMeant()
			}
			in := intent{Jobs: len(all), Does: []string{"Cancel " + described(all), "Nothing of them is sent any more, for good. What a vendor has is canceled there if it is in time: show says so."}}
			if err := r.confirm(in); err != nil {
				return err
			}
			return r.each(ctx, all, "wished to be canceled", func(rec *idempotency.Record, seen client.Condition) (*idempotency.Record, error) {
				return c.Cancel(ctx, rec.Key, r.actor(why), seen)
			})
		},
	}
}

func approveCommand() *command {
	var why string
	return &command{
		name: "approve", args: "CAMPAIGN", short: "let the rest of a campaign go, after its canary was looked at", least: 1, most: 1, changes: true,
		long: `
Lets the rest of a campaign go. Look at its canary first: tally counts its pieces, show gives the vendor's
ids, by which the vendor shows proofs. An approval holds for every worker.

  $ tally spring
  $ approve spring -why "the proofs are right"`,
		flags: func(fs *flag.FlagSet) { whyFlag(fs, &why) },
		run: func(ctx context.Context, r *run, args []string) error {
			c, err := r.client(ctx)
			if err != nil {
				return err
			}
			depth, err := c.Depth(ctx, args[0])
			if err != nil {
				return err
			}
			if len(depth) == 0 {
				return &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Op: "approve", Err: errors.New("no job of this campaign is in the ledger: look at status for the names")}
			}
			canary, err := c.Canary(ctx, args[0])
			if err != nil {
				return err
			}
			if canary.Approved {
				r.out.text("Campaign %s does not wait for an approval.", args[0])
				return nil
			}
			n := int(depth[idempotency.Planned])
			in := intent{Jobs: n, Mails: n, Does: []string{fmt.Sprintf("Approve campaign %s: %s went out, %s.", args[0], many(canary.Pieces, "piece"), many(n, "job")+" wait"+third(n))}}
			if err := r.confirm(in); err != nil {
				return err
			}
			if err := c.Approve(ctx, args[0], r.actor(why)); err != nil {
				return err
			}
			r.out.object(campaignView{Type: "approved", Campaign: args[0], States: depth, Jobs: int64(n)})
			r.out.text("Campaign %s is approved: the workers go on within moments.", args[0])
			return nil
		},
	}
}
