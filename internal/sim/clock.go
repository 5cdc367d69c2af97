package main

import (
	"sync"
	"time"
)

// skewedClock is a replica's clock: the world's time and an offset, which jumps
// now and then. It implements postproof.Clock and is safe for concurrent use.
type skewedClock struct {
	mu     sync.Mutex
	offset time.Duration
}

// Now implements postproof.Clock.
func (c *skewedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Steady returns how much time has passed, whatever the clock shows: the world's
// time from its beginning.
func (c *skewedClock) Steady() time.Duration { return time.Since(worldBegin()) }

// worldBegin is when time begins in a bubble.
func worldBegin() time.Time { return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) }

// After implements postproof.Clock: waits go by the machine's monotonic clock,
// which does not jump.
func (c *skewedClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (c *skewedClock) jump(d time.Duration) {
	c.mu.Lock()
	c.offset += d
	c.mu.Unlock()
}

// sleep waits in the world's time.
func sleep(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
