package idempotency

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/postproof/postproof"
)

// memoryBlobs has a lock of its own: artwork is large, and read while a
// submission is on its way.
type memoryBlobs struct {
	mu      sync.RWMutex
	content map[string][]byte
}

func newMemoryBlobs() memoryBlobs { return memoryBlobs{content: make(map[string][]byte)} }

// PutBlob implements [Blobs].
func (m *Memory) PutBlob(ctx context.Context, content io.Reader) (postproof.Blob, error) {
	if err := context.Cause(ctx); err != nil {
		return postproof.Blob{}, err
	}
	var kept bytes.Buffer
	blob, err := CopyBlob(&kept, content)
	if err != nil {
		return postproof.Blob{}, err
	}
	m.blobs.mu.Lock()
	defer m.blobs.mu.Unlock()
	m.blobs.content[blob.Digest] = kept.Bytes()
	return blob, nil
}

// OpenBlob implements [Blobs].
func (m *Memory) OpenBlob(ctx context.Context, blob postproof.Blob) (io.ReadCloser, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	m.blobs.mu.RLock()
	defer m.blobs.mu.RUnlock()
	content, ok := m.blobs.content[blob.Digest]
	if !ok {
		return nil, ErrNotFound
	}
	return VerifyBlob(io.NopCloser(bytes.NewReader(content)), blob), nil
}

// RemoveBlob implements [BlobRemover].
func (m *Memory) RemoveBlob(ctx context.Context, blob postproof.Blob) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	m.blobs.mu.Lock()
	defer m.blobs.mu.Unlock()
	delete(m.blobs.content, blob.Digest)
	return nil
}
