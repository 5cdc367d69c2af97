package snapshot

import "sync"

// inOrder works on values on several goroutines and hands them on, one at a
// time, in the order in which they came. Put and finish are called by one
// goroutine.
type inOrder[T any] struct {
	work, order chan *task[T]
	free        chan *task[T]
	failed      chan struct{} // closed once err is set
	err         error
	working     sync.WaitGroup
	handing     sync.WaitGroup
}

type task[T any] struct {
	value T
	done  chan struct{} // holds one when the work on the value is done
}

// newInOrder starts the goroutines. Each has a work function of its own from
// newWork; next is called by one. Up to depth values wait for it: the work goes on
// while it is busy for long with one of them.
func newInOrder[T any](workers, depth int, newWork func() func(T), next func(T) error) *inOrder[T] {
	p := &inOrder[T]{
		work: make(chan *task[T], depth), order: make(chan *task[T], depth),
		free: make(chan *task[T], 2*depth+workers+2), failed: make(chan struct{}),
	}
	for range workers {
		work := newWork()
		p.working.Go(func() {
			for t := range p.work {
				work(t.value)
				t.done <- struct{}{}
			}
		})
	}
	p.handing.Go(func() {
		for t := range p.order {
			<-t.done
			if p.err == nil {
				if p.err = next(t.value); p.err != nil {
					close(p.failed)
				}
			}
			var zero T
			t.value = zero
			select {
			case p.free <- t:
			default:
			}
		}
	})
	return p
}

// put waits for room. After a failure it returns the error.
func (p *inOrder[T]) put(v T) error {
	var t *task[T]
	select {
	case <-p.failed:
		return p.err
	case t = <-p.free:
	default:
		t = &task[T]{done: make(chan struct{}, 1)}
	}
	t.value = v
	p.order <- t
	p.work <- t
	return nil
}

// finish waits until all values were handed on.
func (p *inOrder[T]) finish() error {
	close(p.work)
	close(p.order)
	p.working.Wait()
	p.handing.Wait()
	return p.err
}
