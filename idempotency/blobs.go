package idempotency

import (
	"context"
	"io"

	"github.com/postproof/postproof"
)

// Blobs keeps artwork by its content, once.
type Blobs interface {
	// PutBlob stores the content and returns its name. It is durable when PutBlob
	// returns. Storing the same content again is cheap and changes nothing, unless
	// what is there is damaged: then it is mended.
	PutBlob(ctx context.Context, content io.Reader) (postproof.Blob, error)
	// OpenBlob returns the content, or [ErrNotFound]. The digest is verified while
	// reading: the reader returns [ErrCorrupt] instead of io.EOF when the
	// content is not what the name says. Content that is removed while it is read
	// ([BlobRemover]) is read to its end, or ends in [ErrNotFound].
	OpenBlob(ctx context.Context, b postproof.Blob) (io.ReadCloser, error)
}
