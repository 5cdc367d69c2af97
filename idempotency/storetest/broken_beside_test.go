package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

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
		"two states are read one after the other": {func(f *fake) {
			list := f.list
			f.list = func(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
				if len(q.States) != 2 {
					return list(ctx, q)
				}
				return func(yield func(*idempotency.Message, error) bool) {
					var all []*idempotency.Message
					for _, state := range q.States {
						one := q
						one.States = []idempotency.MessageState{state}
						for m, err := range list(ctx, one) {
							if err != nil {
								yield(nil, err)
								return
							}
							all = append(all, m)
						}
						time.Sleep(time.Millisecond)
					}
					slices.SortFunc(all, func(a, b *idempotency.Message) int { return cmp.Compare(a.ID, b.ID) })
					for i, m := range all {
						if q.Limit > 0 && i == q.Limit || !yield(m, nil) {
							return
						}
					}
				}
			}
		}, []string{"inbox/a message that changes its state is in the list of both"}},
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
			f.depth = func(ctx context.Context, campaign string) ([]idempotency.StateCount, error) {
				ds, err := depth(ctx, campaign)
				return slices.DeleteFunc(ds, func(d idempotency.StateCount) bool { return d.State != idempotency.Planned }), err
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
		"what is there is taken for whole": {func(f *fake) {
			f.putBlob = func(ctx context.Context, r io.Reader) (postproof.Blob, error) {
				return f.Engine.PutBlob(ctx, r)
			}
		}, []string{"blobs/spoiled content is mended by storing it again"}},
		"what is removed ends in the middle": {func(f *fake) {
			open, remove := f.open, f.remove
			var gone bool
			f.remove = func(ctx context.Context, b postproof.Blob) error { gone = true; return remove(ctx, b) }
			f.open = func(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
				r, err := open(ctx, b)
				if err != nil {
					return nil, err
				}
				gone = false
				return idempotency.VerifyBlob(cutOff{r, &gone}, b), nil
			}
		}, []string{"blobs/content that is removed while it is read is whole, or not there"}},
		"a reopen loses the last write": {func(f *fake) { f.lose = func(i, n int) bool { return i == n-1 } }, []string{
			"crash/what was acknowledged is there after a reopen",
		}},
		"a reopen loses each third write": {func(f *fake) { f.lose = func(i, _ int) bool { return i%3 == 1 } }, []string{
			"crash/what was acknowledged under load is there after a reopen", "crash/a ledger continues where it was",
		}},
	}
}

// cutOff ends when it is told to.
type cutOff struct {
	io.ReadCloser
	gone *bool
}

// Read implements [io.Reader].
func (c cutOff) Read(p []byte) (int, error) {
	if *c.gone {
		return 0, io.EOF
	}
	return c.ReadCloser.Read(p)
}
