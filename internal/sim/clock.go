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
func (c *skewedClock) Steady() time.Duration { return time.Since(time.Unix(worldBegin, 0)) }

// worldBegin is when time begins in a bubble, at midnight UTC before the first day
// of 2000, in Unix seconds.
const worldBegin = 946684800

// After implements postproof.Clock: waits go by the machine's monotonic clock,
// which does not jump.
func (c *skewedClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (c *skewedClock) jump(d time.Duration) {
	c.mu.Lock()
	c.offset += d
	c.mu.Unlock()
}

// sleep waits in the world's time. Every call of a ledger does it: it makes no
// channel.
func sleep(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // what takes time in a world is not cut short when somebody gives up
}
