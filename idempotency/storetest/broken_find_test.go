package storetest

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/idempotency"
)

func readPieces() map[string]broken {
	return map[string]broken{
		"campaigns are not looked at": {editFind(func(q *idempotency.Query) { q.Campaign = "" }, once), []string{"find/a query finds what it names"}},
		"ids are not looked at": {editFind(func(q *idempotency.Query) { q.IDs = nil }, once), []string{
			"find/a query finds what it names", "find/a thousand ids are looked up at once",
		}},
		"any number of ids is looked up, and some are not": {editFind(func(q *idempotency.Query) {
			q.IDs = q.IDs[:min(len(q.IDs), idempotency.MaxQueryIDs)]
		}, once), []string{"find/a thousand ids are looked up at once"}},
		"ids are looked up by the hundred": {editFind(func(q *idempotency.Query) { q.IDs = q.IDs[:min(len(q.IDs), 100)] }, once), []string{
			"find/a thousand ids are looked up at once",
		}},
		"bare records have their jobs": {editFind(func(q *idempotency.Query) { q.Bare = false }, once), []string{
			"find/a bare record has all but its job, and is not written back",
		}},
		"a bare record does not say so": {func(f *fake) {
			find := f.find
			f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
				return func(yield func(*idempotency.Record, error) bool) {
					for r, err := range find(ctx, q) {
						if err == nil {
							c := *r
							c.Bare = false
							r = &c
						}
						if !yield(r, err) {
							return
						}
					}
				}
			}
		}, []string{"find/a bare record has all but its job, and is not written back"}},
		"bare records are written back": {eachChange(func(c *idempotency.Change) {
			if c.Record != nil && c.Record.Bare {
				r := *c.Record
				r.Bare = false
				c.Record = &r
			}
		}), []string{"find/a bare record has all but its job, and is not written back"}},
		"pruned references are forgotten": {func(f *fake) {
			find := f.find
			f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
				return func(yield func(*idempotency.Record, error) bool) {
					for r, err := range find(ctx, q) {
						if err == nil && r.Tombstone && q.Ref != "" {
							continue
						}
						if !yield(r, err) {
							return
						}
					}
				}
			}
		}, []string{"find/a reference is found for ever"}},
		"the last of a page is left out": {editFind(nil, func(n int) int {
			if n%50 == 0 {
				return 0
			}
			return 1
		}), []string{"find/pages join without gap or overlap", "find/what does not change is seen exactly once"}},
		"the last of a page is shown twice": {editFind(nil, func(n int) int { return 1 + n%50/49 }), []string{"find/what does not change is seen exactly once"}},
		"entries are forgotten": {eachChange(func(c *idempotency.Change) { c.Entries = nil }), []string{
			"entries/history comes in commit order", "entries/the feed shows each entry once while four write", "commit/changes of one call build on each other",
		}},
		"kinds are not looked at": {func(f *fake) {
			entries := f.entries
			f.entries = func(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
				q.Kinds = nil
				return entries(ctx, q)
			}
		}, []string{"entries/a query selects record, kinds and place"}},
		"entries become visible out of order": {func(f *fake) {
			entries := f.entries
			var hidden atomic.Uint64
			f.entries = func(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
				return func(yield func(idempotency.Entry, error) bool) {
					for e, err := range entries(ctx, q) {
						if e.Seq%7 == 0 && hidden.Swap(e.Seq) != e.Seq {
							continue // as if its number had been given before its commit
						}
						if !yield(e, err) {
							return
						}
					}
				}
			}
		}, []string{"entries/the feed shows each entry once while four write"}},
		"what is young is pruned": {func(f *fake) {
			prune := f.prune
			f.prune = func(ctx context.Context, before time.Time, limit int) (int, error) {
				return prune(ctx, before.Add(time.Minute), limit)
			}
		}, []string{"prune/pruning keeps what is younger or not final"}},
		"what is watched is pruned": {editRecord(func(r *idempotency.Record) {
			r.Submissions = slices.Clone(r.Submissions)
			for i := range r.Submissions {
				r.Submissions[i].NextWatch = time.Time{}
			}
		}), []string{"prune/what is watched for a late arrival is not pruned", "claim/what is watched for a late arrival is offered in every state"}},
		"pruning knows no limit": {func(f *fake) {
			prune := f.prune
			f.prune = func(ctx context.Context, before time.Time, _ int) (int, error) { return prune(ctx, before, 0) }
		}, []string{"prune/pruning takes bites and comes to an end"}},
		"tombstones forget the replay": {func(f *fake) {
			get := f.get
			f.get = func(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
				r, err := get(ctx, id)
				if err == nil && r.Tombstone {
					c := *r
					c.Run = ""
					r = &c
				}
				return r, err
			}
		}, []string{"prune/a tombstone keeps the key, and nothing of the person"}},
		"tombstones keep the person": {func(f *fake) {
			get := f.get
			f.get = func(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
				r, err := get(ctx, id)
				if err == nil && r.Tombstone {
					c := *r
					c.Contact = "contact 1"
					r = &c
				}
				return r, err
			}
		}, []string{"prune/a tombstone keeps the key, and nothing of the person"}},
	}
}
