// Package pages lists what a database holds, a page at a time: no query is open
// while the caller works on what it was given.
package pages

import (
	"iter"
	"math"
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// Row is what was read of one row, and the [idempotency.DamagedError] of one that
// cannot be read whole.
type Row[T any] struct {
	Value T
	Err   error
}

// RowOf makes a row of what a scan has returned. An error that is not about one row
// alone is returned instead: then nothing that follows can be read either.
func RowOf[T any](value T, err error) (Row[T], error) {
	if idempotency.AsDamaged(err) == nil {
		return Row[T]{Value: value}, err
	}
	return Row[T]{value, err}, nil
}

// Entries yields what matches the query. The function reads a page of at most
// the size given after q.After; of the query's other filters it may apply any or
// none. A page that is not full is the last.
func Entries(q idempotency.EntryQuery, size int, read func(q idempotency.EntryQuery) ([]Row[idempotency.Entry], error)) iter.Seq2[idempotency.Entry, error] {
	return func(yield func(idempotency.Entry, error) bool) {
		q, left := q, q.Limit
		for q.After < math.MaxInt64 { // a column goes no further
			page, err := read(q)
			if err != nil {
				yield(idempotency.Entry{}, err)
				return
			}
			for i := range page {
				e, damaged := &page[i].Value, page[i].Err
				if meant := q.ID == "" || q.ID == e.ID; (damaged != nil && meant) || (damaged == nil && q.Matches(e)) {
					if !yield(*e, damaged) {
						return
					}
					if left--; left == 0 {
						return
					}
				}
			}
			if len(page) < size {
				return
			}
			q.After = page[len(page)-1].Value.Seq
		}
	}
}

// Few returns the states that the query is for, sorted, if few messages are in them among
// all that ever came in, else nil. Workers ask again and again for those that wait, and
// people for those that are parked, or for both. A store has an index of either.
func Few(q idempotency.MessageQuery) []idempotency.MessageState {
	states := slices.Compact(slices.Sorted(slices.Values(q.States)))
	for _, state := range states {
		if state != idempotency.MessageWaiting && state != idempotency.MessageParked {
			return nil
		}
	}
	return states
}

// Rows is how many rows of a page of so many are wanted at most. A row may hold a
// megabyte: where all that are read are meant, no more than these are.
func Rows(q idempotency.MessageQuery, size int) int {
	if q.Limit > 0 && (len(q.States) == 0 || len(Few(q)) > 0) {
		return min(size, q.Limit)
	}
	return size
}

// Messages yields the messages of the states that are asked for. The function
// reads a page of at most the size given, or of [Rows], after q.After; of the
// states it may ask for those that [Few] tells, or for none. It must read a page at
// once: what changes from one state to another meanwhile would be missed.
func Messages(q idempotency.MessageQuery, size int, read func(q idempotency.MessageQuery) ([]Row[*idempotency.Message], error)) iter.Seq2[*idempotency.Message, error] {
	return func(yield func(*idempotency.Message, error) bool) {
		q, left := q, q.Limit
		for q.After < math.MaxInt64 {
			page, err := read(q)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, row := range page {
				m := row.Value
				if m == nil { // nothing of it can be read
					q.After = idempotency.AsDamaged(row.Err).Message
				} else if q.After = m.ID; len(q.States) > 0 && !slices.Contains(q.States, m.State) {
					continue
				}
				if !yield(m, row.Err) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if len(page) < size {
				return
			}
		}
	}
}
