package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// work is one holder's work on one record, from one durable state to the next.
type work struct {
	c   *Client
	rec *idempotency.Record
	// job is decoded when it is needed; its markup may still be in the blob
	// store.
	job *postproof.Job
	// fresh: the record is not in the ledger yet.
	fresh bool
	// epoch is the ledger's when the work began: the fence that was read means
	// nothing in another one. Until it is recovered nothing is sent, and no job
	// begun.
	epoch     string
	recovered bool
	// tried, capped and unfit are the vendors that this work need not try
	// again, and why.
	tried, capped, unfit map[string]string
	// paused is what is paused, as this work goes by it; nil until it looks. reads
	// are the settings that an intent depends on, as they were read.
	paused *pauses
	reads  []idempotency.SettingRead
	// intended is when the latest intent was made, on the machine's own clock.
	intended time.Time
	// cause is the latest error of a vendor or its adapter.
	cause error
	// one has room for the change of a commit, until a commit ended without an
	// outcome: the store may still be reading it.
	one  [1]idempotency.Change
	busy bool
}

func (c *Client) work(rec *idempotency.Record, job *postproof.Job) *work {
	return c.workIn(c.id(), rec, job)
}

// workIn is work on a record that was read in the ledger's history of id.
func (c *Client) workIn(id *idempotency.Identity, rec *idempotency.Record, job *postproof.Job) *work {
	return &work{c: c, rec: rec, job: job, epoch: id.Epoch, recovered: !id.EpochChanged()}
}

// stored returns the record, nil when it never reached the ledger.
func (w *work) stored() *idempotency.Record {
	if w.fresh {
		return nil
	}
	return w.rec
}

// run does what the machine says until there is something to wait for.
func (w *work) run(ctx context.Context) error {
	for range 12 { // each step is durable progress; the bound is against a defect
		a := w.c.machine.Next(w.rec, w.c.now())
		switch a.Do {
		case idempotency.DoNothing:
			return nil
		case idempotency.DoWait:
			return w.rest(ctx, a.At)
		case idempotency.DoSend:
			if err := w.send(ctx); err != nil {
				return err
			}
			if w.rec.State == idempotency.Planned {
				return nil
			}
		default:
			if err := w.step(ctx, a); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return w.rest(ctx, w.rec.Due)
		}
	}
	return w.rest(ctx, w.c.now().Add(time.Second))
}

func (w *work) step(ctx context.Context, a idempotency.Step) error {
	s := &a.Submission
	if w.c.onlyForOthers(w.rec, &a) {
		if mine := w.c.askable(w.rec); mine != nil {
			return w.lookUp(ctx, mine)
		}
		return w.leaveUnknown(ctx, s)
	}
	switch a.Do {
	case idempotency.DoResend:
		return w.resends(ctx, s)
	case idempotency.DoLookUp:
		return w.lookUp(ctx, s)
	case idempotency.DoPoll:
		return w.poll(ctx, s)
	case idempotency.DoCancel:
		return w.cancel(ctx, s)
	case idempotency.DoTooLate:
		if w.waitsForItsDate(s) {
			return w.cancel(ctx, s)
		}
		return w.apply(ctx, idempotency.CancelAnswer{Vendor: s.Vendor, Ref: s.Ref, TooLate: true})
	case idempotency.DoHold:
		if a.Note == "" {
			a.Note = w.c.accountTrouble(w.rec, a.Reason)
		}
		return w.apply(ctx, idempotency.PutOnHold{Reason: a.Reason, Note: a.Note})
	case idempotency.DoExpire:
		return w.apply(ctx, idempotency.Expire{})
	case idempotency.DoFinish:
		return w.apply(ctx, idempotency.Finish{})
	case idempotency.DoDuplicate:
		return w.takeRisk(ctx)
	default:
		return &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.Unknown, Op: "work", Err: errors.New("unknown action " + string(a.Do))}
	}
}

// takeRisk sends a job anew that may be with its vendor, as the campaign's
// policy has it.
func (w *work) takeRisk(ctx context.Context) error {
	return w.apply(ctx, idempotency.PutOnHold{Reason: idempotency.HoldCannotAsk}, idempotency.Decide{
		Verdict: idempotency.VerdictPlanned, By: "policy", Why: string(idempotency.PreferDuplicate),
	})
}

// rest gives the lease back until the time given.
func (w *work) rest(ctx context.Context, until time.Time) error {
	if w.fresh || w.rec.Lease == (idempotency.Lease{}) || w.rec.State == idempotency.Sending {
		return nil
	}
	return w.apply(context.WithoutCancel(ctx), idempotency.Postpone{Until: until})
}

// apply makes the events happen and commits the change.
func (w *work) apply(ctx context.Context, events ...idempotency.Event) error {
	return w.applyWith(ctx, nil, events...)
}

func (w *work) applyWith(ctx context.Context, extra []idempotency.Entry, events ...idempotency.Event) error {
	var ch idempotency.Change
	var err error
	if w.fresh {
		ch, err = w.c.machine.Create(w.rec, w.c.now(), events...)
	} else {
		ch, err = w.c.machine.Apply(w.rec, w.c.now(), events...)
	}
	if err != nil {
		return err
	}
	ch.Entries = append(ch.Entries, extra...)
	return w.commit(ctx, ch)
}

// count adds what a change of the record does to caps, canaries and replays. Every
// commit of a record needs it. before is nil for one that is new.
func (w *work) count(ch *idempotency.Change, before *idempotency.Record) {
	ch.Counters = w.c.counters(ch.Counters, before, ch.Record, w.cents)
	countInRun(ch, before)
}

func (w *work) commit(ctx context.Context, ch idempotency.Change) error {
	before := w.rec
	if w.fresh {
		before = nil
	}
	w.count(&ch, before)
	changes := w.one[:]
	if w.busy {
		changes = make([]idempotency.Change, 1)
	}
	intends := ch.Record.State == idempotency.Sending && (before == nil || before.State != idempotency.Sending)
	if (intends || before == nil) && !w.recovered {
		return w.c.epochError("commit")
	}
	if intends {
		if err := w.dependOn(&ch); err != nil {
			return err
		}
	}
	ch.Epoch = w.epoch // a restored ledger comes to the same fences again
	changes[0] = ch
	errs, err := w.c.store.Commit(ctx, changes)
	switch {
	case err != nil:
		w.busy = true
		if err := w.c.reread(ctx, ch.Record, err); err != nil {
			return err
		}
	case len(errs) > 0 && errors.Is(errs[0], idempotency.ErrEpoch):
		return w.c.otherEpoch("commit")
	case len(errs) > 0 && errs[0] != nil:
		return w.c.storeError("commit", errs[0])
	}
	w.rec, w.fresh = ch.Record, false
	w.c.see(ch.Record.UpdatedAt)
	w.c.tell(ctx, ch.Entries)
	return nil
}

// reread finds out whether a change was made whose commit was not acknowledged,
// and returns nil if it was.
func (c *Client) reread(ctx context.Context, made *idempotency.Record, cause error) error {
	c.checkedAt.Store(0) // the connection may lead to another database now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	have, err := c.store.Get(ctx, made.ID)
	switch {
	case errors.Is(err, idempotency.ErrNotFound):
		delivery := postproof.NotSent // nothing was ever done for this key
		if errors.Is(cause, idempotency.ErrInDoubt) {
			delivery = postproof.Unknown // the commit may come true any time, and a worker then sends the job
		}
		return &postproof.Error{Code: codeOfStore(cause), Delivery: delivery, Op: "commit", Err: fmt.Errorf("ledger: %w", cause)}
	case err != nil:
		return c.storeError("commit", errors.Join(cause, err))
	case have.Fence != made.Fence:
		return c.storeError("commit", cause)
	}
	got, err := json.Marshal(have)
	want, err2 := json.Marshal(made)
	if err != nil || err2 != nil || !bytes.Equal(got, want) {
		return c.storeError("commit", errors.Join(cause, idempotency.ErrStale))
	}
	return nil
}

// cents is what the job costs at a vendor.
func (w *work) cents(vendor string) (cents int64) {
	v := w.c.byName[vendor]
	if v == nil || v.config.Price == nil {
		return 0
	}
	job, err := w.decoded()
	if err != nil {
		return 0
	}
	return max(0, v.config.Price(job))
}

func (w *work) decoded() (*postproof.Job, error) {
	if w.job == nil {
		var job postproof.Job
		if err := job.UnmarshalJSON(w.rec.Job); err != nil {
			return nil, notSent(postproof.CodeInternal, "read job", errors.Join(idempotency.ErrCorrupt, err))
		}
		w.job = &job
	}
	return w.job, nil
}

// sendDateSlack is how long before its send date a job is sent without one: it is to
// reach the vendor before it. It is part of what bodies are built from again.
const sendDateSlack = 5 * time.Minute

// submission makes what the adapter is asked to send, first at the time given. A send
// date that came while the job waited is left out: the piece is to be mailed as soon
// as possible, and a vendor would refuse a date that has passed, for good.
func (w *work) submission(ctx context.Context, v *vendor, generation int, first time.Time) (*vendors.Submission, *vendors.Body, error) {
	job, err := w.decoded()
	if err != nil {
		return nil, nil, err
	}
	filled, err := w.c.art.fill(ctx, job)
	if err != nil {
		return nil, nil, artworkError("encode", err)
	}
	if !filled.SendDate.After(first.Add(sendDateSlack)) {
		filled.SendDate = time.Time{}
	}
	ns := w.c.id().Namespace
	s := &vendors.Submission{
		Job: filled, Ref: ns.Ref(w.rec.Mode, w.rec.Key, generation),
		VendorKey: ns.VendorKey(w.rec.Mode, v.name, w.accountOf(v, generation), w.rec.Key, generation),
		Open:      w.c.open,
	}
	var body *vendors.Body
	k := call{c: w.c, v: v}
	err = k.guard("encode", func() (err error) {
		body, err = v.adapter.Encode(ctx, s)
		return err
	})
	if err == nil && body == nil {
		err = &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.NotSent, Vendor: v.name, Op: "encode", Err: errors.New("the adapter returned no body")}
	}
	return s, body, err
}

// tell logs and counts what a person should know of.
func (c *Client) tell(ctx context.Context, entries []idempotency.Entry) {
	for i := range entries {
		e := &entries[i]
		c.countIncident(ctx, e)
		level := slog.LevelInfo
		switch e.Kind {
		case idempotency.EntryHeld:
			level = slog.LevelWarn
			c.tel.held.Add(ctx, 1, c.tel.with(attribute.String("mail.reason", e.Note))...)
		case idempotency.EntryLateArrival, idempotency.EntryTwiceAtVendor:
			level = slog.LevelError
			c.tel.late.Add(ctx, 1, c.tel.with(attribute.String("mail.vendor", e.Vendor))...)
		case idempotency.EntryLatePrinted, idempotency.EntryContradiction: // the piece was counted when it turned up
			level = slog.LevelError
		case idempotency.EntryLateAnswer, idempotency.EntryMissing, idempotency.EntryCancelTooLate, idempotency.EntryCancelWaits, idempotency.EntrySuspected, idempotency.EntryDoubtedAgain, idempotency.EntryUnwatched:
			level = slog.LevelWarn
		case idempotency.EntryAbsent, idempotency.EntryNextGeneration, idempotency.EntryCanceled, idempotency.EntryLeaseExpired, idempotency.EntryCannotRebuild, idempotency.EntryRefusedInDoubt:
		default:
			continue
		}
		c.logger.LogAttrs(ctx, level, "mail: "+string(e.Kind), //nolint:sloglint // the kinds are a small fixed set
			slog.String("id", string(e.ID[:min(16, len(e.ID))])), slog.String("vendor", e.Vendor), slog.String("ref", string(e.Ref)),
			slog.Int("generation", e.Generation), slog.String("from", string(e.From)), slog.String("to", string(e.To)), slog.String("note", e.Note))
	}
}
