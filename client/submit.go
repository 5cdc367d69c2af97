package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Submit sends one job now and returns its record. The job is durable before
// the first byte goes out. A key that is in the ledger never becomes a second piece:
// its record is returned as it stands, or, when nobody is at it and it is due, the job
// is carried on now: what was never sent is sent, what is unknown is settled.
//
// The error is nil when a vendor has accepted the job. Otherwise its Delivery
// says what is known, and the record, when there is one, how the job goes on by
// itself:
//
//   - state planned (NotSent): no vendor could be reached, or it is paused
//     ([*PausedError]); a worker sends it.
//   - state unknown (Unknown): the vendor may have it; a worker settles it.
//   - state refused (Refused): no vendor takes it; amend or cancel it.
//   - state held: it needs a person.
//
// Without a record the job is not in the ledger: it is no valid job, the ledger could
// not be written, or the key was used for another piece, a
// [*idempotency.KeyReusedError]. [idempotency.ErrInProgress] means that somebody else is
// sending it right now.
//
// It blocks while it asks vendors, one after the other, for at most about as long as a
// lease for each ([WithLease], two minutes). If ctx ends after the first byte went out,
// the outcome is Unknown, and a worker settles it: soon where the vendor honors
// keys, in an hour or more where it has to be looked up. So in a handler that ends with
// its request use [context.WithoutCancel] and a timeout, or [Client.Enqueue].
func (c *Client) Submit(ctx context.Context, job postproof.Job) (rec *idempotency.Record, err error) {
	if err := c.knowsVendors("submit"); err != nil {
		return nil, err
	}
	ctx, span := c.tel.call(ctx, "postproof.submit", &err)
	defer endCallOf(span, &rec, &err)
	return c.submit(ctx, &job)
}

func (c *Client) submit(ctx context.Context, job *postproof.Job) (*idempotency.Record, error) {
	if err := job.Validate(); err != nil {
		return nil, err
	}
	if !c.spooled.Empty() {
		c.applySpool(ctx) // an answer for this very key may lie there
	}
	rec, err := c.plan(ctx, job, c.now())
	if err != nil {
		return nil, err
	}
	w := c.work(rec, job)
	w.fresh = true
	if c.doubts() {
		err = w.apply(ctx, c.newSuspicion(rec))
	} else {
		rec.Lease = c.firstLease(rec.CreatedAt)
		err = w.send(ctx)
	}
	if w.fresh && errors.Is(err, idempotency.ErrExists) {
		return c.again(ctx, job)
	}
	if !w.fresh {
		c.tel.submissions.Add(ctx, 1, c.tel.submitted...)
	}
	return c.outcome(ctx, w, err)
}

// outcome turns what became of a piece of work into what Submit returns.
func (c *Client) outcome(ctx context.Context, w *work, err error) (*idempotency.Record, error) {
	if errors.Is(err, idempotency.ErrStale) { // somebody else is at it, too
		if rec, e := c.store.Get(context.WithoutCancel(ctx), w.rec.ID); e == nil {
			return rec, c.standing(rec, nil)
		}
	}
	if err != nil {
		return w.stored(), err
	}
	err = w.cause
	switch ended := context.Cause(ctx); {
	case ended == nil || errors.Is(err, ended):
	case err == nil:
		err = ended
	default:
		err = several{err, ended}
	}
	return w.rec, c.standing(w.rec, err)
}

// plan makes the first record of a job, its artwork in the blob store.
func (c *Client) plan(ctx context.Context, job *postproof.Job, now time.Time) (*idempotency.Record, error) {
	return c.planIf(ctx, job, now, c.takes)
}

// planIf stores new artwork only if the job is taken, as far as that can be known
// before: what is left of one that is not no erasure finds.
func (c *Client) planIf(ctx context.Context, job *postproof.Job, now time.Time, taken func(context.Context, *postproof.Job) bool) (*idempotency.Record, error) {
	if err := c.checkLedger(ctx); err != nil {
		return nil, err
	}
	id := c.id()
	if id.EpochChanged() {
		return nil, c.epochError("submit")
	}
	if err := c.possible(job); err != nil {
		return nil, err
	}
	stowed := *job
	c.art.in(c.artHistory(id.Epoch))
	if c.art.known(job) || taken(ctx, job) {
		var err error
		if stowed, err = c.art.stow(ctx, job); err != nil {
			return nil, artworkError("submit", err)
		}
	}
	encoded, err := stowed.MarshalJSON()
	if err != nil {
		return nil, notSent(postproof.CodeInternal, "submit", err)
	}
	rec := idempotency.NewRecord(&stowed, encoded, id.Mode, now)
	rec.Trace = c.tel.traceparent(ctx)
	rec.Policy, rec.Canary = c.policies[job.Campaign], c.canaries[job.Campaign]
	return rec, nil
}

// takes reports whether a record may be made of the job. Its key is that of an erased
// one: what was made for the person must not be stored again. It was used for another
// piece: nothing is made of this one. The same piece is stored again, which mends what
// is missing. Where the ledger cannot be asked, the commit will say so.
func (c *Client) takes(ctx context.Context, job *postproof.Job) bool {
	rec, err := c.store.Get(ctx, idempotency.IDOf(job.Key))
	return err != nil || (!rec.Erased() && rec.Fingerprint == idempotency.FingerprintOf(job))
}

// possible returns an error when no configured vendor could ever take the job.
func (c *Client) possible(job *postproof.Job) error {
	var reasons several
	for _, v := range c.vendors {
		err := v.caps.Supports(job)
		if err == nil {
			return nil
		}
		reasons = append(reasons, err)
	}
	return notSent(postproof.CodeUnsupported, "route", fmt.Errorf("no configured vendor can take the job: %w", reasons))
}

// again answers a submission whose key is in the ledger.
func (c *Client) again(ctx context.Context, job *postproof.Job) (*idempotency.Record, error) {
	c.tel.submissions.Add(ctx, 1, c.tel.replayed...)
	id, in := idempotency.IDOf(job.Key), c.id() // before the record
	rec, err := c.store.Get(ctx, id)
	if err != nil {
		return nil, c.storeError("submit", err)
	}
	c.tel.linkTo(ctx, rec)
	if fp := idempotency.FingerprintOf(job); rec.Fingerprint != fp {
		// The record is another piece's: whoever got it would take this job for stored.
		return nil, notSent(postproof.CodeConflict, "submit", &idempotency.KeyReusedError{Key: job.Key, Have: rec.Fingerprint, Got: fp})
	}
	now := c.now()
	if at, ok := rec.VisibleAt(); ok && rec.State.Workable() && rec.State != idempotency.Accepted && !now.Before(at) {
		// Nobody is at it: carry it on now, as asked.
		if leased, err := c.takeLease(ctx, rec, now, in.Epoch); err == nil {
			w := c.workIn(in, leased, nil)
			return c.outcome(ctx, w, w.run(ctx))
		}
		if rec, err = c.store.Get(ctx, id); err != nil {
			return nil, c.storeError("submit", err)
		}
	}
	return rec, c.standing(rec, nil)
}

// firstLease holds a record that is not in the ledger yet. No two are alike: two
// callers may hand in one job in the same instant, as a coarse clock has it, and
// neither may hear what became of its commit. Then each finds a record as it would
// have made it, and the lease says whose it is ([Client.reread]).
func (c *Client) firstLease(at time.Time) idempotency.Lease {
	return idempotency.Lease{Owner: c.owner, Until: at.Add(c.lease - time.Duration(c.leases.Add(1)%uint64(time.Millisecond)))}
}

// takeLease holds a record that was read, not claimed, in the epoch given.
func (c *Client) takeLease(ctx context.Context, rec *idempotency.Record, now time.Time, epoch string) (*idempotency.Record, error) {
	leased := *rec
	leased.Fence++
	leased.Lease = idempotency.Lease{Owner: c.owner, Until: now.Add(c.lease)}
	err := idempotency.CommitOne(ctx, c.store, idempotency.Change{Record: &leased, Expect: rec.Fence, Epoch: epoch})
	if errors.Is(err, idempotency.ErrEpoch) {
		err = c.otherEpoch("lease")
	}
	return &leased, err
}

// standing turns a record into the error that its state stands for, with its
// cause, if one is known; nil when a vendor has the piece.
func (c *Client) standing(rec *idempotency.Record, cause error) error {
	if rec.State == idempotency.Accepted || rec.State == idempotency.Done {
		return nil
	}
	e := &postproof.Error{Op: "submit"}
	switch rec.State {
	case idempotency.Planned:
		e.Code, e.Delivery, e.Err = postproof.CodeUnavailable, postproof.NotSent, errors.New("not sent yet: a worker sends it")
		if cause == nil {
			cause = c.whyPaused(rec)
		}
		if _, ok := errors.AsType[*PausedError](cause); ok {
			e.Err = errors.New("not sent before the pause ends")
		}
		e.Err = because(e.Err, cause)
		e.RetryAfter = max(0, rec.Due.Sub(c.now()))
	case idempotency.Sending:
		e.Code, e.Delivery, e.Err = postproof.CodeConflict, postproof.Unknown, idempotency.ErrInProgress
	case idempotency.Unknown:
		e.Code, e.Delivery, e.Err = postproof.CodeUnavailable, postproof.Unknown, because(errors.New("the vendor may have it: a worker settles it"), cause)
	case idempotency.Refused:
		e.Code, e.Delivery, e.Err = rec.Refusal.Code, postproof.Refused, because(errors.New("no vendor takes it: amend or cancel it"), cause)
		e.Vendor, e.VendorCode = rec.Refusal.Vendor, rec.Refusal.VendorCode
		if e.Code == 0 {
			e.Code = postproof.CodeInvalidArgument
		}
	case idempotency.Held:
		e.Code, e.Delivery, e.Err = postproof.CodeConflict, postproof.Unknown, fmt.Errorf("held for a person: %s", rec.Hold.Reason)
		switch note := rec.Hold.Note; {
		case slices.Contains(ownNotes(), note):
			e.Err = fmt.Errorf("%w: %s", e.Err, note)
		case note != "": // whoever wrote it may have named somebody
			e.Err = fmt.Errorf("%w: its note says more (Status, Held)", e.Err)
		}
		if len(rec.Live()) == 0 {
			e.Delivery = postproof.NotSent
		}
	case idempotency.Canceled:
		e.Code, e.Delivery, e.Err = postproof.CodeCanceled, postproof.NotSent, errors.New("the job was canceled: if it is wanted after all, hand it in under a new key")
	default:
		e.Code, e.Delivery, e.Err = postproof.CodeUnknown, postproof.Unknown, idempotency.ErrNewer
	}
	if s := rec.Current(); s != nil && e.Vendor == "" {
		e.Vendor = s.Vendor
	}
	return e
}

// The notes that are the same for every job: an error may quote them.
const (
	noteArtwork = "its artwork is missing or broken in the blob store: store it again (PutArtwork, or Enqueue with the job as it was), then release it, or amend it"
	noteJob     = "the job cannot be read"
	noteCopy    = "the ledger is a copy: its original goes on with the job"
)

func ownNotes() []string { return []string{noteArtwork, noteJob, noteCopy} }
