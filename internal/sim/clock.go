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
