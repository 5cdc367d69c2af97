package snapshottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/postproof/postproof/snapshot"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) Harness { return Harness{Store: snapshot.NewMemory()} })
}

func TestFolder(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) Harness {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "snapshots")
		open := func() (snapshot.Store, error) { return snapshot.OpenFolder(dir) }
		store, err := open()
		if err != nil {
			t.Fatal(err)
		}
		return Harness{Store: store, Reopen: open}
	})
}

// flaw is what a broken store does wrong.
type flaw string

const (
	sound          flaw = ""
	draftsListed   flaw = "a draft is listed"
	bytesChanged   flaw = "line ends are changed"
	alwaysCreated  flaw = "every commit has created the id"
	overwrites     flaw = "the last commit wins"
	keepsDiscarded flaw = "a discarded draft is there"
	discardsAll    flaw = "discard removes what was committed"
	emptyIsFound   flaw = "an unknown id opens as an empty file"
	missingIsEmpty flaw = "a missing file opens as an empty one"
	oneCursor      flaw = "readers share a position"
	unsorted       flaw = "ids are listed in descending order"
	deafList       flaw = "a listing does not stop"
	oneDraft       flaw = "all drafts are one"
	racyCommit     flaw = "a commit looks and then leaps"
	forgetful      flaw = "nothing outlives the process"
	dropsBlocks    flaw = "only the first bytes of a file are kept"
	keepsRemoved   flaw = "what was removed is there"
	removesAll     flaw = "a removal removes all"
	remembersID    flaw = "an id that was removed cannot be committed"
	undoes         flaw = "a removal does not outlive the process"
)

// broken is a store in memory with a flaw.
type broken struct {
	flaw   flaw
	mu     sync.Mutex
	all    map[snapshot.ID]files
	shared *brokenDraft
	cursor *bytes.Reader
	looked int
	two    chan struct{}
	undone files
}

func newBroken(f flaw) *broken {
	return &broken{flaw: f, all: map[snapshot.ID]files{}, two: make(chan struct{})}
}

type brokenDraft struct {
	store *broken
	mu    sync.Mutex
	files files
	id    snapshot.ID
	done  bool
}

func (b *broken) Begin(context.Context) (snapshot.Draft, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.flaw == oneDraft {
		if b.shared == nil {
			b.shared = &brokenDraft{store: b, files: files{}}
		}
		return b.shared, nil
	}
	d := &brokenDraft{store: b, files: files{}}
	if b.flaw == draftsListed {
		b.all[idOf('a')] = d.files
	}
	return d, nil
}

func (b *broken) Open(_ context.Context, id snapshot.ID, name string) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, ok := b.all[id]
	if !ok {
		if b.flaw == emptyIsFound {
			return io.NopCloser(bytes.NewReader(nil)), nil
		}
		return nil, snapshot.ErrNotFound
	}
	data, ok := all[name]
	if !ok && b.flaw != missingIsEmpty {
		return nil, fmt.Errorf("%w: %s is missing", snapshot.ErrCorrupt, name)
	}
	if b.flaw == bytesChanged {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	if b.flaw == oneCursor {
		if b.cursor == nil {
			b.cursor = bytes.NewReader(data)
		}
		return io.NopCloser(&locked{b}), nil
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// locked reads from the position that all readers share.
type locked struct{ b *broken }

func (l *locked) Read(p []byte) (int, error) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	return l.b.cursor.Read(p[:min(len(p), 512)])
}

func (b *broken) Remove(_ context.Context, id snapshot.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.flaw {
	case keepsRemoved:
	case removesAll:
		clear(b.all)
	case remembersID:
		b.all[id] = nil
	case undoes:
		b.undone = b.all[id]
		delete(b.all, id)
	default:
		delete(b.all, id)
	}
	return nil
}

func (b *broken) List(context.Context) iter.Seq2[snapshot.ID, error] {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []snapshot.ID
	for id := range b.all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if b.flaw == unsorted {
		slices.Reverse(ids)
	}
	return func(yield func(snapshot.ID, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) && b.flaw != deafList {
				return
			}
		}
	}
}

type brokenFile struct {
	bytes.Buffer
	d    *brokenDraft
	name string
}

func (f *brokenFile) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	data := f.Bytes()
	if f.d.store.flaw == dropsBlocks {
		data = data[:min(len(data), 64<<10)]
	}
	f.d.files[f.name] = append(f.d.files[f.name], data...)
	return nil
}

func (d *brokenDraft) Create(name string) (io.WriteCloser, error) {
	return &brokenFile{d: d, name: name}, nil
}

func (d *brokenDraft) Commit(_ context.Context, id snapshot.ID) (bool, error) {
	b := d.store
	if d.done {
		return false, errors.New("the draft is gone")
	}
	b.mu.Lock()
	_, there := b.all[id]
	if b.flaw == racyCommit {
		// Nobody goes on before two have looked.
		if b.looked++; b.looked == 2 {
			close(b.two)
		}
		b.mu.Unlock()
		<-b.two
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if !there || b.flaw == overwrites {
		b.all[id] = d.files
	}
	d.id = id
	return !there || b.flaw == alwaysCreated, nil
}

func (d *brokenDraft) Discard() error {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	switch {
	case d.store.flaw == keepsDiscarded && d.id == "":
		d.store.all[idOf('a')] = d.files
	case d.store.flaw == discardsAll && d.id != "":
		delete(d.store.all, d.id)
	}
	d.done = d.done || d.id == ""
	return nil
}

// recorder stands in for a *testing.T.
type recorder struct {
	ctx    context.Context
	mu     sync.Mutex
	failed []string
}

type stop struct{}

func (r *recorder) Context() context.Context { return r.ctx }
func (*recorder) Helper()                    {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stop{})
}

func fails(t *testing.T, c check, f flaw) (why []string) {
	t.Helper()
	r := &recorder{ctx: t.Context()}
	store := newBroken(f)
	h := Harness{Store: store, Reopen: func() (snapshot.Store, error) {
		if f == forgetful {
			return newBroken(sound), nil
		}
		if f == undoes {
			store.all[idOf('a')] = store.undone
		}
		return store, nil
	}}
	defer func() {
		if p := recover(); p != nil && p != any(stop{}) {
			r.Errorf("panic: %v", p)
		}
		why = r.failed
	}()
	c.run(r, h)
	return nil
}

// Every check fails on a store that breaks its rule, and passes on one that
// does not.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	breaks := map[string]flaw{
		"a draft is seen by nobody":               draftsListed,
		"a commit makes every byte appear":        bytesChanged,
		"an id is created once":                   alwaysCreated,
		"a second commit changes nothing":         overwrites,
		"a discarded draft leaves nothing":        keepsDiscarded,
		"discard after commit does nothing":       discardsAll,
		"an unknown id is not found":              emptyIsFound,
		"a missing file is corruption":            missingIsEmpty,
		"a file is read by many at a time":        oneCursor,
		"ids are listed in ascending order":       unsorted,
		"a listing may be broken off":             deafList,
		"drafts do not mix":                       oneDraft,
		"concurrent commits create one":           racyCommit,
		"what was committed outlives the process": forgetful,
		"a list is taken, opened and read":        dropsBlocks,

		"what was removed is gone":                          keepsRemoved,
		"removing leaves the others, and may be done again": removesAll,
		"what was removed may be committed again":           remembersID,
		"what was removed stays away":                       undoes,
	}
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, ok := breaks[c.name]
			if !ok {
				t.Fatal("no broken store for this check")
			}
			if why := fails(t, c, sound); len(why) > 0 {
				t.Errorf("a sound store fails: %q", why)
			}
			why := fails(t, c, f)
			if len(why) == 0 {
				t.Errorf("passes, although %s", f)
			}
			t.Logf("%s: %q", f, why)
		})
	}
}
