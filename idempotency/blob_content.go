package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/postproof/postproof"
)

// errEmptyBlob: empty artwork is a mistake further up, and has no valid name.
var errEmptyBlob = errors.New("idempotency: blob is empty")

// CopyBlob copies the content to w and returns its name. An empty content is
// an error.
func CopyBlob(w io.Writer, content io.Reader) (postproof.Blob, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), content)
	if err != nil {
		return postproof.Blob{}, err
	}
	if n == 0 {
		return postproof.Blob{}, errEmptyBlob
	}
	return postproof.Blob{Digest: hex.EncodeToString(h.Sum(nil)), Size: n}, nil
}

// VerifyBlob returns a reader of the content that ends in [ErrCorrupt] instead
// of io.EOF when the content is not what the name says.
func VerifyBlob(content io.ReadCloser, b postproof.Blob) io.ReadCloser {
	return &verifiedBlob{content: content, hash: sha256.New(), want: b}
}

type verifiedBlob struct {
	content io.ReadCloser
	hash    hash.Hash
	want    postproof.Blob
	size    int64
}

// Read implements [io.Reader].
func (v *verifiedBlob) Read(p []byte) (int, error) {
	n, err := v.content.Read(p)
	v.hash.Write(p[:n])
	v.size += int64(n)
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want.Digest || v.size != v.want.Size {
			return n, fmt.Errorf("%w: blob %s of %d bytes has %d bytes of digest %s", ErrCorrupt, v.want.Digest, v.want.Size, v.size, got)
		}
	}
	return n, err
}

// Close implements [io.Closer].
func (v *verifiedBlob) Close() error { return v.content.Close() }
