package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/idempotency"
)

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

// brokenStores has all of them by name.
func brokenStores() map[string]broken {
	all := map[string]broken{}
	for _, some := range []map[string]broken{commitPieces(), recordPieces(), claimPieces(), leftAlonePieces(), oldestPieces(), dependencePieces(), readPieces(), inboxPieces(), besidePieces(), erasePieces(), handlePieces(), damagedPieces(), oddPieces()} {
		maps.Copy(all, some)
	}
	return all
}
