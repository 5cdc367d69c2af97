package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// pool works on claimed records, so many at a time. It claims ahead: while all
// hands are at work the next records wait in a line, so that nobody waits for a
// claim, and claims are few and large.
type pool struct {
	c   *Client
	ctx context.Context //nolint:containedctx // the work's own, longer than the loop's
	// line is what was claimed and not begun, at most as many as are worked on.
	line chan claimed
	// stopped tells the hands to begin nothing more.
	stopped chan struct{}
	busy    sync.WaitGroup
	// held counts records in the line and at work.
	held atomic.Int64
	// room tells that the line has become short.
	room chan struct{}
	// served is the campaign of the last record that was claimed.
	served string
	// crowd is how many records to claim while polls stand in the way of other
	// work, see deal; 0 while they do not.
	crowd int
	// alone: the last look at the queue found nothing but polls.
	alone bool
}

// claimed is a record that is held, and the identity of the ledger that was
// read before it: what it says counts in that history. A poll has a place among
// those of its vendor, which is given back with the record.
type claimed struct {
	rec   *idempotency.Record
	id    *idempotency.Identity
	place *pollQueue
}

// leave gives the place back after work that lasted so long; 0 for none.
func (n claimed) leave(lasted time.Duration) {
	if n.place != nil {
		n.place.leave(lasted)
	}
}

// newPool returns a pool without hands.
func newPool(ctx context.Context, c *Client) *pool {
	return &pool{
		c: c, ctx: ctx, line: make(chan claimed, c.concurrency), stopped: make(chan struct{}), room: make(chan struct{}, 1),
	}
}

// hire has hands work from now on, until the pool is finished.
func (p *pool) hire() {
	for range p.c.concurrency {
		p.busy.Go(p.work)
	}
}

// idle reports whether nothing is held.
func (p *pool) idle() bool { return p.held.Load() == 0 }

// work takes from the line until the pool is stopped.
func (p *pool) work() {
	for {
		select {
		case <-p.stopped:
			return
		default:
		}
		select {
		case <-p.stopped:
			return
		case next := <-p.line:
			p.take(next)
		}
	}
}

// take works on what was taken from the line.
func (p *pool) take(next claimed) {
	if len(p.line) == cap(p.line)/2 {
		p.notify()
	}
	p.begin(next)
	p.held.Add(-1)
	p.notify()
	p.c.wakeUp()
}

// begin works on a record, if its lease is good.
func (p *pool) begin(next claimed) {
	lasted := time.Duration(0)
	defer func() { next.leave(lasted) }()
	rec := p.fresh(next)
	if rec == nil {
		return
	}
	began := p.c.clock.Now()
	p.c.workOn(p.ctx, rec, next.id)
	lasted = p.c.clock.Now().Sub(began)
}

func (p *pool) notify() {
	select {
	case p.room <- struct{}{}:
	default:
	}
}

// fresh returns the record with a lease that is long enough to work under,
// which is renewed if it has waited for long; nil if that cannot be done, and
// whoever holds it goes on.
func (p *pool) fresh(next claimed) *idempotency.Record {
	now := p.c.now()
	if next.rec.Lease.Until.Sub(now) > p.c.lease/2 {
		return next.rec
	}
	leased, err := p.c.takeLease(p.ctx, next.rec, now, next.id.Epoch)
	if err != nil {
		if !errors.Is(err, idempotency.ErrStale) {
			p.c.logger.LogAttrs(p.ctx, slog.LevelWarn, "a lease could not be renewed; the job comes up again", slog.Any("record", next.rec))
		}
		return nil
	}
	return leased
}

// round applies what was spooled, claims what the line has room for, and puts it
// there.
func (p *pool) round(ctx context.Context) (int, error) {
	c := p.c
	if err := c.knowsVendors("work"); err != nil { // it was closed meanwhile
		return 0, err
	}
	if c.spooled.Due(c.now()) {
		c.applySpool(ctx)
	}
	// Half a line at a time: a claim for each job that ends would cost as much
	// as the job.
	if err := p.roomy(ctx); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := c.checkLedger(ctx); err != nil {
		return 0, err
	}
	if c.id().EpochChanged() {
		return 0, c.epochError("work")
	}
	p.imports()
	p.prune()
	skip := c.waitingCampaigns(ctx)
	paused := c.pauses.Load()
	id := c.id() // read before the records: what they say counts in this history
	limit := max(p.free(), p.crowd)
	recs, err := c.store.Claim(ctx, idempotency.ClaimRequest{
		Owner: c.owner, Limit: limit, Lease: c.lease, Now: c.now(), Served: p.served,
		Skip: append(paused.campaigns(), skip...), Least: c.least(paused),
	})
	if c.meetDamaged(ctx, err) {
		return 0, nil // it is out of the way of what is behind it
	}
	if err != nil {
		return 0, c.storeError("claim", err)
	}
	n := len(recs)
	if n > 0 {
		p.served = recs[n-1].Campaign
	}
	return n, p.deal(ctx, recs, id, limit)
}

// roomy waits until half of the line is free. The ledger is looked at meanwhile:
// all hands may be waiting for a vendor's rate, and the other replicas' hints, or
// a history that broke, concern them, too.
func (p *pool) roomy(ctx context.Context) error {
	var look <-chan time.Time
	for len(p.line) > cap(p.line)/2 {
		if look == nil {
			look = p.c.clock.After(p.c.poll)
		}
		select {
		case <-p.room:
		case <-look:
			look = nil
			if err := p.c.checkLedger(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// free returns how many records the line has room for.
func (p *pool) free() int { return cap(p.line) - len(p.line) }

// add puts a record that is held into the line. Told to stop before there is
// room it gives the lease back.
func (p *pool) add(ctx context.Context, next claimed) {
	p.held.Add(1)
	select {
	case p.line <- next:
	case <-ctx.Done():
		p.held.Add(-1)
		next.leave(0)
		_ = p.c.workIn(next.id, next.rec, nil).rest(ctx, next.rec.Due) // else it ends by itself
	}
}

// finish gives back what was not begun, and waits for the work under way, at
// most the grace; what is left then is cut off, and settled later.
func (p *pool) finish(grace time.Duration, stop context.CancelFunc) {
	close(p.stopped)
	p.giveBack()
	done := make(chan struct{})
	go func() {
		p.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-p.c.clock.After(grace):
		stop()
		<-done
	}
}

// giveBack ends the leases of what waits in the line, so that others need not
// wait for that. What somebody else has changed meanwhile is theirs.
func (p *pool) giveBack() {
	var changes []idempotency.Change
	for {
		select {
		case next := <-p.line:
			free := *next.rec
			free.Fence++
			free.Lease = idempotency.Lease{}
			changes = append(changes, idempotency.Change{Record: &free, Expect: next.rec.Fence, Epoch: next.id.Epoch})
			p.held.Add(-1)
			next.leave(0)
			continue
		default:
		}
		break
	}
	if len(changes) == 0 {
		return
	}
	if _, err := p.c.store.Commit(p.ctx, changes); err != nil {
		p.c.logger.LogAttrs(p.ctx, slog.LevelWarn, "leases could not be given back; they end by themselves", slog.Int("jobs", len(changes)))
	}
}
