package idempotency

import (
	"context"
	"io"

	"github.com/postproof/postproof"
)

// Blobs keeps artwork by its content, once.
type Blobs interface {
	// Put stores the content and returns its name. It is durable when Put
	// returns. Storing the same content again is cheap and changes nothing.
	Put(ctx context.Context, content io.Reader) (postproof.Blob, error)
	// Open returns the content, or [ErrNotFound]. The digest is verified while
	// reading: the reader returns [ErrCorrupt] instead of io.EOF when the
	// content is not what the name says.
	Open(ctx context.Context, b postproof.Blob) (io.ReadCloser, error)
}
