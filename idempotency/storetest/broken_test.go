package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// TestEachCheckCanFail runs the suite against stores that are broken on
// purpose: each must be found out by the checks named for what it breaks, and
// each check must find out at least one.
func TestEachCheckCanFail(t *testing.T) {
	t.Parallel()
	proven := map[string]bool{}
	for name, b := range brokenStores() {
		for _, c := range b.caught {
			proven[c] = true
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := failuresOf(t, b.brk, b.caught)
			if slices.Sort(b.caught); !slices.Equal(failed, b.caught) {
				t.Errorf("found out by %q, want by %q", failed, b.caught)
			}
		})
	}
	for _, c := range checks() {
		if !proven[c.topic+"/"+c.name] {
			t.Errorf("%s/%s: no broken store proves that it can fail", c.topic, c.name)
		}
	}
}

// TestUnbrokenStorePasses is the control: the same scaffold, nothing broken.
func TestUnbrokenStorePasses(t *testing.T) {
	t.Parallel()
	if failed := failuresOf(t, func(*fake) {}, nil); len(failed) > 0 {
		t.Errorf("a store with nothing broken fails %q", failed)
	}
}

// failuresOf returns, in order, which of the checks a broken store fails; no
// names mean all checks.
func failuresOf(t *testing.T, brk func(f *fake), names []string) []string {
	t.Helper()
	var failed []string
	for _, c := range checks() {
		if names != nil && !slices.Contains(names, c.topic+"/"+c.name) {
			continue
		}
		f := newFake(brk)
		rec := &recorder{ctx: t.Context()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if r := recover(); r != nil {
					rec.Errorf("panic: %v", r)
				}
			}()
			c.run(rec, f.harness())
		}()
		<-done
		if rec.failed() {
			failed = append(failed, c.topic+"/"+c.name)
		}
	}
	slices.Sort(failed)
	return failed
}

// recorder takes the place of a *testing.T.
type recorder struct {
	ctx context.Context

	mu   sync.Mutex
	said []string
}

func (r *recorder) Context() context.Context { return r.ctx }
func (*recorder) Helper()                    {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.said) > 0
}

// fake is a store in memory whose methods can be replaced. It keeps a journal
// of what was done, and does it again when it is reopened.
type fake struct {
	idempotency.Engine

	brk     func(f *fake)
	mu      sync.Mutex
	journal []func(ctx context.Context, e idempotency.Engine)
	// journaled is what each of the journal did, of those that are not like others.
	journaled map[int]string
	planted   map[idempotency.ID]*idempotency.Record
	spoiled   map[string]bool
	damaged   map[string]bool     // by its name
	lose      func(i, n int) bool // whether a reopen loses the i-th of n journal entries

	commit   func(ctx context.Context, cs []idempotency.Change) ([]error, error)
	claim    func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error)
	get      func(ctx context.Context, id idempotency.ID) (*idempotency.Record, error)
	find     func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error]
	entries  func(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error]
	prune    func(ctx context.Context, before time.Time, limit int) (int, error)
	identity func(ctx context.Context) (idempotency.Identity, error)
	accept   func(ctx context.Context, epoch string, ns idempotency.Namespace) error
	depth    func(ctx context.Context, campaign string) ([]idempotency.StateCount, error)
	oldest   func(ctx context.Context, req idempotency.ClaimRequest) (time.Time, error)
	settings func(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error]
	putBlob  func(ctx context.Context, r io.Reader) (postproof.Blob, error)
	open     func(ctx context.Context, b postproof.Blob) (io.ReadCloser, error)
	second   func() (idempotency.Engine, error)
	remove   func(ctx context.Context, b postproof.Blob) error
	scrub    func(ctx context.Context, whole bool) error

	breakHistory func() string

	put      func(ctx context.Context, m *idempotency.Message) (bool, error)
	claimMsg func(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error)
	list     func(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error]
	purge    func(ctx context.Context, before time.Time, limit int) (int, error)
}

type stoppedClock struct{ postproof.Clock }

func (stoppedClock) Now() time.Time { return epoch() }

func newFake(brk func(f *fake)) *fake {
	m := idempotency.NewMemory(postproof.ModeTest, idempotency.WithNamespace("00112233445566778899aabbccddeeff"), idempotency.WithClock(stoppedClock{}))
	f := &fake{Engine: m, brk: brk, planted: map[idempotency.ID]*idempotency.Record{}, journaled: map[int]string{}, spoiled: map[string]bool{}, damaged: map[string]bool{}, lose: func(int, int) bool { return false }}
	f.breakHistory = m.BreakHistory
	f.claim, f.prune, f.accept = m.Claim, m.Prune, m.AcceptEpoch
	f.entries, f.identity, f.depth, f.settings = m.Entries, m.Identity, m.Depth, m.Settings
	f.remove, f.oldest = m.RemoveBlob, m.OldestDue
	f.putBlob = func(ctx context.Context, r io.Reader) (postproof.Blob, error) {
		b, err := m.PutBlob(ctx, r)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.spoiled, b.Digest)
		return b, err
	}
	f.scrub = func(context.Context, bool) error { return nil }
	box := m.Inbox()
	f.put, f.claimMsg, f.list, f.purge = box.Put, box.Claim, box.List, box.Purge
	f.second = func() (idempotency.Engine, error) { return f, nil }
	f.commit = func(ctx context.Context, cs []idempotency.Change) ([]error, error) {
		if len(f.planted) == 0 {
			return m.Commit(ctx, cs)
		}
		errs := make([]error, len(cs))
		for i := range cs {
			switch {
			case f.planted[cs[i].Record.ID] == nil:
				errs[i] = idempotency.CommitOne(ctx, m, cs[i])
			case cs[i].Expect == 0:
				errs[i] = idempotency.ErrExists
			default:
				errs[i] = idempotency.ErrNewer
			}
		}
		return errs, nil
	}
	f.get = func(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
		if r := f.planted[id]; r != nil {
			return r, nil
		}
		return m.Get(ctx, id)
	}
	f.find = func(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
		if len(f.planted) > 0 {
			return func(yield func(*idempotency.Record, error) bool) {
				for _, r := range f.planted {
					if q.Matches(r) && !yield(r, nil) {
						return
					}
				}
			}
		}
		return m.Find(ctx, q)
	}
	f.open = func(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
		f.mu.Lock()
		spoiled := f.spoiled[b.Digest]
		f.mu.Unlock()
		if spoiled {
			return idempotency.VerifyBlob(io.NopCloser(&io.LimitedReader{R: rand.NewChaCha8([32]byte{}), N: b.Size}), b), nil
		}
		return m.OpenBlob(ctx, b)
	}
	f.mayBeDamaged()
	brk(f)
	return f
}

func (f *fake) harness() Harness {
	return Harness{
		small:  true,
		Engine: f,
		Second: func() (idempotency.Engine, error) { return f.second() },
		Reopen: func() (idempotency.Engine, error) {
			again := newFake(f.brk)
			f.mu.Lock()
			defer f.mu.Unlock()
			for i, do := range f.journal {
				if !f.lose(i, len(f.journal)) {
					do(context.Background(), again)
				}
			}
			return again, nil
		},
		Plant:        func(_ context.Context, r *idempotency.Record) error { f.planted[r.ID] = r; return nil },
		BreakHistory: func(context.Context) (string, error) { return f.breakHistory(), nil },
		Spoil:        func(b postproof.Blob) error { f.spoiled[b.Digest] = true; return nil },
		Damage:       func(_ context.Context, d idempotency.DamagedError) error { f.damaged[d.What()] = true; return nil },
	}
}

// log keeps what is to be done again, in the order in which it was done.
func (f *fake) log(do func(ctx context.Context, e idempotency.Engine)) {
	f.journal = append(f.journal, do)
}

// logAs is log with a name.
func (f *fake) logAs(what string, do func(ctx context.Context, e idempotency.Engine)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.journaled[len(f.journal)] = what
	f.log(do)
}

func (f *fake) Commit(ctx context.Context, cs []idempotency.Change) ([]error, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	errs, err := f.commit(ctx, cs)
	if err == nil {
		f.log(func(ctx context.Context, e idempotency.Engine) { _, _ = e.Commit(ctx, cs) })
	}
	return errs, err
}

func (f *fake) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log(func(ctx context.Context, e idempotency.Engine) { _, _ = e.Claim(ctx, req) })
	return f.claim(ctx, req)
}

func (f *fake) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	return f.get(ctx, id)
}

func (f *fake) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return f.find(ctx, q)
}

func (f *fake) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	return f.entries(ctx, q)
}

func (f *fake) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	f.logAs("prune", func(ctx context.Context, e idempotency.Engine) { _, _ = e.Prune(ctx, before, limit) })
	return f.prune(ctx, before, limit)
}

func (f *fake) Identity(ctx context.Context) (idempotency.Identity, error) { return f.identity(ctx) }

func (f *fake) AcceptEpoch(ctx context.Context, epoch string, ns idempotency.Namespace) error {
	f.logAs("accept", func(ctx context.Context, e idempotency.Engine) { _ = e.AcceptEpoch(ctx, epoch, ns) })
	return f.accept(ctx, epoch, ns)
}

func (f *fake) Depth(ctx context.Context, campaign string) ([]idempotency.StateCount, error) {
	return f.depth(ctx, campaign)
}

func (f *fake) OldestDue(ctx context.Context, req idempotency.ClaimRequest) (time.Time, error) {
	return f.oldest(ctx, req)
}

func (f *fake) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	return f.settings(ctx, prefix)
}

func (f *fake) PutBlob(ctx context.Context, r io.Reader) (postproof.Blob, error) {
	content, err := io.ReadAll(r)
	r = io.MultiReader(&sliceReader{content}, errReader{err})
	b, err := f.putBlob(ctx, r)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.log(func(ctx context.Context, e idempotency.Engine) { _, _ = e.PutBlob(ctx, &sliceReader{content}) })
	}
	return b, err
}

type sliceReader struct{ left []byte }

func (s *sliceReader) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) {
	if e.err == nil {
		return 0, io.EOF
	}
	return 0, e.err
}

func (f *fake) RemoveBlob(ctx context.Context, b postproof.Blob) error {
	f.logAs("remove", func(ctx context.Context, e idempotency.Engine) {
		if r, ok := e.(idempotency.BlobRemover); ok {
			_ = r.RemoveBlob(ctx, b)
		}
	})
	return f.remove(ctx, b)
}

func (f *fake) Scrub(ctx context.Context, whole bool) error { return f.scrub(ctx, whole) }

func (f *fake) OpenBlob(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
	return f.open(ctx, b)
}
func (f *fake) Inbox() idempotency.Inbox { return fakeInbox{f} }

type fakeInbox struct{ f *fake }

func (i fakeInbox) Put(ctx context.Context, m *idempotency.Message) (bool, error) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	again := *m
	again.Body, again.Header = slices.Clone(m.Body), maps.Clone(m.Header)
	fresh, err := i.f.put(ctx, m)
	if err == nil {
		i.f.log(func(ctx context.Context, e idempotency.Engine) { _, _ = e.Inbox().Put(ctx, &again) })
	}
	return fresh, err
}

func (i fakeInbox) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	i.f.log(func(ctx context.Context, e idempotency.Engine) { _, _ = e.Inbox().Claim(ctx, req) })
	return i.f.claimMsg(ctx, req)
}

func (i fakeInbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	return i.f.list(ctx, q)
}

func (i fakeInbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	i.f.logAs("purge", func(ctx context.Context, e idempotency.Engine) { _, _ = e.Inbox().Purge(ctx, before, limit) })
	return i.f.purge(ctx, before, limit)
}

var errBroken = errors.New("broken")
