package vendorsim

import (
	"container/heap"
	"math"
	"time"
)

// advance voids every piece whose late failure is due, tells of what has
// happened to the others, and returns the time. The caller holds the lock; a
// state that can be read is never ahead of it.
func (s *Sim) advance() time.Time {
	now := s.now()
	for s.due.ready(now) {
		d := s.due.next()
		if d.o.void != nil {
			continue
		}
		if _, err := s.put(&record{At: now, Vendor: d.in.name, Void: &void{ID: d.o.ID, Reason: reasonLate}}); err != nil {
			break
		}
	}
	for s.news.ready(now) {
		d := s.news.next()
		if !d.at.Equal(d.o.newsAt) {
			continue // something else happened first
		}
		d.o.newsAt = time.Time{}
		if err := d.in.tell(d.o, now); err != nil {
			break
		}
	}
	return now
}

// tick carries out what is due while nobody asks.
func (s *Sim) tick() {
	alarm := alarm{clock: s.clock}
	for {
		s.mu.Lock()
		now := s.advance()
		wait := min(s.due.wait(now), s.news.wait(now))
		s.startWorkers()
		s.mu.Unlock()
		select {
		case <-s.closing:
			return
		case <-s.wake:
		case <-alarm.in(now, wait):
			alarm.rang()
		}
	}
}

func (s *Sim) poke() { wakeUp(s.wake) }

func wakeUp(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// forever is the wait for what is not planned.
const forever = time.Duration(math.MaxInt64)

// dueOrder is an order to which something happens at a time; dueHeap has the
// earliest first.
type dueOrder struct {
	in *instance
	o  *order
	at time.Time
}

type dueHeap []dueOrder //nolint:recvcheck // heap.Interface: only Push and Pop change the slice

func (h *dueHeap) add(d dueOrder)          { heap.Push(h, d) }
func (h dueHeap) ready(now time.Time) bool { return len(h) > 0 && !now.Before(h[0].at) }
func (h dueHeap) wait(now time.Time) time.Duration {
	if len(h) == 0 {
		return forever
	}
	return h[0].at.Sub(now)
}

func (h *dueHeap) next() dueOrder {
	d, _ := heap.Pop(h).(dueOrder) // nothing else is pushed
	return d
}

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements [heap.Interface].
func (h *dueHeap) Push(x any) {
	if d, ok := x.(dueOrder); ok {
		*h = append(*h, d)
	}
}

// Pop implements [heap.Interface].
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	*h = (*h)[:last]
	return d
}
