package idempotency

import (
	"context"
	"iter"
	"slices"
)

// historyChunk is how many entries are allocated, and given back, together.
const historyChunk = 256

// memoryHistory keeps the entries in commit order, in chunks so that growing
// copies nothing, and chains those of each record from the latest back.
type memoryHistory struct {
	chunks []*[historyChunk]memoryEntry
	live   []int // entries left in each chunk
	last   uint64
	latest map[ID]uint64
}

// memoryEntry is an entry and the Seq of the same record's entry before it. A
// forgotten one has no Seq.
type memoryEntry struct {
	Entry
	before uint64
	// own is false for what was said under the id before the record was there.
	own bool
}

func newMemoryHistory() memoryHistory { return memoryHistory{latest: make(map[ID]uint64)} }

func (h *memoryHistory) add(e Entry, own bool) {
	if h.last%historyChunk == 0 {
		h.chunks = append(h.chunks, new([historyChunk]memoryEntry))
		h.live = append(h.live, 0)
	}
	h.last++
	e.Seq = h.last
	at := h.at(e.Seq)
	at.Entry, at.own = e, own
	h.live[len(h.live)-1]++
	if e.ID != "" {
		at.before = h.latest[e.ID]
		h.latest[e.ID] = e.Seq
	}
}

// at returns the place of an entry, nil when its chunk was given back.
func (h *memoryHistory) at(seq uint64) *memoryEntry {
	chunk := h.chunks[(seq-1)/historyChunk]
	if chunk == nil {
		return nil
	}
	return &chunk[(seq-1)%historyChunk]
}

// forget deletes a record's entries, and leaves those from before it was there.
func (h *memoryHistory) forget(id ID) {
	for seq := h.latest[id]; seq > 0; {
		at := h.at(seq)
		if !at.own {
			h.latest[id] = seq
			return
		}
		before := at.before
		*at = memoryEntry{}
		i := (seq - 1) / historyChunk
		if h.live[i]--; h.live[i] == 0 && int(i) < len(h.chunks)-1 {
			h.chunks[i] = nil
		}
		seq = before
	}
	delete(h.latest, id)
}

// page returns the next entries, at most a page of them.
func (h *memoryHistory) page(q EntryQuery) []Entry {
	var page []Entry
	if q.ID != "" {
		for seq := h.latest[q.ID]; seq > q.After; {
			at := h.at(seq)
			if q.Matches(&at.Entry) {
				page = append(page, at.Entry)
			}
			seq = at.before
		}
		slices.Reverse(page)
		return page
	}
	if q.After >= h.last {
		return nil
	}
	for seq := q.After + 1; seq <= h.last && len(page) < memoryPage; seq++ {
		if at := h.at(seq); at != nil && at.Seq != 0 && q.Matches(&at.Entry) {
			page = append(page, at.Entry)
		}
	}
	return page
}

// Entries implements [Store].
func (m *Memory) Entries(ctx context.Context, q EntryQuery) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		left := q.Limit
		for {
			if err := context.Cause(ctx); err != nil {
				yield(Entry{}, err)
				return
			}
			m.mu.Lock()
			page := m.history.page(q)
			m.mu.Unlock()
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				q.After = e.Seq
				if left--; left == 0 {
					return
				}
			}
			if len(page) < memoryPage {
				return
			}
		}
	}
}
