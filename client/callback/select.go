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
	mq.States = states // in one list: read one by one, what is parked in between would be in neither
	return b.inbox.List(ctx, mq)
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
