package idempotency

import (
	"container/heap"
	"context"
	"iter"
	"slices"
	"strings"
	"time"
)

// workQueue orders the records that a worker may claim. Those whose time has
// not come wait in one heap by time; the others are ready, in a heap for each priority
// of what a campaign has planned and of the rest of it, so that leaving out what is
// planned costs nothing however much it is.
type workQueue struct {
	waiting *recordHeap
	ready   map[lane]*recordHeap
}

// lane is a part of a campaign that a claim may leave alone.
type lane struct {
	campaign string
	priority int
	planned  bool
}

func laneOf(r *Record) lane { return lane{r.Campaign, r.Priority, r.State == Planned} }

// leftAlone reports whether a claim leaves the lane alone.
func (l lane) leftAlone(req *ClaimRequest) bool {
	return l.planned && (slices.Contains(req.Skip, l.campaign) || (req.Least != nil && l.priority < *req.Least))
}

func newWorkQueue() workQueue {
	return workQueue{waiting: &recordHeap{less: soonerVisible}, ready: make(map[lane]*recordHeap)}
}

func soonerVisible(a, b *memoryRecord) bool { return a.visible.Before(b.visible) }

// claimedFirst is the order of [Store.Claim] in a campaign.
func claimedFirst(a, b *memoryRecord) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if c := a.work.Compare(b.work); c != 0 {
		return c < 0
	}
	return a.ID < b.ID
}

// add queues the record, if a worker may ever claim it.
func (q *workQueue) add(slot *memoryRecord) {
	var ever bool
	if slot.visible, ever = slot.VisibleAt(); ever {
		slot.work, _ = slot.WorkAt()
		q.waiting.push(slot)
	}
}

// remove takes the record out of the queue, if it is there.
func (q *workQueue) remove(slot *memoryRecord) {
	if slot.queue != nil {
		slot.queue.remove(slot)
	}
}

// turns is whose turn it is in a claim.
type turns struct {
	served   string
	priority int            // of what was taken last
	taken    map[string]int // from each campaign, of that priority
}

// before reports whether a, the first of its lane, is claimed before b, that of
// another one.
func (t *turns) before(a, b *memoryRecord) bool {
	if a.Campaign == b.Campaign {
		return claimedFirst(a, b)
	}
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if a.Priority == t.priority && t.taken[a.Campaign] != t.taken[b.Campaign] {
		return t.taken[a.Campaign] < t.taken[b.Campaign]
	}
	if behind := a.Campaign > t.served; behind != (b.Campaign > t.served) {
		return behind
	}
	return a.Campaign < b.Campaign
}

func (t *turns) take(slot *memoryRecord) {
	if slot.Priority != t.priority {
		clear(t.taken)
		t.priority = slot.Priority
	}
	t.taken[slot.Campaign]++
}

// firsts yields the first record of each lane that may be claimed. It leaves them in
// the queue.
func (q *workQueue) firsts(req *ClaimRequest) iter.Seq[*memoryRecord] {
	return func(yield func(*memoryRecord) bool) {
		for top := q.waiting.top(); top != nil && !top.visible.After(req.Now); top = q.waiting.top() {
			q.waiting.remove(top)
			in := laneOf(top.Record)
			ready := q.ready[in]
			if ready == nil {
				ready = &recordHeap{less: claimedFirst}
				q.ready[in] = ready
			}
			ready.push(top)
		}
		for in, ready := range q.ready {
			if len(ready.slots) == 0 {
				delete(q.ready, in)
				continue
			}
			if in.leftAlone(req) {
				continue
			}
			// Another worker's later clock may have called records ready.
			for top := ready.top(); top != nil; top = ready.top() {
				if !top.visible.After(req.Now) {
					if !yield(top) {
						return
					}
					break
				}
				ready.remove(top)
				q.waiting.push(top)
			}
		}
	}
}

// next returns the first record to claim, nil when there is none. It leaves it
// in the queue.
func (q *workQueue) next(req *ClaimRequest, turn *turns) *memoryRecord {
	var best *memoryRecord
	for first := range q.firsts(req) {
		if best == nil || turn.before(first, best) {
			best = first
		}
	}
	return best
}

// OldestDue implements [Backlog].
func (m *Memory) OldestDue(ctx context.Context, req ClaimRequest) (time.Time, error) {
	if err := context.Cause(ctx); err != nil {
		return time.Time{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var oldest *memoryRecord
	for first := range m.work.firsts(&req) {
		if oldest == nil || first.work.Before(oldest.work) {
			oldest = first
		}
	}
	if oldest == nil {
		return time.Time{}, nil
	}
	return oldest.work, nil
}

// Claim implements [Store].
func (m *Memory) Claim(ctx context.Context, req ClaimRequest) ([]*Record, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var claimed []*Record
	turn := turns{served: req.Served, taken: map[string]int{}}
	for len(claimed) < req.Limit {
		slot := m.work.next(&req, &turn)
		if slot == nil {
			break
		}
		turn.take(slot)
		r := *slot.Record
		r.Fence++
		r.Lease = Lease{Owner: req.Owner, Until: req.Now.Add(req.Lease)}
		m.put(&r)
		// With no lease to speak of it would be claimed again at once.
		m.work.remove(slot)
		claimed = append(claimed, &r)
	}
	for _, r := range claimed {
		m.work.add(m.records[r.ID])
	}
	if len(claimed) > 0 {
		m.sawTime(req.Now)
	}
	return claimed, nil
}

// recordHeap is a heap whose members know their place in it.
type recordHeap struct {
	slots []*memoryRecord
	less  func(a, b *memoryRecord) bool
}

func (h *recordHeap) push(slot *memoryRecord) {
	slot.queue = h
	heap.Push(h, slot)
}

func (h *recordHeap) remove(slot *memoryRecord) {
	heap.Remove(h, slot.index)
	slot.queue = nil
}

func (h *recordHeap) top() *memoryRecord {
	if len(h.slots) == 0 {
		return nil
	}
	return h.slots[0]
}

// Len implements [heap.Interface].
func (h *recordHeap) Len() int { return len(h.slots) }

// Less implements [heap.Interface].
func (h *recordHeap) Less(i, j int) bool { return h.less(h.slots[i], h.slots[j]) }

// Swap implements [heap.Interface].
func (h *recordHeap) Swap(i, j int) {
	h.slots[i], h.slots[j] = h.slots[j], h.slots[i]
	h.slots[i].index, h.slots[j].index = i, j
}

// Push implements [heap.Interface].
func (h *recordHeap) Push(x any) {
	slot, _ := x.(*memoryRecord)
	slot.index = len(h.slots)
	h.slots = append(h.slots, slot)
}

// Pop implements [heap.Interface].
func (h *recordHeap) Pop() any {
	last := len(h.slots) - 1
	slot := h.slots[last]
	h.slots[last] = nil
	h.slots = h.slots[:last]
	return slot
}

// sortedIDs returns the ids of all records in order. The slice is only
// appended to and re-sorted under the lock: do not keep it.
func (m *Memory) sortedIDs() []ID {
	if m.sorted < len(m.ids) {
		slices.SortFunc(m.ids, func(a, b ID) int { return strings.Compare(string(a), string(b)) })
		m.sorted = len(m.ids)
	}
	return m.ids
}
