package storetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

const (
	handlesAgree = "concurrency/what one handle does the other goes by"
	staysAway    = "crash/what was taken away stays away after a reopen"
	otherEpochs  = "ledger/a change of another epoch is not made"
)

// handle is a second handle, some methods of which do not hear of what others do.
type handle struct {
	idempotency.Engine

	commit   func(ctx context.Context, c idempotency.Change) error
	box      func() idempotency.Inbox
	identity func(ctx context.Context) (idempotency.Identity, error)
	blobs    idempotency.Blobs
}

func (h *handle) Commit(ctx context.Context, cs []idempotency.Change) ([]error, error) {
	errs := make([]error, len(cs))
	for i := range cs {
		errs[i] = h.commit(ctx, cs[i])
	}
	if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		errs = nil
	}
	return errs, nil
}

func (h *handle) Inbox() idempotency.Inbox { return h.box() }

func (h *handle) Identity(ctx context.Context) (idempotency.Identity, error) { return h.identity(ctx) }

func (h *handle) PutBlob(ctx context.Context, r io.Reader) (postproof.Blob, error) {
	return h.blobs.PutBlob(ctx, r)
}

func (h *handle) OpenBlob(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
	return h.blobs.OpenBlob(ctx, b)
}

// secondIs breaks the second handle only.
func secondIs(brk func(f *fake, h *handle)) func(f *fake) {
	return func(f *fake) {
		f.second = func() (idempotency.Engine, error) {
			h := &handle{Engine: f, box: f.Inbox, identity: f.Identity, blobs: f}
			h.commit = func(ctx context.Context, c idempotency.Change) error { return idempotency.CommitOne(ctx, f, c) }
			brk(f, h)
			return h, nil
		}
	}
}

// lentInbox claims, or puts, in another way.
type lentInbox struct {
	idempotency.Inbox

	put   func(ctx context.Context, m *idempotency.Message) (bool, error)
	claim func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error)
}

func (i lentInbox) Put(ctx context.Context, m *idempotency.Message) (bool, error) {
	return i.put(ctx, m)
}

func (i lentInbox) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
	return i.claim(ctx, req)
}

func handlePieces() map[string]broken {
	return map[string]broken{
		"a second handle remembers where records stand": {secondIs(func(f *fake, h *handle) {
			stand := map[idempotency.ID]uint64{}
			h.commit = func(ctx context.Context, c idempotency.Change) error {
				if r := c.Record; r != nil && c.Expect != 0 && stand[r.ID] == c.Expect {
					now, err := f.Get(ctx, r.ID)
					if err != nil {
						return err
					}
					again := *r
					c.Expect, again.Fence = now.Fence, now.Fence+1
					c.Record = &again
				}
				err := idempotency.CommitOne(ctx, f, c)
				if err == nil && c.Record != nil {
					stand[c.Record.ID] = c.Record.Fence
				}
				return err
			}
		}), []string{handlesAgree}},
		"a second handle remembers counters": {secondIs(func(f *fake, h *handle) {
			sums := map[string]int64{}
			h.commit = func(ctx context.Context, c idempotency.Change) error {
				c.Counters = slices.Clone(c.Counters)
				for i := range c.Counters {
					add := &c.Counters[i]
					if _, ok := sums[add.Name]; !ok {
						sums[add.Name], _ = f.Counter(ctx, add.Name)
					}
					if add.Exceeded(sums[add.Name]) {
						return idempotency.ErrLimit
					}
					sums[add.Name] = add.Sum(sums[add.Name])
					add.Limit = 0
				}
				return idempotency.CommitOne(ctx, f, c)
			}
		}), []string{handlesAgree}},
		"a second handle has references of its own": {secondIs(func(f *fake, h *handle) {
			h.commit = func(ctx context.Context, c idempotency.Change) error {
				err := idempotency.CommitOne(ctx, f, c)
				if errors.Is(err, idempotency.ErrRefTaken) {
					return nil
				}
				return err
			}
		}), []string{handlesAgree}},
		"a second handle remembers the epoch": {secondIs(func(f *fake, h *handle) {
			id, _ := f.Identity(context.Background())
			h.commit = func(ctx context.Context, c idempotency.Change) error {
				if c.Epoch == id.Epoch {
					c.Epoch = ""
				}
				return idempotency.CommitOne(ctx, f, c)
			}
		}), []string{handlesAgree}},
		"a second handle remembers who the ledger is": {secondIs(func(f *fake, h *handle) {
			id, err := f.Identity(context.Background())
			h.identity = func(context.Context) (idempotency.Identity, error) { return id, err }
		}), []string{handlesAgree}},
		"a second handle deduplicates what it has seen itself": {secondIs(func(f *fake, h *handle) {
			seen := map[string]bool{}
			box := f.Inbox()
			h.box = func() idempotency.Inbox {
				return lentInbox{Inbox: box, claim: box.Claim, put: func(ctx context.Context, m *idempotency.Message) (bool, error) {
					_, err := box.Put(ctx, m)
					fresh := !seen[m.Dedupe]
					seen[m.Dedupe] = true
					return fresh, err
				}}
			}
		}), []string{handlesAgree}},
		"a second handle does not know who has a message": {secondIs(func(f *fake, h *handle) {
			box := f.Inbox()
			h.box = func() idempotency.Inbox {
				return lentInbox{Inbox: box, put: box.Put, claim: func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
					req.Now = req.Now.Add(time.Hour)
					return box.Claim(ctx, req)
				}}
			}
		}), []string{handlesAgree}},
		"a second handle has artwork of its own": {secondIs(func(_ *fake, h *handle) {
			h.blobs = idempotency.NewMemory(postproof.ModeTest)
		}), []string{handlesAgree}},
		"an epoch is looked at for records only": {eachChange(func(c *idempotency.Change) {
			if c.Record == nil {
				c.Epoch = ""
			}
		}), []string{otherEpochs}},
		"a reopen brings back what was pruned":  {losing("prune"), []string{staysAway}},
		"a reopen brings back what was purged":  {losing("purge"), []string{staysAway}},
		"a reopen brings back what was removed": {losing("remove"), []string{staysAway}},
		"a reopen forgets what was accepted":    {losing("accept"), []string{staysAway}},
	}
}

// losing does not do again, when it is reopened, what has the name.
func losing(what string) func(f *fake) {
	return func(f *fake) {
		f.lose = func(i, _ int) bool { return f.journaled[i] == what }
	}
}
