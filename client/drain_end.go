package client

import (
	"context"

	"github.com/postproof/postproof/idempotency"
)

// drainEnd tells when a Drain has come to its end: nothing is open but what waits
// for a person to approve it or to end a pause.
type drainEnd struct {
	c *Client
	// after is how far the present search has come: everything up to it was not
	// waited for when it was looked at.
	after idempotency.ID
}

// finished reports whether there is nothing left to wait for.
func (d *drainEnd) finished(ctx context.Context) (bool, error) {
	c := d.c
	left, err := c.Depth(ctx, "")
	if err != nil {
		return false, err
	}
	open := left.Open()
	paused := c.pauses.Load()
	waiting := map[string]bool{}
	for _, campaign := range append(paused.campaigns(), c.waitingCampaigns(ctx)...) {
		waiting[campaign] = true
	}
	for campaign := range waiting {
		of, err := c.Depth(ctx, campaign)
		if err != nil {
			return false, err
		}
		open -= of[idempotency.Planned]
	}
	if open > 0 && (len(paused.list) > 0 || paused.strange || c.damage.anyRecords()) {
		// Some of them may wait for the end of a pause, or be damaged: none is counted
		// by that.
		found, err := d.search(ctx, paused, waiting)
		if err != nil || found {
			return false, err
		}
		open = 0
	}
	return open <= 0 && c.spooled.Empty(), nil
}

// search looks for a job that is waited for. It goes on where it has found the
// last one, so that many looks are one reading of the ledger, and says that there
// is none only after a search from the first job to the last.
func (d *drainEnd) search(ctx context.Context, paused *pauses, waiting map[string]bool) (bool, error) {
	all := d.c.allPaused(paused)
	for {
		from := d.after
		q := idempotency.Query{
			States: []idempotency.State{idempotency.Planned, idempotency.Sending, idempotency.Unknown}, After: from, Bare: true,
		}
		before := from
		for rec, err := range legible(ctx, d.c, d.c.store.Find(ctx, q)) {
			if err != nil {
				return false, d.c.storeError("find", err)
			}
			planned := rec.State == idempotency.Planned
			if planned && (all || waiting[rec.Campaign]) || paused.keepsPlanned(rec) != nil {
				before = rec.ID
				continue
			}
			d.after = before
			return true, nil
		}
		if d.after = ""; from == "" {
			return false, nil
		}
	}
}
