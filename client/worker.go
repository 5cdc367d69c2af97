package client

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Run works the ledger until the context ends: it sends what is planned,
// settles what is unknown, follows what is accepted. Then it claims nothing
// more, lets sends finish (see [WithGrace]), gives leases back, and returns
// nil. Any number of processes may run on one ledger.
//
// An error means that waiting would not help: the ledger's history was broken
// ([ErrEpochChanged]), the client was closed, or the store was, or must be opened again
// ([idempotency.ErrClosed], [idempotency.ErrReopen]). A ledger that is away for a while
// is logged and waited for.
func (c *Client) Run(ctx context.Context) error {
	_, err := c.drain(ctx, func(context.Context) (bool, error) { return false, nil })
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to stop, and did
	}
	return err
}

// Depth is how many jobs stand in which state: what [Client.Drain] left behind,
// or what [Client.Depth] counts.
type Depth map[idempotency.State]int64

// Open is the number of jobs that still wait to be sent or settled.
func (d Depth) Open() int64 {
	return d[idempotency.Planned] + d[idempotency.Sending] + d[idempotency.Unknown]
}

// Drain works the ledger until no job waits to be sent or settled: each is with
// a vendor, refused, held, canceled or done. It waits for jobs that are due
// later, and works at the statuses of accepted ones only as they come due
// meanwhile. It returns what it left, and an error when the context ended
// first; bound it by that, for an unknown outcome that has to be looked up takes an hour
// or more, and a vendor that is down is waited for until the jobs' deadlines
// ([WithDeadlines]). A campaign that waits for the approval of its canary is not waited
// for, nor is what is paused ([Client.Pause]).
func (c *Client) Drain(ctx context.Context) (Depth, error) {
	d := drainEnd{c: c}
	return c.drain(ctx, d.finished)
}

// Depth returns how many jobs stand in which state; of one campaign, if it is
// not empty.
func (c *Client) Depth(ctx context.Context, campaign string) (Depth, error) {
	depths, err := c.store.Depth(ctx, campaign)
	if err != nil {
		return nil, c.storeError("depth", err)
	}
	d := Depth{}
	for _, x := range depths {
		d[x.State] += x.Count
	}
	return d, nil
}

// drain claims and works until finished says so or the context ends.
func (c *Client) drain(ctx context.Context, finished func(context.Context) (bool, error)) (Depth, error) {
	if err := c.knowsVendors("work"); err != nil {
		return nil, err
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	// Sends outlive the context by the grace, and no longer.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p := newPool(working, c)
	p.hire()
	err := p.loop(ctx, finished)
	p.finish(c.grace, stop)
	if left, e := c.Depth(context.WithoutCancel(ctx), ""); e == nil {
		return left, err
	}
	return nil, err
}

func (p *pool) loop(ctx context.Context, finished func(context.Context) (bool, error)) error {
	c := p.c
	for failures := 0; ; {
		n, err := p.round(ctx)
		done := false
		if err == nil {
			done, err = p.over(ctx, n, finished)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, ErrEpochChanged), errors.Is(err, idempotency.ErrClosed), errors.Is(err, idempotency.ErrReopen):
			return err // none gets better by waiting
		case err != nil && c.closed.Load():
			return err
		case err != nil:
			failures++
			c.logger.LogAttrs(ctx, slog.LevelWarn, "the ledger cannot be read: waiting",
				slog.String("code", postproof.CodeOf(err).String()), slog.String("error", err.Error()), slog.Int("failures", failures))
			c.pause(ctx, min(time.Duration(failures)*c.poll, 30*time.Second))
		case done:
			return nil
		case n == 0:
			failures = 0
			// Never in step with others: who always came just behind another one would
			// find nothing of what only it can do.
			wait := c.poll - rand.N(c.poll/4+1) //nolint:gosec // it spreads work, and guards nothing
			if p.pollsWait() {
				wait = min(wait, shortestIdle)
			}
			c.idle(ctx, wait)
		default:
			failures = 0
			if c.congested.Load() >= int64(c.concurrency) {
				// Jobs are put off as fast as they are claimed: no reason to hurry.
				c.congested.Store(0)
				c.pause(ctx, min(c.poll, 50*time.Millisecond))
			}
		}
	}
}

// over reports whether there is nothing left to do after a round that claimed n
// records: nothing is held, no poll waits for its turn, and finished says so.
func (p *pool) over(ctx context.Context, n int, finished func(context.Context) (bool, error)) (bool, error) {
	if n > 0 || !p.idle() || p.pollsWait() {
		return false, nil
	}
	return finished(ctx)
}

func (c *Client) pause(ctx context.Context, d time.Duration) {
	_ = postproof.Sleep(ctx, c.clock, d) // the loop looks at the context
}

// workOn carries a claimed record on, and never lets a failure out: the ledger
// knows where the job stands, and it comes up again.
func (c *Client) workOn(ctx context.Context, rec *idempotency.Record, id *idempotency.Identity) {
	ctx, span := c.tel.startOn(ctx, "postproof.work", trace.SpanKindConsumer, rec)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("mail.state.before", string(rec.State)))
	}
	w := c.workIn(id, rec, nil)
	err := w.run(ctx)
	for range 3 {
		if !errors.Is(err, idempotency.ErrStale) || !w.stillOurs(ctx) {
			break
		}
		err = w.run(ctx) // a person's wish or a callback came between
	}
	endOf(span, w.rec, err)
	if w.rec.State == idempotency.Refused && rec.State != idempotency.Refused { // who calls Submit has its error
		why := w.rec.Refusal
		c.logger.LogAttrs(ctx, slog.LevelWarn, "mail: refused: no vendor takes the job; amend or cancel it", slog.Any("record", w.rec), slog.String("vendor", why.Vendor),
			slog.String("code", why.Code.String()), slog.String("vendor_code", why.VendorCode), slog.String("note", why.Note))
	}
	if err != nil && !errors.Is(err, idempotency.ErrStale) {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "a job could not be worked on; it comes up again", slog.Any("record", w.rec), slog.String("error", err.Error()))
	}
}

// stillOurs reads the record again and reports whether this work still holds
// it.
func (w *work) stillOurs(ctx context.Context) bool {
	rec, err := w.c.store.Get(ctx, w.rec.ID)
	if err != nil || rec.Lease.Owner != w.c.owner || !rec.Lease.Until.Equal(w.rec.Lease.Until) {
		return false
	}
	w.rec = rec
	return true
}

// shortestIdle is how often the queue is looked at for polls that were put off.
const shortestIdle = 100 * time.Millisecond

// idle waits for a reason to look again.
func (c *Client) idle(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-c.wake:
	case <-c.clock.After(wait):
	}
}

func (c *Client) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
