package breaker

import "sync"

// maxPending bounds the changes that wait for a slow receiver.
const maxPending = 1024

// events hands changes to the receiver in the order in which they were put,
// one at a time, from a goroutine that exists only while there is work: a Set
// needs no Close, and a callback can never run under a breaker's lock.
type events struct {
	receive func(Change) // nil: nobody listens

	mu      sync.Mutex
	pending []Change
	dropped uint64
	running bool
}

// put never blocks. It is called under a breaker's lock, which makes the
// order of one breaker's changes the order in which they happened.
func (e *events) put(c Change) {
	if e.receive == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.pending) >= maxPending {
		e.dropped++
		return
	}
	c.Dropped, e.dropped = e.dropped, 0
	e.pending = append(e.pending, c)
	if !e.running {
		e.running = true
		go e.deliver()
	}
}

func (e *events) deliver() {
	for {
		e.mu.Lock()
		if len(e.pending) == 0 {
			e.pending, e.running = nil, false
			e.mu.Unlock()
			return
		}
		c := e.pending[0]
		e.pending = e.pending[1:]
		e.mu.Unlock()
		e.receive(c)
	}
}
