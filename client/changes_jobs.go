package client

import (
	"context"
	"errors"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// jobState is what the change log keeps of a job before and after a change:
// nothing of the person, nor of the paper.
type jobState struct {
	State      idempotency.State      `json:"state"`
	Generation int                    `json:"gen"`
	Fence      uint64                 `json:"fence"`
	Hold       idempotency.HoldReason `json:"hold,omitempty"`
	Vendor     string                 `json:"vendor,omitempty"` // that has accepted it
	VendorID   string                 `json:"vid,omitempty"`
	// Cancel is "wished", or how the wish ended.
	Cancel string `json:"cancel,omitempty"`
	// Verdict is a decision's.
	Verdict idempotency.Verdict `json:"verdict,omitempty"`
}

func stateOf(r *idempotency.Record) jobState {
	s := jobState{
		State: r.State, Generation: r.Generation, Fence: r.Fence, Hold: r.Hold.Reason,
		Vendor: r.Receipt.Vendor, VendorID: r.Receipt.VendorID, Cancel: string(r.Cancel.Outcome),
	}
	if r.Cancel.Stands() && s.Cancel == "" {
		s.Cancel = "wished"
	}
	return s
}

// personal makes a person's word come true for a job, and writes it to the change
// log with it. The entry names who, why and what; the rest is set here. A word
// that changes nothing is not written. seen is the version that it is about, if there
// is a condition.
func (c *Client) personal(ctx context.Context, op string, id idempotency.ID, e ChangeEntry, event idempotency.Event, seen Version) (*idempotency.Record, error) {
	var made jobChange
	e, err := c.logged(ctx, op, c.changing(op, id, e, event, &made, seen))
	if made.was != nil {
		c.tel.linkTo(ctx, made.was)
	}
	if err != nil || e.N == 0 {
		return made.was, err
	}
	c.changed(ctx, &made)
	return made.is, nil
}

// jobChange is what became of a job.
type jobChange struct {
	was, is *idempotency.Record
	entries []idempotency.Entry
}

// changed tells of a change that was made.
func (c *Client) changed(ctx context.Context, made *jobChange) {
	c.see(made.is.UpdatedAt)
	c.tell(ctx, made.entries)
	c.wakeUp()
}

// changing plans the change of a job by a person's word.
func (c *Client) changing(op string, id idempotency.ID, e ChangeEntry, event idempotency.Event, made *jobChange, seen Version) planned {
	return func(ctx context.Context) (ch idempotency.Change, _ ChangeEntry, err error) {
		in := c.id() // before the record: a restored ledger comes to the same versions again
		was, err := c.store.Get(ctx, id)
		made.was = was
		if err != nil {
			return ch, ChangeEntry{}, c.jobError(op, err)
		}
		w := c.workIn(in, was, nil)
		if !w.recovered {
			// The lost history may have done more than this record knows: a job
			// that it sent would be canceled without its piece, or amended
			// into a generation that hides it.
			return ch, ChangeEntry{}, c.epochError(op)
		}
		// Before the machine has its word: what it refuses is a consequence.
		if err := c.unchanged(ctx, op, in.Epoch, was, seen); err != nil {
			return ch, ChangeEntry{}, err
		}
		ch, err = c.machine.Apply(was, c.now(), event)
		if rule, ok := errors.AsType[*idempotency.RuleError](err); ok {
			return ch, ChangeEntry{}, notSent(postproof.CodeConflict, op, rule)
		}
		if err != nil {
			return ch, ChangeEntry{}, err
		}
		if len(ch.Entries) == 0 {
			return ch, ChangeEntry{}, nil
		}
		w.count(&ch, was)
		made.is, made.entries = ch.Record, ch.Entries
		before, after := stateOf(was), stateOf(ch.Record)
		if d, ok := event.(idempotency.Decide); ok {
			after.Verdict = d.Verdict
		}
		e := e
		if ch.Record.Erased() {
			e.Why = "" // as in the history: the log can never be blanked
		}
		e.Target, e.Before, e.After = Target{Kind: TargetJob, Name: string(id)}, asJSON(before), asJSON(after)
		return ch, e, nil
	}
}
