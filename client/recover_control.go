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
// It returns as [Client.Submit] does. An unknown vendor is
// [postproof.CodeNotFound], and a piece that it cannot make
// [postproof.CodeUnsupported]. When the vendor does not take it now the job goes on
// like any other, perhaps to another vendor.
func (c *Client) SendControl(ctx context.Context, vendor string, job postproof.Job) (*idempotency.Record, error) {
	if err := c.knowsVendors("control"); err != nil {
		return nil, err
	}
	if c.byName[vendor] == nil {
		return nil, &postproof.Error{
			Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Op: "control", Vendor: vendor, Err: errors.New("no adapter has this name"),
		}
	}
	job.Key = postproof.Key("control/" + rand.Text())
	if err := job.Validate(); err != nil {
		return nil, err
	}
	if err := c.byName[vendor].caps.Supports(&job); err != nil {
		// It would only stand in the ledger as refused.
		return nil, &postproof.Error{Code: postproof.CodeUnsupported, Delivery: postproof.NotSent, Op: "control", Vendor: vendor, Err: err}
	}
	rec, err := c.plan(ctx, &job, c.now())
	if err != nil {
		return nil, err
	}
	w := c.work(rec, &job)
	w.fresh = true
	for _, v := range c.vendors {
		if v.name != vendor {
			mark(&w.unfit, v, "the control piece is for "+vendor)
		}
	}
	rec.Lease = idempotency.Lease{Owner: c.owner, Until: rec.CreatedAt.Add(c.lease)}
	return c.outcome(ctx, w, w.send(ctx))
}
