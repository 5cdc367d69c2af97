package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/idempotency"
)

// Polls wait in the one queue of all work, by the time at which they are due.
// After a day without workers, or without callbacks, a hundred thousand of them
// are due at once, and a new job stands behind them all. So polls have a share of
// the slots, and what is over it is put off, many in one change, to the time at
// which the vendor gets to it at the pace that was measured: the flood is behind
// the new job within moments, and comes back as a stream. What was put off is
// older than what comes later, so that sends without end do not starve it.

const (
	// crowdedClaim is the most records that are claimed at a time while polls
	// crowd the queue. Each claim of nothing else has the next one look twice as
	// far: a few polls between the sends are no crowd.
	crowdedClaim = 256
	// assumedCost is what a poll is taken to last before one was measured. Too
	// little costs a second change of the ledger, too much leaves the vendor idle.
	assumedCost = 20 * time.Millisecond
	// longestCost is the longest that a poll is believed to have lasted: beyond it
	// the clock was set meanwhile, and the polls behind it would wait for hours.
	longestCost = time.Minute
	// shortestPutOff is how long a poll that is put off stays away at least.
	shortestPutOff = time.Second
)

// pollQueue is how a vendor's polls stand.
type pollQueue struct {
	mu      sync.Mutex
	running int
	// cost is what a poll lasts, waits for the vendor's rate included: a moving
	// average.
	cost time.Duration
	// first are the polls that were put off once, again those whose turn came in
	// vain: they are older, and go first.
	first, again turns
	// wait is the last turn of those that were put off only because others were
	// before them: when it has passed, nothing is left of a crowd.
	wait time.Time
	// counts are since the start of the process.
	counts PollCounts
}

// turns are the turns of polls that were put off.
type turns struct {
	// next is the turn behind the last one.
	next time.Time
	// due is when the youngest of them was due.
	due time.Time
}

// older reports whether polls wait for their turn that were all due before.
func (t *turns) older(due, now time.Time) bool { return t.next.After(now) && due.After(t.due) }

// enter takes one of the vendor's places for a poll that was due at the time
// given, if one is free, and if none that is older waits for its turn.
func (q *pollQueue) enter(now, due time.Time, places int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running >= places || q.first.older(due, now) || q.again.older(due, now) {
		return false
	}
	q.running++
	return true
}

// leave gives the place back, after a poll that lasted so long.
func (q *pollQueue) leave(lasted time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	switch {
	case lasted <= 0, lasted > longestCost: // it never began, or nobody knows
	case q.cost == 0:
		q.cost = lasted
	default:
		q.cost += (lasted - q.cost) / 8
	}
}

// putOff returns when one more poll has its turn that cannot be made now, at the
// earliest at the time given. One that comes up later than it was due was put off
// before.
func (q *pollQueue) putOff(earliest time.Time, places int, rec *idempotency.Record) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := &q.first
	if rec.Due.After(rec.PollAt) {
		t = &q.again
	}
	at := earliest
	if t.next.After(at) {
		at = t.next
	}
	t.next = at.Add(max(cmp.Or(q.cost, assumedCost)/time.Duration(places), time.Millisecond))
	if rec.PollAt.After(t.due) {
		t.due = rec.PollAt
	}
	if q.first.next.Before(q.again.next) {
		q.first.next = q.again.next
	}
	// Whom they are put behind is as old as that: else polls that another process
	// put off, or this one in an earlier life, would wait for themselves for ever.
	if q.first.due.Before(q.again.due) {
		q.first.due = q.again.due
	}
	return at
}

// crowds notes that a poll was put off for others until the time given.
func (q *pollQueue) crowds(until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if until.After(q.wait) {
		q.wait = until
	}
}

// pollPlaces is how many polls one vendor may have under way beside other work:
// all vendors together half of the slots, each at least one.
func (c *Client) pollPlaces() int {
	return max(1, c.concurrency/2/len(c.vendors))
}

// places is how many polls one vendor may have under way now. Where nothing else
// was found to do, one slot is left for what may come.
func (p *pool) places() int {
	if p.alone {
		return max(1, p.c.concurrency-len(p.c.vendors))
	}
	return p.c.pollPlaces()
}

// pollsWait reports whether polls are left that were put off for others: whoever
// drains the ledger is not done before they are.
func (p *pool) pollsWait() bool {
	now := p.c.now()
	for _, v := range p.c.vendors {
		v.polls.mu.Lock()
		wait := v.polls.wait.After(now)
		v.polls.mu.Unlock()
		if wait {
			return true
		}
	}
	return false
}

// pollable returns since when the vendor can be asked for statuses, which lies in
// the future while its limit is used up or its breaker is open.
func (v *vendor) pollable(c *Client, now time.Time) time.Time {
	local := c.clock.Now()
	at := now
	if wait, _ := v.limits.wait(postproof.OpGet.Group(), local); wait > maxThrottle {
		at = now.Add(wait)
	}
	if b := c.breakerOf(v, postproof.OpGet); b.Phase == breaker.Open {
		until := now.Add(time.Minute) // opened by hand
		if left := b.Until.Sub(local); left > 0 {
			until = now.Add(left)
		}
		if until.After(at) {
			at = until
		}
	}
	return at
}

// poller is a record that has a place among the vendor's polls.
type poller struct {
	rec *idempotency.Record
	v   *vendor
}

// hand is what a claim brought, as it is dealt out: whatever sends or settles, what is
// polled, and the changes that give back what this client does not do now.
type hand struct {
	others []*idempotency.Record
	polls  []poller
	away   []idempotency.Change
	now    time.Time
	epoch  string
}

// put gives a record back with an event. One that cannot be is left to its lease.
func (h *hand) put(c *Client, rec *idempotency.Record, ev idempotency.Event) bool {
	ch, err := c.machine.Apply(rec, h.now, ev)
	if err != nil {
		return false
	}
	ch.Epoch = h.epoch
	h.away = append(h.away, ch)
	return true
}

// deal starts the work on claimed records: whatever sends or settles first, then
// the polls that have a place. Polls without one are put off, and what only other
// workers can ask for is left to them.
func (p *pool) deal(ctx context.Context, recs []*idempotency.Record, id *idempotency.Identity, limit int) error {
	h := &hand{now: p.c.now(), epoch: id.Epoch}
	p.sort(ctx, h, recs)
	admitted := p.admit(ctx, h)
	p.alone = len(h.others) == 0
	if len(recs) == limit && len(h.others) == 0 {
		p.crowd = min(2*max(limit, p.crowd), crowdedClaim)
	} else {
		p.crowd = 0
	}
	p.trim(h)
	err := p.c.putAway(ctx, h.away)
	for _, rec := range h.others {
		p.add(ctx, claimed{rec, id, nil})
	}
	for _, one := range admitted {
		p.add(ctx, claimed{one.rec, id, &one.v.polls})
	}
	return err
}

// sort tells polls from other work, and gives back what this client cannot ask for. Of
// that one record is worked on when it is time to count the others like it: whoever deals
// does not read the ledger through.
func (p *pool) sort(ctx context.Context, h *hand, recs []*idempotency.Record) {
	c, counted := p.c, ""
	for _, rec := range recs {
		a := c.machine.Next(rec, h.now)
		s := &a.Submission
		v := c.byName[s.Vendor]
		var ev idempotency.Event
		switch {
		case c.onlyForOthers(rec, &a) && c.askable(rec) == nil:
			if next, ok := c.turnOfOthers(rec, v, s); ok {
				ev = next
			}
		case a.Do != idempotency.DoPoll:
		case v != nil:
			h.polls = append(h.polls, poller{rec, v})
			continue
		default: // there is nobody to ask
			ev = c.unpolled(nil, s, rec)
		}
		switch {
		case ev == nil:
			h.others = append(h.others, rec)
		case counted != s.Vendor && c.countsUnasked(v, s, h.now):
			counted = s.Vendor
			h.others = append(h.others, rec)
		case h.put(c, rec, ev):
			c.meetUnasked(ctx, v, s)
		}
	}
}

// admit gives polls their places, the oldest first, and puts off those that have none.
func (p *pool) admit(ctx context.Context, h *hand) (admitted []poller) {
	c, now, places := p.c, h.now, p.places()
	// Those put off before were due first: their place in the queue is a new one.
	slices.SortStableFunc(h.polls, func(a, b poller) int { return a.rec.PollAt.Compare(b.rec.PollAt) })
	for _, one := range h.polls {
		at := one.v.pollable(c, now)
		if !at.After(now) && one.v.polls.enter(now, one.rec.PollAt, places) {
			admitted = append(admitted, one)
			continue
		}
		crowded := !at.After(now)
		if least := now.Add(shortestPutOff); at.Before(least) {
			at = least
		}
		at = one.v.polls.putOff(at, places, one.rec)
		if crowded {
			one.v.polls.crowds(at)
		}
		if h.put(c, one.rec, idempotency.Postpone{Until: at}) {
			c.countPutOff(ctx, one.v)
		}
	}
	return admitted
}

// trim gives back what there is no room for: a claim past a crowd may bring more.
func (p *pool) trim(h *hand) {
	for len(h.others) > p.free() && h.others[len(h.others)-1].State != idempotency.Sending {
		last := *h.others[len(h.others)-1]
		last.Lease = idempotency.Lease{}
		last.Fence++
		h.away = append(h.away, idempotency.Change{Record: &last, Expect: last.Fence - 1, Epoch: h.epoch})
		h.others = h.others[:len(h.others)-1]
	}
}

// putAway gives leases back, all in one go. Where another was quicker, theirs is newer.
func (c *Client) putAway(ctx context.Context, away []idempotency.Change) error {
	if len(away) == 0 {
		return nil
	}
	errs, err := c.store.Commit(context.WithoutCancel(ctx), away)
	if err != nil {
		return c.storeError("put off", err)
	}
	for _, err := range errs {
		switch {
		case errors.Is(err, idempotency.ErrEpoch):
			return c.otherEpoch("put off")
		case err != nil && !errors.Is(err, idempotency.ErrStale):
			return c.storeError("put off", err)
		}
	}
	return nil
}

// notAsked reports whether a poll ended before the vendor was asked: by our own
// limit, or by the breaker. It says nothing about the piece.
func notAsked(err error) bool {
	return postproof.DeliveryOf(err) == postproof.NotSent &&
		(errors.Is(err, breaker.ErrOpen) || postproof.CodeOf(err) == postproof.CodeRateLimited)
}
