package idempotency

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/postproof/postproof"
)

// Blobs returns the ledger's artwork.
func (m *Memory) Blobs() Blobs { return &m.blobs }

// memoryBlobs has a lock of its own: artwork is large, and read while a
// submission is on its way.
type memoryBlobs struct {
	mu      sync.RWMutex
	content map[string][]byte
}

func newMemoryBlobs() memoryBlobs { return memoryBlobs{content: make(map[string][]byte)} }

// Put implements [Blobs].
func (b *memoryBlobs) Put(ctx context.Context, content io.Reader) (postproof.Blob, error) {
	if err := context.Cause(ctx); err != nil {
		return postproof.Blob{}, err
	}
	var kept bytes.Buffer
	blob, err := CopyBlob(&kept, content)
	if err != nil {
		return postproof.Blob{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.content[blob.Digest]; !ok {
		b.content[blob.Digest] = kept.Bytes()
	}
	return blob, nil
}

// Open implements [Blobs].
func (b *memoryBlobs) Open(ctx context.Context, blob postproof.Blob) (io.ReadCloser, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	content, ok := b.content[blob.Digest]
	if !ok {
		return nil, ErrNotFound
	}
	return VerifyBlob(io.NopCloser(bytes.NewReader(content)), blob), nil
}
