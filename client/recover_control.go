package client

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// SendControl sends a piece of your own, to yourself, to one vendor, at the
// usual price. It is the control piece that jobs in doubt after [Client.Recover]
// wait for: beside it an empty answer to a look-up proves something. The job is
// yours to choose; its key is made here and is new, so that no lost history can
// have sent it, and the doubt about new keys does not hold it up. Send one to
// each vendor that was in use.
//
// By names who sends it, [Because] the reason: it costs money, and so it stands in
// the change log, in one commit with the job, before anything is sent. It cannot be
// undone, only canceled ([Client.Cancel]). [IfUnchanged] is an invalid argument:
// there is no job yet that could have changed.
//
// It returns as [Client.Submit] does. An unknown vendor is
// [postproof.CodeNotFound], and a piece that it cannot make
// [postproof.CodeUnsupported]. When the vendor does not take it now the job goes on
// like any other, perhaps to another vendor.
func (c *Client) SendControl(ctx context.Context, vendor string, job postproof.Job, by string, opts ...ActOption) (*idempotency.Record, error) {
	if err := c.knowsVendors("control"); err != nil {
		return nil, err
	}
	a, err := actOf("control", opts)
	if err != nil {
		return nil, err
	}
	if err := asked("control", by); err != nil {
		return nil, err
	}
	if a.version != 0 {
		return nil, invalid("control", errors.New("IfUnchanged is for a job that is there: a control piece is a new one"))
	}
	if c.byName[vendor] == nil {
		return nil, c.noVendor("control", vendor)
	}
	job.Key = postproof.Key("control/" + rand.Text())
	if err := job.Validate(); err != nil {
		return nil, err
	}
	if err := c.byName[vendor].caps.Supports(&job); err != nil {
		// It would only stand in the ledger as refused.
		return nil, &postproof.Error{Code: postproof.CodeUnsupported, Delivery: postproof.NotSent, Op: "control", Vendor: vendor, Err: err}
	}
	id, rec, err := c.logControl(ctx, vendor, &job, ChangeEntry{By: by, Why: a.why, Action: ActionControl})
	if err != nil {
		return nil, err
	}
	w := c.workIn(id, rec, &job)
	for _, v := range c.vendors {
		if v.name != vendor {
			mark(&w.unfit, v, "the control piece is for "+vendor)
		}
	}
	return c.outcome(ctx, w, w.send(ctx))
}

// controlSent is what the change log keeps of a control piece.
type controlSent struct {
	Vendor string `json:"vendor"`
	// Cents is its price in the vendor's currency, where that is known.
	Cents int64 `json:"cents,omitempty"`
}

// logControl makes the job of a control piece, in this client's hands, together
// with its entry in the change log. It returns the identity of the ledger that was
// read before.
func (c *Client) logControl(ctx context.Context, vendor string, job *postproof.Job, e ChangeEntry) (*idempotency.Identity, *idempotency.Record, error) {
	const op = "control"
	var id *idempotency.Identity
	var made *idempotency.Record
	_, err := c.logged(ctx, op, func(ctx context.Context) (ch idempotency.Change, _ ChangeEntry, err error) {
		id = c.id() // before the plan, which looks whether the ledger may be worked on
		rec, err := c.plan(ctx, job, c.now())
		if err != nil {
			return ch, ChangeEntry{}, err
		}
		rec.Lease = idempotency.Lease{Owner: c.owner, Until: rec.CreatedAt.Add(c.lease)}
		if ch, err = c.machine.Create(rec, rec.CreatedAt); err != nil {
			return ch, ChangeEntry{}, c.storeError(op, err)
		}
		w := c.workIn(id, rec, job)
		w.count(&ch, nil)
		made = ch.Record
		cents, _ := c.Price(vendor, job)
		e := e
		e.Target, e.After = Target{Kind: TargetJob, Name: string(made.ID)}, asJSON(controlSent{vendor, cents})
		return ch, e, nil
	})
	if err != nil {
		return nil, nil, err
	}
	c.see(made.UpdatedAt)
	c.tel.submissions.Add(ctx, 1, c.tel.submitted...)
	return id, made, nil
}
