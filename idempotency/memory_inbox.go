package idempotency

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"time"
)

// Inbox returns the ledger's inbox.
func (m *Memory) Inbox() Inbox { return (*inboxOfMemory)(m) }

// inboxOfMemory has the methods whose names a [Store] needs for records.
type inboxOfMemory Memory

// memoryInbox holds the messages by id, which counts from 1.
type memoryInbox struct {
	all  []*Message
	seen map[messageKey]uint64
	// waiting lists, in order, the ids of messages that may be claimed now or
	// later.
	waiting []uint64
}

type messageKey struct{ vendor, account, dedupe string }

func newMemoryInbox() memoryInbox { return memoryInbox{seen: make(map[messageKey]uint64)} }

func (b *memoryInbox) get(id uint64) *Message {
	if id == 0 || id > uint64(len(b.all)) {
		return nil
	}
	return b.all[id-1]
}

// nextWaiting returns the first id, from the one given on, of a message that waits; 0
// if there is none.
func (b *memoryInbox) nextWaiting(id uint64) uint64 {
	at, _ := slices.BinarySearch(b.waiting, id)
	if at == len(b.waiting) {
		return 0
	}
	return b.waiting[at]
}

func (b *memoryInbox) canMark(mark Mark) bool {
	m := b.get(mark.ID)
	return m != nil && m.Fence == mark.Expect
}

// mark replaces the message: readers may hold the old one.
func (b *memoryInbox) mark(mark Mark) {
	m := mark.Apply(b.get(mark.ID))
	b.all[mark.ID-1] = m
	at, there := slices.BinarySearch(b.waiting, m.ID)
	switch waits := m.State == MessageWaiting; {
	case waits && !there:
		b.waiting = slices.Insert(b.waiting, at, m.ID)
	case !waits && there:
		b.waiting = slices.Delete(b.waiting, at, at+1)
	}
}

// Put implements [Inbox].
func (b *inboxOfMemory) Put(ctx context.Context, msg *Message) (fresh bool, err error) {
	if err := cmp.Or(context.Cause(ctx), msg.Check()); err != nil {
		return false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	key := messageKey{msg.Vendor, msg.Account, msg.Dedupe}
	if id, ok := b.messages.seen[key]; ok {
		msg.ID = id
		return false, nil
	}
	msg.Prepare(b.clock)
	msg.ID = uint64(len(b.messages.all)) + 1
	kept := msg.clone()
	b.messages.seen[key] = msg.ID
	b.messages.all = append(b.messages.all, kept)
	if kept.State == MessageWaiting {
		b.messages.waiting = append(b.messages.waiting, kept.ID)
	}
	(*Memory)(b).sawTime(kept.ReceivedAt)
	return true, nil
}

// Claim implements [Inbox].
func (b *inboxOfMemory) Claim(ctx context.Context, req ClaimRequest) ([]*Message, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var claimed []*Message
	for _, id := range b.messages.waiting {
		if len(claimed) >= req.Limit {
			break
		}
		m := b.messages.get(id)
		if m.Due.After(req.Now) || m.Lease.Until.After(req.Now) {
			continue
		}
		leased := *m
		leased.Fence++
		leased.Lease = Lease{Owner: req.Owner, Until: req.Now.Add(req.Lease)}
		b.messages.all[id-1] = &leased
		claimed = append(claimed, leased.clone())
	}
	return claimed, nil
}

// List implements [Inbox].
func (b *inboxOfMemory) List(ctx context.Context, q MessageQuery) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		left, waits := q.Limit, slices.Equal(q.States, []MessageState{MessageWaiting})
		for id := q.After + 1; ; id++ {
			if err := context.Cause(ctx); err != nil {
				yield(nil, err)
				return
			}
			b.mu.Lock()
			if waits { // they are few among all that ever came in
				id = b.messages.nextWaiting(id)
			}
			m := b.messages.get(id)
			b.mu.Unlock()
			if m == nil {
				return
			}
			if !q.Matches(m) {
				continue
			}
			if q.Bare {
				bare := *m
				bare.Body = nil
				m = &bare
			}
			if !yield(m.clone(), nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// Purge implements [Inbox].
func (b *inboxOfMemory) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for i, m := range b.messages.all {
		if limit > 0 && n == limit {
			break
		}
		if m.Purgeable(before) {
			purged := *m
			purged.Body, purged.Header = nil, nil
			b.messages.all[i] = &purged
			n++
		}
	}
	return n, nil
}

// clone copies the message with its header and body: the caller owns both.
func (m *Message) clone() *Message {
	c := *m
	c.Header, c.Body = maps.Clone(m.Header), slices.Clone(m.Body)
	return &c
}
