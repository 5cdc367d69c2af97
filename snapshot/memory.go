package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
)

// Memory is a [Store] that lives as long as the process. It is safe for
// concurrent use. The zero value is not usable; see [NewMemory].
type Memory struct {
	mu        sync.RWMutex
	snapshots map[ID]map[string][]byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{snapshots: map[ID]map[string][]byte{}} }

// Begin implements [Store].
func (m *Memory) Begin(context.Context) (Draft, error) {
	return &memoryDraft{store: m, files: map[string]*memoryFile{}}, nil
}

// Open implements [Store].
func (m *Memory) Open(_ context.Context, id ID, file string) (io.ReadCloser, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	files, ok := m.snapshots[id]
	if !ok {
		return nil, ErrNotFound
	}
	data, ok := files[file]
	if !ok {
		return nil, fmt.Errorf("%w: %s is missing", ErrCorrupt, file)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// List implements [Store].
func (m *Memory) List(context.Context) iter.Seq2[ID, error] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	ids := slices.Sorted(maps.Keys(m.snapshots))
	return func(yield func(ID, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// Remove implements [Store].
func (m *Memory) Remove(_ context.Context, id ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.snapshots, id)
	return nil
}

type memoryDraft struct {
	store *Memory
	files map[string]*memoryFile
}

type memoryFile struct{ bytes.Buffer }

// Close implements [io.Closer].
func (*memoryFile) Close() error { return nil }

// Create implements [Draft].
func (d *memoryDraft) Create(name string) (io.WriteCloser, error) {
	f := &memoryFile{}
	d.files[name] = f
	return f, nil
}

// Commit implements [Draft].
func (d *memoryDraft) Commit(_ context.Context, id ID) (bool, error) {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	if _, ok := d.store.snapshots[id]; ok {
		return false, nil
	}
	files := map[string][]byte{}
	for name, f := range d.files {
		files[name] = f.Bytes()
	}
	d.store.snapshots[id] = files
	return true, nil
}

// Discard implements [Draft].
func (d *memoryDraft) Discard() error {
	d.files = nil
	return nil
}
