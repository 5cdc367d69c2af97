package breaker

import "time"

// This file has what moves a circuit other than the outcome of a call: time,
// and people. All of it is called with the lock held.

// tick reads the clock and applies the changes that have become due. They
// carry the time at which they were due, not the time at which somebody
// looked.
func (c *circuit) tick() time.Time {
	now := c.config.Clock.Now()
	if now.Before(c.now) {
		c.shift(now.Sub(c.now))
	}
	c.now = now
	c.window.roll(now)
	for !c.forced {
		switch c.phase {
		case HalfOpen:
			oldest, out := c.oldestProbe()
			lostAt := oldest.Add(c.config.HalfOpenFor)
			if out == 0 || now.Before(lostAt) {
				return now
			}
			c.totals.Lost += uint64(out)
			c.renewTripped()
			c.open(lostAt, ReasonProbeLost, 0)
		case Open:
			if now.Before(c.until) {
				return now
			}
			c.move(HalfOpen, c.until, ReasonOpenTimeOver)
		case Closed:
			return now
		}
	}
	return now
}

// shift moves everything that is remembered by a clock's jump back: what was
// left of the open time is still left, and no bucket lies in the future.
func (c *circuit) shift(d time.Duration) {
	c.since = c.since.Add(d)
	if !c.until.IsZero() {
		c.until = c.until.Add(d)
	}
	c.window.start = c.window.start.Add(d)
	for i := range c.probes {
		c.probes[i].started = c.probes[i].started.Add(d)
	}
}

// open opens the circuit at a time that may be past, for a time that grows
// until a stable close.
func (c *circuit) open(at time.Time, reason Reason, retryAfter time.Duration) {
	if c.phase == Closed && at.Sub(c.since) >= c.config.StableFor {
		c.openings = 0
	}
	d := c.config.OpenFor
	for range c.openings {
		if d >= c.config.OpenMax/2 {
			d = c.config.OpenMax
			break
		}
		d *= 2
	}
	if d < c.config.OpenMax { // else the counter would grow for ever
		c.openings++
	}
	d -= c.jitter(d / 2)
	// The vendor's wish is a floor. Everybody was told the same, so it gets
	// its jitter on top.
	if wish := min(retryAfter, c.config.OpenMax); wish > 0 {
		d = max(d, wish+c.jitter(wish/10))
	}
	c.totals.Opened++
	c.until = at.Add(d)
	c.move(Open, at, reason)
}

func (c *circuit) jitter(d time.Duration) time.Duration {
	return time.Duration(c.config.Rand() * float64(d))
}

// move changes the phase, starts a new generation and tells about it. For
// Open, until has been set.
func (c *circuit) move(to Phase, at time.Time, reason Reason) {
	change := Change{
		Vendor: c.vendor, Group: c.group, From: c.phase, To: to, At: at,
		Reason: reason, Note: c.note, Forced: c.forced, Counts: c.counts(),
	}
	if to == Open {
		change.Until = c.until
	} else {
		c.until = time.Time{}
	}
	c.phase, c.since, c.reason = to, at, reason
	c.generation++
	c.probes = [maxHalfOpenCalls]probe{}
	c.window.reset(c.now)
	if to == Closed {
		c.consecutive = 0
	}
	c.events.put(change)
}

// force holds the circuit in a phase until release.
func (c *circuit) force(to Phase, note string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.tick()
	c.forced, c.note, c.until = true, note, time.Time{}
	c.renew()
	c.move(to, now, ReasonForced)
}

// release gives a forced circuit back to the rules. One that was forced open
// has to prove itself first.
func (c *circuit) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.tick()
	if !c.forced {
		return
	}
	c.forced, c.note = false, ""
	if c.phase == Open {
		c.renewTripped()
		c.move(HalfOpen, now, ReasonReleased)
		return
	}
	c.renew()
	c.move(Closed, now, ReasonReleased)
}

// state returns what the circuit looks like now.
func (c *circuit) state() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick()
	return c.stateLocked()
}

func (c *circuit) stateLocked() State {
	_, out := c.oldestProbe()
	return State{
		Vendor: c.vendor, Group: c.group,
		Phase: c.phase, Since: c.since, Until: c.until, Reason: c.reason, Note: c.note,
		Forced: c.forced, Probes: out, Counts: c.counts(), Totals: c.totals,
	}
}

func (c *circuit) counts() Counts {
	counts := c.window.total
	counts.Consecutive = c.consecutive
	return counts
}
