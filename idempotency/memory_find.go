package idempotency

import (
	"context"
	"iter"
	"slices"
	"strings"
)

// memoryPage is how many rows an iterator takes while it holds the lock.
const memoryPage = 256

// Find implements [Store].
func (m *Memory) Find(ctx context.Context, q Query) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		if err := q.Check(); err != nil {
			yield(nil, err)
			return
		}
		after, left := q.After, q.Limit
		for {
			if err := context.Cause(ctx); err != nil {
				yield(nil, err)
				return
			}
			most := memoryPage
			if left > 0 {
				most = min(most, left)
			}
			page, more := m.findPage(q, after, most)
			for _, r := range page {
				after = r.ID
				if q.Bare {
					r = r.Strip()
				}
				if !yield(r, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// findPage returns the next records that match, at most so many, and whether there may be more.
func (m *Memory) findPage(q Query, after ID, most int) (page []*Record, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(q.IDs) > 0 {
		ids := q.Wanted()
		q.IDs = nil
		for _, id := range ids {
			if slot := m.records[id]; slot != nil && q.Matches(slot.Record) {
				page = append(page, slot.Record)
			}
		}
		return page, false
	}
	if q.Ref != "" || (q.Vendor != "" && q.VendorID != "") {
		for _, slot := range m.indexed(q) {
			if slot.ID > after && q.Matches(slot.Record) {
				page = append(page, slot.Record)
			}
		}
		slices.SortFunc(page, func(a, b *Record) int { return strings.Compare(string(a.ID), string(b.ID)) })
		return page, false
	}
	ids := m.sortedIDs()
	from, found := slices.BinarySearch(ids, after)
	if found {
		from++
	}
	for _, id := range ids[from:] {
		if r := m.records[id].Record; q.Matches(r) {
			if page = append(page, r); len(page) == most {
				return page, true
			}
		}
	}
	return page, false
}

// indexed returns the candidates of a query that an index answers.
func (m *Memory) indexed(q Query) []*memoryRecord {
	if q.Ref != "" {
		if slot := m.refs[q.Ref]; slot != nil {
			return []*memoryRecord{slot}
		}
		return nil
	}
	p := vendorPiece{q.Vendor, q.VendorID}
	if first := m.pieces[p]; first != nil {
		return append([]*memoryRecord{first}, m.shared[p]...)
	}
	return nil
}
