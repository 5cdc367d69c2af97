package vendorsim

import (
	"math"
	"sync"
	"time"
)

// Clock is a clock that runs faster than real time and can be moved forward:
// a day of mail in a second. It implements [postproof.Clock] and is safe for
// concurrent use.
type Clock struct {
	mu      sync.Mutex
	anchor  Anchor
	waiters map[*clockWaiter]struct{}
}

// Anchor is the state of a [Clock]: simulated time Now at real time Real, and
// how many simulated seconds pass in a real one. Another process that has it
// can follow the clock until somebody moves it.
type Anchor struct {
	Real  time.Time `json:"real"`
	Now   time.Time `json:"now"`
	Scale float64   `json:"scale"`
}

type clockWaiter struct {
	at    time.Time
	ch    chan time.Time
	timer *time.Timer
}

// NewClock returns a clock that shows base now and runs scale times as fast as
// real time. Scale 0 stands still until [Clock.Advance]; a negative one counts
// as 0.
func NewClock(base time.Time, scale float64) *Clock {
	return NewClockAt(Anchor{Real: time.Now(), Now: base, Scale: scale})
}

// NewClockAt returns a clock that follows the one the anchor was taken from.
func NewClockAt(a Anchor) *Clock {
	a.Scale = max(a.Scale, 0)
	return &Clock{anchor: a, waiters: map[*clockWaiter]struct{}{}}
}

// Anchor returns the clock's state, for [NewClockAt] in another process.
func (c *Clock) Anchor() Anchor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reanchor()
}

// Now implements [postproof.Clock].
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// After implements [postproof.Clock]. The channel receives early when the
// clock is moved forward.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.until(c.now().Add(d))
}

// at is After for a moment: whoever knows when, and reads the clock to find out
// how long that is, would wait too long if it is moved in between.
func (c *Clock) at(t time.Time) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.until(t)
}

func (c *Clock) until(t time.Time) <-chan time.Time {
	w := &clockWaiter{at: t, ch: make(chan time.Time, 1)}
	c.waiters[w] = struct{}{}
	c.arm(w)
	return w.ch
}

// Advance moves the clock forward by d of its own time and wakes who has
// waited long enough. It ignores a negative d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reanchor()
	c.anchor.Now = c.anchor.Now.Add(max(d, 0))
	c.rearm()
}

// SetScale changes the speed from now on.
func (c *Clock) SetScale(scale float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reanchor()
	c.anchor.Scale = max(scale, 0)
	c.rearm()
}

// Set moves the clock to t, which may lie in its past.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reanchor()
	c.anchor.Now = t
	c.rearm()
}

func (c *Clock) now() time.Time {
	elapsed := float64(time.Since(c.anchor.Real)) * c.anchor.Scale
	return c.anchor.Now.Add(time.Duration(min(elapsed, math.MaxInt64/2)))
}

func (c *Clock) reanchor() Anchor {
	c.anchor.Now = c.now()
	c.anchor.Real = time.Now()
	return c.anchor
}

func (c *Clock) rearm() {
	for w := range c.waiters {
		c.arm(w)
	}
}

// arm fires the waiter or sets its timer to the real time that is left.
func (c *Clock) arm(w *clockWaiter) {
	if w.timer != nil {
		w.timer.Stop()
	}
	now := c.now()
	left := w.at.Sub(now)
	if left <= 0 {
		delete(c.waiters, w)
		w.ch <- now // never blocks: the channel holds one and this waiter is gone
		return
	}
	if c.anchor.Scale == 0 {
		return
	}
	// Real timers end at a day, and are rounded up: the waiter looks again.
	wait := time.Duration(min(float64(left)/c.anchor.Scale, float64(24*time.Hour))) + 1
	w.timer = time.AfterFunc(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, waiting := c.waiters[w]; waiting {
			c.arm(w)
		}
	})
}
