package client

import (
	"context"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Refresh has the vendor of a piece asked for its status now, by the next free
// worker of any process, instead of when its poll is due; of a submission in
// doubt, whether it is there. The wish is durable. A piece that reached its end
// is asked about once more, since a return may overrule a delivery. Many wishes
// for one piece are one poll, which waits for its turn like every other.
//
// It is for those who may wish to know. A callback that nobody signed is no
// reason to ask about a piece at its end, or anybody could have every piece asked
// about for ever: hand such a one in with [News] and its Hint, which does the same
// to a piece that is on its way and nothing to any other.
//
// The error has [postproof.CodeNotFound] for a key that was never used, and
// [postproof.CodeConflict] when there is nobody to ask: the job was not sent, is
// held, or ended without a piece.
func (c *Client) Refresh(ctx context.Context, key postproof.Key) (rec *idempotency.Record, err error) {
	if err := c.knowsVendors("refresh"); err != nil {
		return nil, err
	}
	ctx, span := c.tel.call(ctx, "postproof.refresh", &err)
	defer endCallOf(span, &rec, &err)
	rec, err = c.change(ctx, "refresh", key, idempotency.Refresh{})
	if err == nil {
		c.wakeUp()
	}
	return rec, err
}

// Silence is how many pieces a vendor has not told of in time. One that is silent
// may be lost mail, or a scan that was never made; when most of a vendor's are,
// its callbacks do not arrive here.
type Silence struct {
	Vendor string
	// Expected is how many accepted pieces the vendor's callbacks should tell of,
	// as its capabilities have it; Silent is how many of them are overdue.
	Expected, Silent int64
	// Since is when the one became overdue that has been for longest; zero when
	// none is.
	Since time.Time
	// Heard is the newest callback about any of these pieces, by our time; zero
	// when there was none.
	Heard time.Time
}

// Silence returns how silent each vendor is, in the order of failover; a vendor
// without callbacks expects nothing. Pieces are polled as soon as they are
// silent, so that nothing is lost by it: it is for an alarm. It reads every
// accepted record, two seconds or so for each hundred thousand: ask it each quarter
// of an hour, not each second, and watch the metric postproof.silent and
// [Client.Polls] in between.
func (c *Client) Silence(ctx context.Context) ([]Silence, error) {
	if err := c.knowsVendors("silence"); err != nil {
		return nil, err
	}
	out := make([]Silence, len(c.vendors))
	place := make(map[string]*Silence, len(c.vendors))
	for i, v := range c.vendors {
		out[i].Vendor = v.name
		place[v.name] = &out[i]
	}
	now := c.now()
	for rec, err := range legible(ctx, c, c.store.Find(ctx, idempotency.Query{States: []idempotency.State{idempotency.Accepted}})) {
		if err != nil {
			return nil, c.storeError("silence", err)
		}
		until, ok := c.machine.Expects(rec)
		s := place[rec.Receipt.Vendor]
		if !ok || s == nil {
			continue
		}
		s.Expected++
		if rec.Status.Source == postproof.SourceCallback && rec.Status.SeenAt.After(s.Heard) {
			s.Heard = rec.Status.SeenAt
		}
		if now.Before(until) {
			continue
		}
		s.Silent++
		if s.Since.IsZero() || until.Before(s.Since) {
			s.Since = until
		}
	}
	return out, nil
}
