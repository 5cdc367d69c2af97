package callback

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Run works the inbox until the context ends: it applies callbacks to the
// ledger, calls the handler, purges what is old, and tells the owner of what
// needs a person. Then it claims nothing more, lets handlers finish, and returns
// nil. Any number of processes may run on one inbox. While the inbox is away it
// waits; an error means that waiting would not help, since the store was closed or must
// be opened again ([idempotency.ErrClosed], [idempotency.ErrReopen]).
func (r *Receiver) Run(ctx context.Context) error {
	err := r.work(ctx, func(context.Context) (bool, error) { return false, nil }, &Drained{})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to stop, and did
	}
	return err
}

// Drained is what a Drain did.
type Drained struct {
	// Applied events came into the ledger; Kept ones too, but said nothing new.
	Applied, Kept int64
	// Hints made the vendor be asked.
	Hints int64
	// Ignored events were of another account or mode.
	Ignored int64
	// Failures counts tries that failed; Parked events failed too often.
	Failures, Parked int64
}

// Drain works the inbox until no event waits: each was applied, ignored or
// parked. It waits for those that are due later. A callback with several events
// keeps its payload for those of them that are parked, and is not waited for, nor is
// a damaged message, which the log names. The error is that of the context when it
// ended first, or as of Run.
func (r *Receiver) Drain(ctx context.Context) (Drained, error) {
	var did Drained
	known := map[uint64]uint64{} // batches that rest, with the fence at which they do
	err := r.work(ctx, func(ctx context.Context) (bool, error) { return r.drained(ctx, known) }, &did)
	return did, err
}

// drained reports whether nothing waits but batches that have to wait for a person.
func (r *Receiver) drained(ctx context.Context, known map[uint64]uint64) (bool, error) {
	for m, err := range r.in.Inbox.List(ctx, waiting(0)) {
		if r.in.MeetDamaged(ctx, err) {
			continue // it waits for a person
		}
		if err != nil {
			return false, storeError("list", err)
		}
		if known[m.ID] == m.Fence {
			continue
		}
		rests, err := r.rests(ctx, m)
		if err != nil || !rests {
			return false, err
		}
		known[m.ID] = m.Fence
	}
	return true, nil
}

// work claims and works until finished says so or the context ends.
func (r *Receiver) work(ctx context.Context, finished func(context.Context) (bool, error), did *Drained) error {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p := &pool{r: r, ctx: working, slots: make(chan struct{}, r.concurrency), did: did, pieces: map[idempotency.ID][]*job{}}
	tending, stopTending := context.WithCancel(ctx)
	var tended sync.WaitGroup
	tended.Go(func() { r.tend(tending) })
	alarming, stopAlarming := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAlarming()
	tended.Go(func() { r.alarms.run(alarming) })
	err := p.loop(ctx, finished)
	stopTending()
	p.finish(stop)
	stop()
	stopAlarming() // behind the last one who may raise an alert
	tended.Wait()
	return err
}

// pool works on claimed messages, so many at a time, those of one piece one
// after the other.
type pool struct {
	r     *Receiver
	ctx   context.Context //nolint:containedctx // the work's own, longer than the loop's
	slots chan struct{}
	busy  sync.WaitGroup
	did   *Drained

	mu sync.Mutex
	// pieces holds what waits for a piece that is worked on. It takes no slot:
	// many events of one piece must not keep the others out.
	pieces map[idempotency.ID][]*job
	queued int
}

// full reports whether enough is claimed that waits for its piece.
func (p *pool) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queued >= 8*cap(p.slots)
}

func (p *pool) loop(ctx context.Context, finished func(context.Context) (bool, error)) error {
	r := p.r
	for failures := 0; ; {
		n, err := p.round(ctx)
		done := false
		if err == nil && n == 0 && len(p.slots) == 0 {
			done, err = finished(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, idempotency.ErrClosed), errors.Is(err, idempotency.ErrReopen):
			return err // neither gets better by waiting
		case err != nil:
			failures++
			r.in.Logger.LogAttrs(ctx, slog.LevelWarn, "the inbox cannot be read: waiting",
				slog.String("code", postproof.CodeOf(err).String()), slog.String("error", err.Error()), slog.Int("failures", failures))
			_ = postproof.Sleep(ctx, r.in.Clock, min(time.Duration(failures)*r.poll, 30*time.Second)) // the loop looks at the context
		case done:
			return nil
		default:
			failures = 0
			if n == 0 {
				r.idle(ctx)
			}
		}
	}
}

func (r *Receiver) idle(ctx context.Context) {
	wait := r.poll
	if r.in.Clock.Now().Sub(time.Unix(0, r.left.Load())) < strangeFor { // whoever knows it goes first
		wait += rand.N(r.poll + 1) //nolint:gosec // it spreads looks, and keeps no secret
	}
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-r.in.Clock.After(wait):
	}
}

// round claims what free slots can work on, and starts it.
func (p *pool) round(ctx context.Context) (int, error) {
	r := p.r
	select { // wait for a free slot
	case p.slots <- struct{}{}:
		<-p.slots
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if p.full() {
		return 0, nil
	}
	epoch := r.in.Epoch() // before the claim: a restored ledger may be behind it
	messages, err := r.in.Inbox.Claim(ctx, idempotency.ClaimRequest{
		Owner: r.in.Owner, Limit: cap(p.slots) - len(p.slots), Lease: r.lease, Now: r.in.Now(),
	})
	if r.in.MeetDamaged(ctx, err) {
		return 0, nil // it is out of the way of what is behind it
	}
	if err != nil {
		return 0, storeError("claim", err)
	}
	for _, m := range messages {
		c := &claim{epoch: epoch}
		if at, there := r.busy.LoadOrStore(m.ID, c); there { // its lease ran out while this process is at it
			at.(*claim).again(epoch, m.Fence) //nolint:errcheck // nothing else is stored
			continue
		}
		p.slots <- struct{}{}
		j := r.prepare(ctx, m, epoch)
		j.claim = c
		p.start(j)
	}
	return len(messages), nil
}

// start works on a message, after what was claimed before for the same piece. The
// slot is taken.
func (p *pool) start(j *job) {
	if j.rec == nil {
		p.busy.Go(func() {
			defer func() { <-p.slots }()
			p.one(j)
		})
		return
	}
	id := j.rec.ID
	p.mu.Lock()
	defer p.mu.Unlock()
	if queue, at := p.pieces[id]; at {
		p.pieces[id] = append(queue, j)
		p.queued++
		<-p.slots
		return
	}
	p.pieces[id] = nil
	p.busy.Go(func() {
		defer func() { <-p.slots }()
		for next := j; next != nil; next = p.next(id) {
			p.one(next)
		}
	})
}

func (p *pool) next(id idempotency.ID) *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	queue := p.pieces[id]
	if len(queue) == 0 {
		delete(p.pieces, id)
		return nil
	}
	p.pieces[id] = queue[1:]
	p.queued--
	return queue[0]
}

// one works on one message, and never lets a failure out: the inbox knows how
// far it has come.
func (p *pool) one(j *job) {
	defer func() {
		p.r.busy.Delete(j.m.ID)
		p.r.wakeUp()
	}()
	if p.ctx.Err() == nil && p.r.in.Now().Add(p.r.handlerTimeout).Before(j.m.Lease.Until) {
		p.r.process(p.ctx, j, p.did)
	} // else it waited too long for its turn, and comes up again
}

// finish waits for the work under way; after the grace the contexts of handlers
// end.
func (p *pool) finish(stop context.CancelFunc) {
	done := make(chan struct{})
	go func() {
		p.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-p.r.in.Clock.After(p.r.grace):
		stop()
		<-done
	}
}

func count(n *int64) { atomic.AddInt64(n, 1) }

// waiting asks for messages that wait, at most so many; 0 for all.
func waiting(most int) idempotency.MessageQuery {
	return idempotency.MessageQuery{States: []idempotency.MessageState{idempotency.MessageWaiting}, Limit: most}
}

// waiting counts messages that wait, up to depthMost, those that are damaged included.
func (r *Receiver) waiting(ctx context.Context) (n int, err error) {
	q := waiting(depthMost)
	q.Bare = true
	for _, err := range r.in.Inbox.List(ctx, q) {
		if err != nil && !r.in.MeetDamaged(ctx, err) {
			return n, storeError("list", err)
		}
		n++
	}
	return n, nil
}
