// Package pages lists what a database holds, a page at a time: no query is open
// while the caller works on what it was given.
package pages

import (
	"iter"
	"math"
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// Entries yields what matches the query. The function reads a page of at most
// the size given after q.After; of the query's other filters it may apply any or
// none. A page that is not full is the last.
func Entries(q idempotency.EntryQuery, size int, read func(q idempotency.EntryQuery) ([]idempotency.Entry, error)) iter.Seq2[idempotency.Entry, error] {
	return func(yield func(idempotency.Entry, error) bool) {
		q, left := q, q.Limit
		for q.After < math.MaxInt64 { // a column goes no further
			page, err := read(q)
			if err != nil {
				yield(idempotency.Entry{}, err)
				return
			}
			for i := range page {
				if q.Matches(&page[i]) {
					if !yield(page[i], nil) {
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
			q.After = page[len(page)-1].Seq
		}
	}
}

// Messages yields the messages of the states that are asked for. The function
// reads a page of at most the size given after q.After, by all but the states.
func Messages(q idempotency.MessageQuery, size int, read func(q idempotency.MessageQuery) ([]*idempotency.Message, error)) iter.Seq2[*idempotency.Message, error] {
	return func(yield func(*idempotency.Message, error) bool) {
		q, left := q, q.Limit
		for q.After < math.MaxInt64 {
			page, err := read(q)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, m := range page {
				q.After = m.ID
				if len(q.States) > 0 && !slices.Contains(q.States, m.State) {
					continue
				}
				if !yield(m, nil) {
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
