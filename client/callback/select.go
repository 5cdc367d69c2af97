package callback

import (
	"context"
	"iter"
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// messages are those of an inbox by id, with the errors that stand for damaged ones.
type messages = iter.Seq2[*idempotency.Message, error]

// among yields the messages among which those of a query are, and as few others as the
// inbox can tell apart: most that ever came in is of no interest to anybody, and a
// payload may be long.
func (b *Inbox) among(ctx context.Context, q *Query) messages {
	mq := idempotency.MessageQuery{Vendor: q.Vendor, After: q.After, Bare: q.Bare}
	states := q.States
	switch {
	case len(q.IDs) > 0:
		return b.each(ctx, mq, q.IDs)
	case len(states) == 0 && q.Unmatched:
		return b.matching(ctx, mq, q)
	case len(states) == 0:
		states = []idempotency.MessageState{idempotency.MessageParked, idempotency.MessageWaiting}
	}
	in := func(states ...idempotency.MessageState) messages {
		mq := mq
		mq.States = states
		return b.inbox.List(ctx, mq)
	}
	states = slices.Compact(slices.Sorted(slices.Values(states)))
	if slices.Equal(states, []idempotency.MessageState{idempotency.MessageParked, idempotency.MessageWaiting}) {
		return merged(in(states[0]), in(states[1])) // either is found by an index, both together are not
	}
	return in(states...)
}

// each yields single messages.
func (b *Inbox) each(ctx context.Context, mq idempotency.MessageQuery, ids []uint64) messages {
	return func(yield func(*idempotency.Message, error) bool) {
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			if id > mq.After && !b.one(ctx, mq, id, yield) {
				return
			}
		}
	}
}

// matching looks through all without their payloads, and reads those of a query.
func (b *Inbox) matching(ctx context.Context, mq idempotency.MessageQuery, q *Query) messages {
	return func(yield func(*idempotency.Message, error) bool) {
		bare := mq
		bare.Bare = true
		for m, err := range b.inbox.List(ctx, bare) {
			switch {
			case err != nil:
				if !yield(m, err) {
					return
				}
			case q.matches(m) && !b.one(ctx, mq, m.ID, yield):
				return
			}
		}
	}
}

func (b *Inbox) one(ctx context.Context, mq idempotency.MessageQuery, id uint64, yield func(*idempotency.Message, error) bool) bool {
	mq.After, mq.Limit = id-1, 1
	for m, err := range b.inbox.List(ctx, mq) {
		if at := placeOf(m, err); at == id || at == 0 {
			return yield(m, err)
		}
	}
	return true
}

// placeOf is a message's place in a list, 0 for an error that ends it.
func placeOf(m *idempotency.Message, err error) uint64 {
	if damaged := idempotency.AsDamaged(err); damaged != nil {
		return damaged.Message
	}
	if err != nil {
		return 0
	}
	return m.ID
}

// merged yields what two lists yield, by id. What changed its state while they are read
// may be in both; the later is the one.
func merged(a, b messages) messages {
	return func(yield func(*idempotency.Message, error) bool) {
		nextA, stopA := iter.Pull2(a)
		defer stopA()
		nextB, stopB := iter.Pull2(b)
		defer stopB()
		ma, errA, moreA := nextA()
		mb, errB, moreB := nextB()
		for moreA || moreB {
			switch same := moreA && moreB && ma != nil && mb != nil && ma.ID == mb.ID; {
			case same && ma.Fence < mb.Fence, moreA && (!moreB || placeOf(ma, errA) < placeOf(mb, errB)):
				if !same && !yield(ma, errA) {
					return
				}
				ma, errA, moreA = nextA()
			case same:
				mb, errB, moreB = nextB()
			default:
				if !yield(mb, errB) {
					return
				}
				mb, errB, moreB = nextB()
			}
		}
	}
}
