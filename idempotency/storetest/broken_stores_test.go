package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// broken is a way to break a store, and the checks that must notice.
type broken struct {
	brk    func(f *fake)
	caught []string
}

// eachChange breaks changes one by one before they are committed.
func eachChange(edit func(c *idempotency.Change)) func(f *fake) {
	return func(f *fake) {
		commit := f.commit
		f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
			cs = slices.Clone(cs)
			for i := range cs {
				edit(&cs[i])
			}
			return commit(ctx, cs)
		}
	}
}

// swallow calls a refusal a success.
func swallow(which error) func(f *fake) {
	return func(f *fake) {
		commit := f.commit
		f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
			errs, err := commit(ctx, cs)
			for i := range errs {
				if errors.Is(errs[i], which) {
					errs[i] = nil
				}
			}
			return errs, err
		}
	}
}

// editRecord changes a copy of each record that is stored.
func editRecord(edit func(r *idempotency.Record)) func(f *fake) {
	return eachChange(func(c *idempotency.Change) {
		if c.Record != nil {
			r := *c.Record
			edit(&r)
			c.Record = &r
		}
	})
}

// editClaim changes what workers ask for.
func editClaim(edit func(req *idempotency.ClaimRequest)) func(f *fake) {
	return func(f *fake) {
		claim, claimMsg := f.claim, f.claimMsg
		f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
			edit(&req)
			return claim(ctx, req)
		}
		f.claimMsg = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
			edit(&req)
			return claimMsg(ctx, req)
		}
	}
}

// editFind changes the query, or drops and doubles what is found.
func editFind(q func(q *idempotency.Query), times func(n int) int) func(f *fake) {
	return func(f *fake) {
		inner := f.find
		f.find = func(ctx context.Context, query idempotency.Query) iter.Seq2[*idempotency.Record, error] {
			if q != nil {
				q(&query)
			}
			return func(yield func(*idempotency.Record, error) bool) {
				n := 0
				for r, err := range inner(ctx, query) {
					n++
					for range times(n) {
						if !yield(r, err) {
							return
						}
					}
				}
			}
		}
	}
}

func once(int) int { return 1 }

// dropCAS lets the last writer win.
func dropCAS(f *fake) {
	f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
		cs = slices.Clone(cs)
		for i := range cs {
			if r := cs[i].Record; r != nil && cs[i].Expect > 0 {
				if have, err := f.Engine.Get(ctx, r.ID); err == nil {
					forced := *r
					forced.Fence = have.Fence + 1
					cs[i].Record, cs[i].Expect = &forced, have.Fence
				}
			}
		}
		return f.Engine.Commit(ctx, cs)
	}
}

// inPieces commits the record, then all beside it, and stops in between when
// the context ends.
func inPieces(f *fake) {
	f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
		errs := make([]error, len(cs))
		failed := false
		for i, c := range cs {
			rest := c
			rest.Record, rest.Expect = nil, 0
			if errs[i] = idempotency.CommitOne(ctx, f.Engine, idempotency.Change{Record: c.Record, Expect: c.Expect}); errs[i] == nil {
				time.Sleep(50 * time.Microsecond)
				errs[i] = idempotency.CommitOne(ctx, f.Engine, rest)
			}
			if errors.Is(errs[i], context.DeadlineExceeded) {
				return nil, errs[i]
			}
			failed = failed || errs[i] != nil
		}
		if !failed {
			return nil, nil
		}
		return errs, nil
	}
}

func commitPieces() map[string]broken {
	return map[string]broken{
		"compare-and-set is dropped": {dropCAS, []string{
			"commit/a stale fence changes nothing", "claim/a stale fence can do nothing after a new claim", "concurrency/each fence is won by one",
		}},
		"a second creation succeeds": {swallow(idempotency.ErrExists), []string{
			"commit/a key is created once", "concurrency/64 create one key, one record is there", "prune/a tombstone keeps the key, and nothing of the person",
		}},
		"references are not checked": {swallow(idempotency.ErrRefTaken), []string{
			"commit/a reference belongs to one record for ever", "commit/references that look alike are two",
		}},
		"references are known by a digest": {func(f *fake) {
			commit, taken := f.commit, map[[8]byte]idempotency.ID{}
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				for _, c := range cs {
					for i := range c.Record.Submissions {
						sum := sha256.Sum256([]byte(c.Record.Submissions[i].Ref))
						if owner := taken[[8]byte(sum[:8])]; owner != "" && owner != c.Record.ID {
							return []error{idempotency.ErrRefTaken}, nil
						}
						taken[[8]byte(sum[:8])] = c.Record.ID
					}
				}
				return commit(ctx, cs)
			}
		}, []string{"commit/references that look alike are two"}},
		"changes are made in pieces": {inPieces, []string{
			"commit/a change that fails at its last precondition leaves nothing", "concurrency/a context that ends never half-applies",
		}},
		"marks are made before the record is looked at": {func(f *fake) {
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				for _, c := range cs {
					_, _ = f.Engine.Commit(ctx, []idempotency.Change{{Marks: c.Marks}})
				}
				cs = slices.Clone(cs)
				for i := range cs {
					cs[i].Marks = nil
				}
				return f.Engine.Commit(ctx, cs)
			}
		}, []string{"inbox/a mark settles a message in one step with its change"}},
		"one bad change fails all": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				errs, err := commit(ctx, cs)
				if errs != nil {
					return nil, errBroken
				}
				return errs, err
			}
		}, []string{"commit/one bad change does not fail its neighbors"}},
		"changes are made in reverse": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				cs = slices.Clone(cs)
				slices.Reverse(cs)
				errs, err := commit(ctx, cs)
				slices.Reverse(errs)
				return errs, err
			}
		}, []string{"commit/changes of one call build on each other"}},
		"nothing is checked": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				errs, err := commit(ctx, cs)
				for i := range errs {
					if cs[i].Check() != nil {
						errs[i] = nil
					}
				}
				return errs, err
			}
		}, []string{"commit/a change that no store may accept is refused"}},
		"changes without a record are dropped": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				return commit(ctx, slices.DeleteFunc(slices.Clone(cs), func(c idempotency.Change) bool { return c.Record == nil }))
			}
		}, []string{"commit/a change without a record is a change"}},
		"what is newer is changed": {swallow(idempotency.ErrNewer), []string{"commit/what a newer version wrote stays untouched"}},
		"contexts are ignored": {func(f *fake) {
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				return f.Engine.Commit(context.WithoutCancel(ctx), cs)
			}
			find := f.find
			f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
				return find(context.WithoutCancel(ctx), q)
			}
		}, []string{"commit/a context that is over changes nothing", "find/a list may be left early"}},
		"long lists are cut off": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				errs, err := commit(ctx, cs[:min(len(cs), 1000)])
				if errs != nil {
					errs = append(errs, make([]error, len(cs)-len(errs))...)
				}
				return errs, err
			}
		}, []string{"commit/thousands of changes in one call"}},
	}
}

func recordPieces() map[string]broken {
	return map[string]broken{
		"a field is lost": {editRecord(func(r *idempotency.Record) { r.Refusal = idempotency.Refusal{} }), []string{"record/a record comes back as it was given"}},
		"times are kept to the microsecond": {editRecord(func(r *idempotency.Record) { r.Due = r.Due.Truncate(time.Microsecond) }), []string{
			"record/a time survives to the nanosecond and across zones", "claim/nothing is offered early",
		}},
		"jobs are made compact": {editRecord(func(r *idempotency.Record) {
			var b bytes.Buffer
			if json.Compact(&b, r.Job) == nil {
				r.Job = b.Bytes()
			}
		}), []string{"record/a job keeps its bytes"}},
		"a job is only written once": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				cs = slices.Clone(cs)
				for i := range cs {
					if cs[i].Record == nil || cs[i].Expect == 0 {
						continue
					}
					if old, err := f.get(ctx, cs[i].Record.ID); err == nil {
						r := *cs[i].Record
						r.Job = old.Job
						cs[i].Record = &r
					}
				}
				return commit(ctx, cs)
			}
		}, []string{"record/a job may be replaced, go, and come back"}},
		"jobs are cut at a megabyte": {editRecord(func(r *idempotency.Record) { r.Job = r.Job[:min(len(r.Job), 1<<20)] }), []string{"record/a large record comes back"}},
		"what is missing is nil": {func(f *fake) {
			get := f.get
			f.get = func(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
				r, err := get(ctx, id)
				if errors.Is(err, idempotency.ErrNotFound) {
					err = nil
				}
				return r, err
			}
		}, []string{"record/what is not there is not found"}},
		"records are changed in place": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				olds := make([]*idempotency.Record, len(cs))
				for i := range cs {
					if cs[i].Record != nil {
						olds[i], _ = f.Engine.Get(ctx, cs[i].Record.ID)
					}
				}
				errs, err := commit(ctx, cs)
				for i, old := range olds {
					if old != nil && (errs == nil || errs[i] == nil) {
						old.State = cs[i].Record.State
					}
				}
				return errs, err
			}
		}, []string{"record/readers share what they read with nobody's changes"}},
	}
}

func claimPieces() map[string]broken {
	var fastest atomic.Int64
	return map[string]broken{
		"work comes in another order": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				rs, err := claim(ctx, req)
				slices.Reverse(rs)
				return rs, err
			}
		}, []string{"claim/work comes by priority, in turns, by due time and id"}},
		"turns begin anew with each claim": {editClaim(func(req *idempotency.ClaimRequest) { req.Served = "" }), []string{"claim/campaigns take turns in small claims, too"}},
		"work is offered early": {editClaim(func(req *idempotency.ClaimRequest) { req.Now = req.Now.Add(time.Second) }), []string{
			"claim/nothing is offered early", "claim/a lease holds until it ends, and no longer", "inbox/messages are claimed oldest first, when due",
		}},
		"the fastest clock counts": {editClaim(func(req *idempotency.ClaimRequest) {
			fastest.Store(max(fastest.Load(), req.Now.UnixNano()))
			req.Now = time.Unix(0, fastest.Load())
		}), []string{"claim/a clock that runs back is offered nothing early"}},
		"leases are not kept": {editClaim(func(req *idempotency.ClaimRequest) { req.Lease = 0 }), []string{
			"claim/a lease holds until it ends, and no longer", "inbox/a message is leased to one, until the lease ends",
			"claim/a claim tells what it did", "crash/a ledger continues where it was",
		}},
		"extensions are not kept": {editRecord(func(r *idempotency.Record) { r.Lease = idempotency.Lease{} }), []string{"claim/an extended lease is not offered"}},
		"the fence of a claim does not grow": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				rs, err := claim(ctx, req)
				for i, r := range rs {
					c := *r
					c.Fence--
					rs[i] = &c
				}
				return rs, err
			}
		}, []string{"claim/a claim tells what it did"}},
		"everything is offered": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				rs, err := claim(ctx, req)
				for r, err := range f.Engine.Find(ctx, idempotency.Query{States: []idempotency.State{idempotency.Held}}) {
					if err != nil {
						return nil, err
					}
					rs = append(rs, r)
				}
				return rs, err
			}
		}, []string{"claim/only states with work are offered"}},
		"only states with work are claimed": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				rs, err := claim(ctx, req)
				return slices.DeleteFunc(rs, func(r *idempotency.Record) bool { return !r.State.Workable() }), err
			}
		}, []string{"claim/what is watched for a late arrival is offered in every state"}},
		"a watch is not looked at before the record is due": {func(f *fake) {
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				rs, err := claim(ctx, req)
				return slices.DeleteFunc(rs, func(r *idempotency.Record) bool { return r.Due.After(req.Now) }), err
			}
		}, []string{"claim/what is watched for a late arrival is offered in every state"}},
		"now and then work is offered twice": {func(f *fake) {
			var last *idempotency.Record
			n := 0
			claim := f.claim
			f.claim = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
				rs, err := claim(ctx, req)
				if n++; len(rs) > 10 && n%10 == 0 {
					rs[0] = last
				}
				if len(rs) > 0 {
					last = rs[len(rs)-1]
				}
				return rs, err
			}
		}, []string{"claim/two claimers never share"}},
	}
}

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

func inboxPieces() map[string]broken {
	return map[string]broken{
		"nothing is deduplicated": {func(f *fake) {
			put := f.put
			f.put = func(ctx context.Context, m *idempotency.Message) (bool, error) {
				m.Dedupe = fmt.Sprint(m.Dedupe, rand.Int())
				return put(ctx, m)
			}
		}, []string{
			"inbox/a message is stored once", "inbox/many senders of one message store it once", "inbox/purging keeps what waits and what deduplicates",
		}},
		"readers share a message": {func(f *fake) {
			var mu sync.Mutex
			shared := map[uint64]*idempotency.Message{}
			list := f.list
			f.list = func(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
				return func(yield func(*idempotency.Message, error) bool) {
					for m, err := range list(ctx, q) {
						mu.Lock()
						if have := shared[m.ID]; have != nil && have.Fence == m.Fence {
							m = have
						}
						shared[m.ID] = m
						mu.Unlock()
						if !yield(m, err) {
							return
						}
					}
				}
			}
		}, []string{"inbox/a message comes back as it was given"}},
		"an account is not looked at": {func(f *fake) {
			put := f.put
			f.put = func(ctx context.Context, m *idempotency.Message) (bool, error) { m.Account = ""; return put(ctx, m) }
		}, []string{"inbox/a message is stored once"}},
		"the youngest message comes first": {func(f *fake) {
			claim := f.claimMsg
			f.claimMsg = func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
				ms, err := claim(ctx, req)
				slices.Reverse(ms)
				return ms, err
			}
		}, []string{"inbox/messages are claimed oldest first, when due"}},
		"failures are forgotten": {eachChange(func(c *idempotency.Change) {
			c.Marks = slices.Clone(c.Marks)
			for i := range c.Marks {
				c.Marks[i].Error = ""
			}
		}), []string{"inbox/failures are counted and rescheduled"}},
		"nothing is purged": {func(f *fake) {
			f.purge = func(context.Context, time.Time, int) (int, error) { return 0, nil }
		}, []string{"inbox/purging keeps what waits and what deduplicates"}},
		"all messages are listed": {func(f *fake) {
			list := f.list
			f.list = func(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
				q.States = nil
				return list(ctx, q)
			}
		}, []string{"inbox/a list selects states, vendor and place"}},
	}
}

func besidePieces() map[string]broken {
	return map[string]broken{
		"limits are not looked at": {eachChange(func(c *idempotency.Change) {
			c.Counters = slices.Clone(c.Counters)
			for i := range c.Counters {
				c.Counters[i].Limit = 0
			}
		}), []string{
			"counters/a counter adds up, never below zero, never past its limit", "counters/many callers never pass a limit together",
			"commit/a change that fails at its last precondition leaves nothing",
		}},
		"settings are overwritten": {func(f *fake) {
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				cs = slices.Clone(cs)
				for i := range cs {
					cs[i].Settings = slices.Clone(cs[i].Settings)
					for j := range cs[i].Settings {
						s, _ := f.Setting(ctx, cs[i].Settings[j].Name)
						cs[i].Settings[j].Expect = s.Version
					}
				}
				return commit(ctx, cs)
			}
		}, []string{"counters/a setting is written only by who has read it"}},
		"prefixes are not looked at": {func(f *fake) {
			settings := f.settings
			f.settings = func(ctx context.Context, _ string) iter.Seq2[idempotency.Setting, error] { return settings(ctx, "") }
		}, []string{"counters/settings are listed by prefix and name"}},
		"the identity changes": {func(f *fake) {
			identity := f.identity
			f.identity = func(ctx context.Context) (idempotency.Identity, error) {
				id, err := identity(ctx)
				id.Namespace = idempotency.NewNamespace()
				return id, err
			}
		}, []string{"ledger/a ledger knows who it is", "crash/what was acknowledged is there after a reopen"}},
		"any epoch is accepted": {func(f *fake) {
			accept := f.accept
			f.accept = func(ctx context.Context, _ string, ns idempotency.Namespace) error { return accept(ctx, "memory", ns) }
		}, []string{"ledger/a new ledger has nothing to recover from"}},
		"an epoch is not looked at": {eachChange(func(c *idempotency.Change) { c.Epoch = "" }), []string{"ledger/a change of another epoch is not made"}},
		"an epoch is compared with that of the open": {func(f *fake) {
			opened, _ := f.identity(context.Background())
			eachChange(func(c *idempotency.Change) {
				if c.Epoch == opened.Epoch {
					c.Epoch = ""
				}
			})(f)
		}, []string{"ledger/a change of another epoch is not made"}},
		"the newest time is that of the last write": {func(f *fake) {
			var last time.Time
			commit := f.commit
			f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
				for _, c := range cs {
					if c.Record != nil {
						last = c.Record.UpdatedAt
					}
				}
				return commit(ctx, cs)
			}
			identity := f.identity
			f.identity = func(ctx context.Context) (idempotency.Identity, error) {
				id, err := identity(ctx)
				id.Newest = last
				return id, err
			}
		}, []string{"ledger/the newest time never runs back"}},
		"depth counts only what is planned": {func(f *fake) {
			depth := f.depth
			f.depth = func(ctx context.Context, campaign string) ([]idempotency.Depth, error) {
				ds, err := depth(ctx, campaign)
				return slices.DeleteFunc(ds, func(d idempotency.Depth) bool { return d.State != idempotency.Planned }), err
			}
		}, []string{"ledger/depth counts every record in its place", "model/random work has the same outcome as in memory"}},
		"a second handle is another ledger": {func(f *fake) {
			f.second = func() (idempotency.Engine, error) { return idempotency.NewMemory(postproof.ModeTest), nil }
		}, []string{"concurrency/two handles are one ledger", "concurrency/64 create one key, one record is there"}},
		"blobs have the wrong size": {func(f *fake) {
			put := f.putBlob
			f.putBlob = func(ctx context.Context, r io.Reader) (postproof.Blob, error) {
				b, err := put(ctx, r)
				b.Size++
				return b, err
			}
		}, []string{"blobs/content comes back under its digest", "blobs/the same content has the same name"}},
		"missing blobs are empty": {func(f *fake) {
			open := f.open
			f.open = func(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
				r, err := open(ctx, b)
				if errors.Is(err, idempotency.ErrNotFound) {
					r, err = io.NopCloser(bytes.NewReader(nil)), nil
				}
				return r, err
			}
		}, []string{"blobs/what is not there is not found"}},
		"broken uploads are kept": {func(f *fake) {
			put := f.putBlob
			f.putBlob = func(ctx context.Context, r io.Reader) (postproof.Blob, error) {
				content, _ := io.ReadAll(r)
				return put(ctx, bytes.NewReader(content))
			}
		}, []string{"blobs/a broken upload leaves nothing"}},
		"content is not verified": {func(f *fake) {
			open := f.open
			f.open = func(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
				if f.spoiled[b.Digest] {
					return io.NopCloser(bytes.NewReader([]byte("hellO"))), nil
				}
				return open(ctx, b)
			}
		}, []string{"blobs/spoiled content is noticed"}},
		"a reopen loses the last write": {func(f *fake) { f.lose = func(i, n int) bool { return i == n-1 } }, []string{
			"crash/what was acknowledged is there after a reopen",
		}},
		"a reopen loses each third write": {func(f *fake) { f.lose = func(i, _ int) bool { return i%3 == 1 } }, []string{
			"crash/what was acknowledged under load is there after a reopen", "crash/a ledger continues where it was",
		}},
	}
}

// brokenStores has all of them by name.
func brokenStores() map[string]broken {
	all := map[string]broken{}
	for _, some := range []map[string]broken{commitPieces(), recordPieces(), claimPieces(), leftAlonePieces(), dependencePieces(), readPieces(), inboxPieces(), besidePieces()} {
		maps.Copy(all, some)
	}
	return all
}
