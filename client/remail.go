package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// Remail is a second piece on purpose.
type Remail struct {
	// Name tells the second piece from a third: the same name again sends nothing
	// and returns the first one. At most 64 characters of [A-Za-z0-9._-]. Required.
	Name string
	// Suppress lists whom not to mail. It is asked only if it is given: who asks
	// for a second piece has looked at the first.
	Suppress []snapshot.Suppression
}

// Remail sends the content of a job once more, on purpose: a job of its own,
// whose key comes from the first one's and the name, so that it can never become
// a third piece by mistake. Who wanted it and why, which is required, is recorded in the
// change log, with both ids, in the same commit. A worker sends it; the record returned is
// the second one's.
//
// The first one must be at its end or with a vendor: what still waits to be sent,
// to be settled, or for a person is [postproof.CodeConflict], since the first
// piece may still come. So is one that was pruned or erased, also by the time that
// the second one would have been committed, since the ledger has its content no more:
// hand in a job with a new key. A contact on a list of Suppress is
// [postproof.CodePermissionDenied].
func (c *Client) Remail(ctx context.Context, key postproof.Key, r Remail, who Actor) (rec *idempotency.Record, err error) {
	if err := c.knowsVendors("remail"); err != nil {
		return nil, err
	}
	ctx, span := c.tel.call(ctx, "postproof.remail", &err, trace.WithSpanKind(trace.SpanKindProducer))
	defer endCallOf(span, &rec, &err)
	const op = "remail"
	if err := checkName(op, r.Name); err != nil {
		return nil, err
	}
	if who, err = who.reasoned(op); err != nil {
		return nil, err
	}
	first := idempotency.IDOf(key)
	second := idempotency.IDOf(remailKey(first, r.Name))
	var made *idempotency.Record
	counted := c.tel.submitted
	_, err = c.logged(ctx, op, func(ctx context.Context) (idempotency.Change, ChangeEntry, error) {
		none, nothing := idempotency.Change{}, ChangeEntry{}
		var err error
		if made, err = c.store.Get(ctx, second); err == nil {
			counted = c.tel.replayed
			return none, nothing, nil
		}
		if !errors.Is(err, idempotency.ErrNotFound) {
			return none, nothing, c.storeError(op, err)
		}
		ch, err := c.remailChange(ctx, key, &r, who.By)
		if err != nil {
			return none, nothing, err
		}
		made = ch.Record
		after, err := json.Marshal(struct {
			Name   string         `json:"name"`
			First  idempotency.ID `json:"first"`
			Second idempotency.ID `json:"second"`
		}{r.Name, first, second})
		if err != nil {
			return none, nothing, invalid(op, err)
		}
		return ch, ChangeEntry{
			By: who.By, Why: who.Why, Action: ActionRemail, Target: Target{Kind: TargetJob, Name: string(first)}, After: after,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	c.see(made.UpdatedAt)
	c.tel.submissions.Add(ctx, 1, counted...)
	c.wakeUp()
	return made, nil
}

// kindRemailed is said in the history of the first piece, with the name of the second.
const kindRemailed = idempotency.EntryRemailed

// remailKey is the key of a second piece. It does not hold the first one's, which
// may be personal data, and may be as long as a key can be.
func remailKey(first idempotency.ID, name string) postproof.Key {
	return postproof.DeriveKey("remail", string(first), name)
}

// remailChange makes the second job and tells of it in the history of the first.
func (c *Client) remailChange(ctx context.Context, key postproof.Key, r *Remail, by string) (idempotency.Change, error) {
	const op = "remail"
	none := idempotency.Change{}
	// Before the record: an erasure that begins after this look undoes the commit.
	pending, erasures, err := readSetting[pendingErasure](ctx, c, op, erasePending)
	if err != nil {
		return none, err
	}
	first, err := c.store.Get(ctx, idempotency.IDOf(key))
	if err != nil {
		return none, c.jobError(op, err)
	}
	c.tel.linkTo(ctx, first)
	if err := noSecond(first, &pending); err != nil {
		return none, notSent(postproof.CodeConflict, op, err)
	}
	job := postproof.Job{}
	if err := job.UnmarshalJSON(first.Job); err != nil {
		return none, notSent(postproof.CodeInternal, op, errors.Join(idempotency.ErrCorrupt, err))
	}
	now := c.now()
	job.Key = remailKey(first.ID, r.Name)
	if job.SendDate.Before(now) {
		job.SendDate = time.Time{} // that was the first one's
	}
	code, err := snapshot.Suppressed(ctx, r.Suppress, job.Contact, job.To)
	if err != nil {
		return none, err
	}
	if code != "" {
		return none, notSent(postproof.CodePermissionDenied, op, fmt.Errorf("the contact or the address is on a list not to be mailed: %s", code))
	}
	if err := job.Validate(); err != nil {
		return none, err
	}
	rec, err := c.plan(ctx, &job, now)
	if err != nil {
		return none, err
	}
	var events []idempotency.Event
	if c.doubts() {
		events = append(events, c.newSuspicion(rec))
	}
	ch, err := c.machine.Create(rec, rec.CreatedAt, events...)
	if err != nil {
		return none, c.storeError(op, err)
	}
	ch.Entries = append(ch.Entries, idempotency.Entry{
		ID: first.ID, At: ch.Record.UpdatedAt, Kind: kindRemailed, From: first.State, To: first.State, Fence: first.Fence,
		Generation: first.Generation, By: by, Note: r.Name,
	})
	ch.Reads = append(ch.Reads, idempotency.SettingRead{Name: erasePending, Version: erasures})
	return ch, nil
}

// noSecond is why there can be no second piece now; nil if there can.
func noSecond(first *idempotency.Record, erasures *pendingErasure) error {
	switch {
	case first.Newer():
		return idempotency.ErrNewer
	case first.Tombstone || len(first.Job) == 0:
		return errors.New("the job was pruned or erased, and its content is gone: hand in a job with a new key")
	case !first.EraseAt.IsZero(), slices.Contains(erasures.IDs, first.ID):
		return errors.New("the person is to be forgotten, and what is kept of the job is for its first piece alone: hand in a job with a new key, if that is right")
	case first.State == idempotency.Planned, first.State == idempotency.Sending, first.State == idempotency.Unknown:
		return fmt.Errorf("the first piece is not settled (state %s), and may still come: wait, or cancel it first", first.State)
	case first.State == idempotency.Held:
		return errors.New("the first piece is held, and what became of it is open: release or decide it first")
	}
	return nil
}
