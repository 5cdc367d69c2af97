package callback

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Inbox is the stored callbacks as a person sees them, who looks what failed and has it
// worked on again beside the services that receive. It needs neither endpoints nor
// secrets. It is safe for concurrent use.
type Inbox struct {
	store   client.Store
	inbox   idempotency.Inbox
	now     func() time.Time
	damaged func(context.Context, error) bool
}

// OpenInbox returns the inbox of a ledger. A nil clock is the machine's. The error has
// [postproof.CodeUnsupported] when the store has none.
func OpenInbox(store client.Store, clock postproof.Clock) (*Inbox, error) {
	engine, ok := store.(interface{ Inbox() idempotency.Inbox })
	if !ok {
		return nil, &postproof.Error{
			Code: postproof.CodeUnsupported, Delivery: postproof.NotSent, Op: "open inbox",
			Err: errors.New("the store has no inbox: use one with the method Inbox, as those of this module have"),
		}
	}
	if clock == nil {
		clock = postproof.SystemClock()
	}
	return &Inbox{
		store: store, inbox: engine.Inbox(), now: clock.Now,
		damaged: func(_ context.Context, err error) bool { return idempotency.AsDamaged(err) != nil },
	}, nil
}

// List yields stored callbacks in the order of receipt, one for each event.
// Tries and LastError say what went wrong; Body is the payload, which may hold
// personal data. A damaged message that may be meant is yielded in its place as an
// error that wraps an [idempotency.DamagedError], beside what can still be read of it,
// or nil; the list goes on behind it. After another error it yields no more.
func (b *Inbox) List(ctx context.Context, q Query) iter.Seq2[*idempotency.Message, error] {
	return func(yield func(*idempotency.Message, error) bool) {
		left := q.Limit
		for m, err := range b.among(ctx, &q) {
			if err != nil {
				err = storeError("list", err)
				if idempotency.AsDamaged(err) == nil {
					yield(nil, err)
					return
				}
			}
			if m != nil && !q.matches(m) {
				continue
			}
			if !yield(m, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// Replayed counts what [Inbox.Replay] did.
type Replayed struct {
	// Queued messages are worked on again, by Run or Drain.
	Queued int64
	// Purged ones have no payload any more; Busy ones are worked on right now.
	Purged, Busy int64
	// Damaged ones cannot be read: List names them, and what to do.
	Damaged int64
}

// Replay has the callbacks that the query selects worked on again, at once, with
// as many tries as a new one. What the ledger has already is not applied twice;
// the handler is called again. So Replay(ctx, Query{}) is for the time after the
// handler, or whatever failed, was mended.
func (b *Inbox) Replay(ctx context.Context, q Query) (Replayed, error) {
	var done Replayed
	q.Bare = false // events of a batch are told by what they hold
	var read []*idempotency.Message
	for m, err := range b.List(ctx, q) {
		if b.damaged(ctx, err) {
			done.Damaged++
			continue
		}
		if err != nil {
			return done, cmp.Or(b.replayAll(ctx, read, &done), err)
		}
		if m.Body != nil { // that it is there is enough; the message is the store's
			bare := *m
			bare.Body, m = []byte{}, &bare
		}
		if read = append(read, m); len(read) == replayBite {
			if err := b.replayAll(ctx, read, &done); err != nil {
				return done, err
			}
			read = read[:0]
		}
	}
	return done, b.replayAll(ctx, read, &done)
}

// replayBite is for how many messages it is looked at once which handlers run.
const replayBite = 100

// replayAll replays messages that were read. It looks which handlers run behind their
// reading: one that begins later has changed its message, so that it is not replayed.
func (b *Inbox) replayAll(ctx context.Context, read []*idempotency.Message, done *Replayed) error {
	waits := func(m *idempotency.Message) bool { return m.State == idempotency.MessageWaiting }
	var running map[uint64]bool
	if slices.ContainsFunc(read, waits) {
		var err error
		if running, err = b.running(ctx); err != nil {
			return err
		}
	}
	for _, m := range read {
		if running[m.ID] && waits(m) { // else what its handler returns would be lost
			done.Busy++
			continue
		}
		switch err := b.replay(ctx, m); {
		case err == nil:
			done.Queued++
		case errors.Is(err, errPurged):
			done.Purged++
		case errors.Is(err, errLost):
			done.Busy++
		default:
			return err
		}
	}
	return nil
}

func (b *Inbox) replay(ctx context.Context, m *idempotency.Message) error {
	now := b.now()
	if m.State == idempotency.MessageWaiting && m.Lease.Until.After(now) {
		return errLost
	}
	for range 8 {
		marks := []idempotency.Mark{{ID: m.ID, Expect: m.Fence, State: idempotency.MessageWaiting, Due: now}}
		if m.Body == nil {
			whole, err := b.batchOf(ctx, m)
			if err != nil {
				return err
			}
			if whole.State != idempotency.MessageWaiting { // it keeps the payload until its events are settled
				marks = append(marks, idempotency.Mark{ID: whole.ID, Expect: whole.Fence, State: idempotency.MessageWaiting, Due: now.Add(batchWait(whole.Fence))})
			}
		}
		err := idempotency.CommitOne(ctx, b.store, idempotency.Change{Marks: marks})
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, idempotency.ErrStale):
			return storeError("replay", err)
		case len(marks) == 1:
			return errLost
		}
		// Another event of the batch may have been replayed at the same time.
		again, err := b.message(ctx, m.ID)
		if err != nil {
			return err
		}
		if again.Fence != m.Fence {
			return errLost
		}
	}
	return errLost
}

// batchOf returns the batch that a message without a body is an event of, and errPurged
// where there is none that has the payload.
func (b *Inbox) batchOf(ctx context.Context, m *idempotency.Message) (*idempotency.Message, error) {
	id, _, ok := partIn(m)
	if !ok {
		return nil, errPurged
	}
	whole, err := b.message(ctx, id)
	if err == nil && whole.Body == nil {
		return nil, errPurged
	}
	return whole, err
}

// message reads one message.
func (b *Inbox) message(ctx context.Context, id uint64) (*idempotency.Message, error) {
	for m, err := range b.inbox.List(ctx, idempotency.MessageQuery{After: id - 1, Limit: 1}) {
		if err != nil {
			return nil, storeError("read message", err)
		}
		if m.ID == id {
			return m, nil
		}
	}
	return nil, &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.Unknown, Op: "read message", Err: idempotency.ErrNotFound}
}
