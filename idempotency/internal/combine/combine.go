// Package combine groups the operations of concurrent callers into batches,
// so that one durable commit serves them all.
package combine

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how large batches may become, and what to do with them.
type Config[T any] struct {
	// Run carries out a batch. Each operation carries its own result. Run is
	// called by one goroutine at a time.
	Run func(batch []T)
	// Idle, if set, is called by the same goroutine after the callers of a
	// batch were answered.
	Idle func()
	// Weight is the size of an operation; nil means 1 each.
	Weight func(T) int
	// MaxWeight bounds a batch: no further operation is taken once it is
	// reached. 0 means 256.
	MaxWeight int
	// Queue bounds the operations that wait; further callers block. 0 means
	// 1024.
	Queue int
}

// Combiner runs operations in batches. One goroutine takes what is queued,
// without any timer, so that a lone caller waits for nobody.
type Combiner[T any] struct {
	cfg     Config[T]
	queue   chan *call[T]
	closing chan struct{}
	once    sync.Once
	drained chan struct{}
	// patience belongs to the loop.
	patience patience
}

// call is an operation on its way. Whoever moves state away from queued first
// decides whether it is run or given up.
type call[T any] struct {
	op    T
	state atomic.Int32
	done  chan struct{}
}

const (
	queued int32 = iota
	taken
	abandoned
)

// New starts a combiner.
func New[T any](cfg Config[T]) *Combiner[T] {
	if cfg.MaxWeight <= 0 {
		cfg.MaxWeight = 256
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 1024
	}
	c := &Combiner[T]{
		cfg:     cfg,
		queue:   make(chan *call[T], cfg.Queue),
		closing: make(chan struct{}),
		drained: make(chan struct{}),
	}
	go c.loop()
	return c
}

// Do runs the operation in some batch and returns when that is over; ok is
// false when the combiner was closed before the operation was taken. The
// context is honored until then, and not after: err is its cause.
func (c *Combiner[T]) Do(ctx context.Context, op T) (ok bool, err error) {
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	select {
	case <-c.closing:
		return false, nil
	default:
	}
	one := &call[T]{op: op, done: make(chan struct{})}
	select {
	case c.queue <- one:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-c.closing:
		return false, nil
	}
	select {
	case <-one.done:
		return true, nil
	case <-ctx.Done():
		if one.state.CompareAndSwap(queued, abandoned) {
			return false, context.Cause(ctx)
		}
	case <-c.drained:
		if one.state.CompareAndSwap(queued, abandoned) {
			return false, nil
		}
	}
	<-one.done
	return true, nil
}

// Close runs what is queued, and stops. Operations that come later are not
// run. It may be called more than once.
func (c *Combiner[T]) Close() {
	c.once.Do(func() { close(c.closing) })
	<-c.drained
}

func (c *Combiner[T]) loop() {
	defer close(c.drained)
	var calls []*call[T]
	var ops []T
	for {
		var first *call[T]
		select {
		case first = <-c.queue:
		case <-c.closing:
			select {
			case first = <-c.queue:
			default:
				return
			}
		}
		calls = c.collect(calls[:0], first)
		if len(calls) == 0 {
			continue
		}
		ops = ops[:0]
		for _, one := range calls {
			ops = append(ops, one.op)
		}
		c.cfg.Run(ops)
		c.patience.expected = len(calls) + len(c.queue)
		for _, one := range calls {
			close(one.done)
		}
		clear(calls)
		clear(ops)
		if c.cfg.Idle != nil {
			c.cfg.Idle()
		}
	}
}

// Those answered by a batch are often about to come back: without a step aside
// they would just miss the next one, and batches be half as large. The loop
// gives way to them while they keep coming, for no longer than a small part of
// a sync, and gives up on callers that have not come back before.
const (
	stepAside    = 40 * time.Microsecond // without anyone coming
	stepAsideMax = 300 * time.Microsecond
	// stepAsideYields ends it where the clock stands still, as in synctest.
	stepAsideYields = 1000
	// tryAgain is after how many batches it looks whether callers return.
	tryAgain = 4
)

// patience decides whether to step aside.
type patience struct {
	expected int // callers that may come: those just answered, and those waiting
	sulk     int // batches until the next try
}

func (c *Combiner[T]) collect(calls []*call[T], first *call[T]) []*call[T] {
	weight := 0
	take := func(one *call[T]) {
		if !one.state.CompareAndSwap(queued, taken) {
			return
		}
		calls = append(calls, one)
		if c.cfg.Weight == nil {
			weight++
		} else {
			weight += c.cfg.Weight(one.op)
		}
	}
	drain := func() {
		for weight < c.cfg.MaxWeight {
			select {
			case one := <-c.queue:
				take(one)
			default:
				return
			}
		}
	}
	take(first)
	drain()
	if c.patience.sulk > 0 {
		c.patience.sulk--
		return calls
	}
	before := len(calls)
	for start := time.Now(); len(calls) < c.patience.expected && weight < c.cfg.MaxWeight; {
		last := time.Now()
		have := len(calls)
		for range stepAsideYields {
			runtime.Gosched()
			if drain(); len(calls) > have || time.Since(last) > stepAside {
				break
			}
		}
		if len(calls) == have || time.Since(start) > stepAsideMax {
			break
		}
	}
	if before < c.patience.expected && len(calls) == before {
		c.patience.sulk = tryAgain
	}
	return calls
}
