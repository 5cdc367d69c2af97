package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Status returns where a job stands: its state, its receipt and its mail
// status. The error has [postproof.CodeNotFound] for a key that was never used.
func (c *Client) Status(ctx context.Context, key postproof.Key) (*idempotency.Record, error) {
	rec, err := c.store.Get(ctx, idempotency.IDOf(key))
	if err != nil {
		return nil, c.jobError("status", err)
	}
	return rec, nil
}

// History yields what happened to a job, oldest first; nothing for a key that was
// never used. An entry that is damaged is an [idempotency.DamagedError], behind which
// the list goes on; after another error it yields no more.
func (c *Client) History(ctx context.Context, key postproof.Key) iter.Seq2[idempotency.Entry, error] {
	return readOf(c, "history", c.store.Entries(ctx, idempotency.EntryQuery{ID: idempotency.IDOf(key)}))
}

// Held yields the jobs that wait for a person, of one campaign if it is not
// empty. [idempotency.Record.Hold] says why. A job whose record is damaged is an
// [idempotency.DamagedError], behind which the list goes on; after another error it
// yields no more.
func (c *Client) Held(ctx context.Context, campaign string) iter.Seq2[*idempotency.Record, error] {
	return readOf(c, "held", c.store.Find(ctx, idempotency.Query{States: []idempotency.State{idempotency.Held}, Campaign: campaign}))
}

// Refused yields the jobs that no vendor takes, and of which nothing is on paper, of one
// campaign if it is not empty. [idempotency.Record.Refusal] says who said no, and why.
// They go on when somebody amends or cancels them, or by a replay. A record that is
// damaged is reported as in [Client.Held].
func (c *Client) Refused(ctx context.Context, campaign string) iter.Seq2[*idempotency.Record, error] {
	return readOf(c, "refused", c.store.Find(ctx, idempotency.Query{States: []idempotency.State{idempotency.Refused}, Campaign: campaign}))
}

// readOf passes on what the ledger lists, and says what was read when that fails.
func readOf[T any](c *Client, op string, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if err != nil {
				// Of a damaged entry its place in the history is known.
				if !yield(v, c.storeError(op, err)) || idempotency.AsDamaged(err) == nil {
					return
				}
				continue
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Cancel records the wish that a job be stopped: from then on it is not sent,
// and what a vendor has is canceled there as soon as it turns up. The record
// returned says how far that is: state canceled means that nothing was sent or
// that the vendor's cancellation was read back; a worker goes on with the rest.
// [idempotency.CancelWish.Outcome] says when it was too late. It needs no reason.
func (c *Client) Cancel(ctx context.Context, key postproof.Key, who Actor, when ...Condition) (rec *idempotency.Record, err error) {
	ctx, span := c.tel.call(ctx, "postproof.wish_cancel", &err)
	defer endCallOf(span, &rec, &err)
	if who, err = who.named("cancel"); err != nil {
		return nil, err
	}
	seen, err := seenBy("cancel", when)
	if err != nil {
		return nil, err
	}
	return c.personal(ctx, "cancel", idempotency.IDOf(key), ChangeEntry{By: who.By, Why: who.Why, Action: ActionCancel}, idempotency.WishCancel{By: who.By, Why: who.Why}, seen)
}

// Release gives a held job back to the worker: to be settled again if a vendor
// may have it, to be sent if none has. It needs no reason. [Client.Undo] takes it
// back while nothing has come of it. With [IfUnchanged] it counts only for the job
// as it was seen.
func (c *Client) Release(ctx context.Context, key postproof.Key, who Actor, when ...Condition) (rec *idempotency.Record, err error) {
	ctx, span := c.tel.call(ctx, "postproof.release", &err)
	defer endCallOf(span, &rec, &err)
	if who, err = who.named("release"); err != nil {
		return nil, err
	}
	seen, err := seenBy("release", when)
	if err != nil {
		return nil, err
	}
	return c.personal(ctx, "release", idempotency.IDOf(key), ChangeEntry{By: who.By, Why: who.Why, Action: ActionRelease}, idempotency.Release{By: who.By, Why: who.Why}, seen)
}

// Decision is what a person decided about a held job.
type Decision struct {
	// Verdict is what is so. Required.
	Verdict idempotency.Verdict
	// VendorID is the vendor's id of the piece, with [idempotency.VerdictAccepted].
	VendorID string
}

// Decide settles a held job by a person's word, for which it needs the reason.
// [idempotency.VerdictPlanned] sends it anew: that person answers for it if the first
// one turns up after all. [Client.Undo] takes it back while nothing has come of it.
//
// Between what a person saw and the decision the job may have changed: an answer
// came late, or somebody else decided. Give the version that was seen, with
// [IfUnchanged], and a decision about another one is refused.
func (c *Client) Decide(ctx context.Context, key postproof.Key, d Decision, who Actor, when ...Condition) (rec *idempotency.Record, err error) {
	ctx, span := c.tel.call(ctx, "postproof.decide", &err)
	defer endCallOf(span, &rec, &err)
	if who, err = who.reasoned("decide"); err != nil {
		return nil, err
	}
	seen, err := seenBy("decide", when)
	if err != nil {
		return nil, err
	}
	decide := idempotency.Decide{Verdict: d.Verdict, VendorID: d.VendorID, By: who.By, Why: who.Why}
	return c.personal(ctx, "decide", idempotency.IDOf(key), ChangeEntry{By: who.By, Why: who.Why, Action: ActionDecide}, decide, seen)
}

// Amend changes the paper of a job that no vendor has: one that is planned,
// refused, or held without a submission in doubt. The key stays, and so do the
// priority, the campaign and the contact, which may be left out; what was
// refused is sent anew in the next generation. It needs no reason; with [IfUnchanged]
// it counts only for the job as it was seen. The artwork that the job had stays in the
// store, and the record names it: [Client.Erase] finds it.
func (c *Client) Amend(ctx context.Context, job postproof.Job, who Actor, when ...Condition) (rec *idempotency.Record, err error) {
	ctx, span := c.tel.call(ctx, "postproof.amend", &err)
	defer endCallOf(span, &rec, &err)
	if err := c.knowsVendors("amend"); err != nil {
		return nil, err
	}
	if who, err = who.named("amend"); err != nil {
		return nil, err
	}
	if err := job.Validate(); err != nil {
		return nil, err
	}
	if err := c.stays(ctx, &job); err != nil {
		return nil, err
	}
	seen, err := seenBy("amend", when)
	if err != nil {
		return nil, err
	}
	amended, err := c.planIf(ctx, &job, c.now(), c.amends)
	if err != nil {
		return nil, err
	}
	amend := idempotency.Amend{Job: amended.Job, Fingerprint: amended.Fingerprint, SendDate: amended.SendDate, By: who.By, Why: who.Why}
	return c.personal(ctx, "amend", amended.ID, ChangeEntry{By: who.By, Why: who.Why, Action: ActionAmend}, amend, seen)
}

// amends reports whether the job can be amended as it stands, whatever to.
func (c *Client) amends(ctx context.Context, job *postproof.Job) bool {
	was, err := c.store.Get(ctx, idempotency.IDOf(job.Key))
	if err != nil {
		return true
	}
	_, err = c.machine.Apply(was, c.now(), idempotency.Amend{Job: []byte("{}"), Fingerprint: "any", By: "nobody"})
	return err == nil
}

// stays gives an amended job what stays as it was. Caps, canaries and pauses go by the
// campaign that the job was handed in with, and an erasure finds it by its contact.
func (c *Client) stays(ctx context.Context, job *postproof.Job) error {
	was, err := c.store.Get(ctx, idempotency.IDOf(job.Key))
	switch {
	case err != nil:
		return c.jobError("amend", err)
	case was.Tombstone || was.Erased():
		return nil // it is refused, for that
	}
	job.Priority = was.Priority
	job.Campaign, job.Contact = cmp.Or(job.Campaign, was.Campaign), cmp.Or(job.Contact, was.Contact)
	if job.Campaign != was.Campaign || job.Contact != was.Contact {
		return invalid("amend", errors.New("the campaign or the contact is another one: leave both as they were, or cancel the job and hand it in under a new key"))
	}
	return nil
}

// change applies events to a job by its key, again when it moved meanwhile.
func (c *Client) change(ctx context.Context, op string, key postproof.Key, events ...idempotency.Event) (*idempotency.Record, error) {
	id := c.id() // before the record
	rec, err := c.store.Get(ctx, idempotency.IDOf(key))
	if err != nil {
		return nil, c.storeError(op, err)
	}
	c.tel.linkTo(ctx, rec)
	return c.changeRecord(ctx, op, id, rec, events...)
}

// changeRecord applies events to a record that was read after the ledger's identity:
// a restored ledger comes to the same fences again, and what was read before says
// nothing in it.
func (c *Client) changeRecord(ctx context.Context, op string, id *idempotency.Identity, rec *idempotency.Record, events ...idempotency.Event) (*idempotency.Record, error) {
	for range 16 {
		w := c.workIn(id, rec, nil)
		if _, news := events[0].(idempotency.Observe); !w.recovered && !news && op != "recover" {
			// The lost history may have done more than this record knows: a job
			// that it sent would be canceled without its piece, or amended
			// into a generation that hides it.
			return rec, c.epochError(op)
		}
		err := w.apply(ctx, events...)
		if err == nil {
			return w.rec, nil
		}
		if rule, ok := errors.AsType[*idempotency.RuleError](err); ok {
			return rec, notSent(postproof.CodeConflict, op, rule)
		}
		switch {
		case errors.Is(err, ErrEpochChanged):
			if err := c.checkLedger(ctx); err != nil {
				return rec, err
			}
		case !errors.Is(err, idempotency.ErrStale):
			return rec, err
		}
		id = c.id() // before the record
		if rec, err = c.store.Get(ctx, rec.ID); err != nil {
			return nil, c.storeError(op, err)
		}
	}
	return rec, c.storeError(op, fmt.Errorf("the job does not keep still: %w", idempotency.ErrStale))
}
