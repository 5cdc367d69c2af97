package vendors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/postproof/postproof"
)

// Body is an encoded request body: fixed bytes and artwork blobs in turn, so
// that a file of any size is streamed from the blob store for each attempt
// and never held in memory. A Body is immutable and safe for concurrent use.
type Body struct {
	// Encoder names the encoder and its version, as in "lob/1". Bytes may
	// change only together with it.
	Encoder string
	// ContentType is the value of the header.
	ContentType string
	// Content is a short digest of what the paper will show, made by the
	// adapter when its vendor can carry it back; see [Facts].
	Content string

	segments []segment
	first    [1]segment // of a body that is one document
	open     func(context.Context, postproof.Blob) (io.ReadCloser, error)
	length   int64
	digest   string
	parts    []*Body // of JoinBodies
}

type segment struct {
	fixed []byte
	blob  postproof.Blob
}

// BodyBuilder puts a [Body] together. The zero value is ready for use.
type BodyBuilder struct {
	body Body
}

// Bytes appends fixed bytes, which the caller must not change afterwards.
func (b *BodyBuilder) Bytes(p []byte) *BodyBuilder {
	b.body.segments = append(b.body.segments, segment{fixed: p})
	b.body.length += int64(len(p))
	return b
}

// Blob appends the content of a blob.
func (b *BodyBuilder) Blob(blob postproof.Blob) *BodyBuilder {
	b.body.segments = append(b.body.segments, segment{blob: blob})
	b.body.length += blob.Size
	return b
}

// Build returns the body. The function opens blobs and may be nil when there
// are none.
func (b *BodyBuilder) Build(encoder, contentType string, open func(context.Context, postproof.Blob) (io.ReadCloser, error)) *Body {
	body := b.body
	body.Encoder, body.ContentType, body.open = encoder, contentType, open
	body.seal()
	return &body
}

// seal computes the digest.
func (b *Body) seal() {
	h := sha256.New()
	var line [160]byte // room for everything but the longest content types
	head := append(append(append(append(line[:0], b.Encoder...), '\n'), b.ContentType...), '\n')
	for _, s := range b.segments {
		if s.blob.IsZero() {
			head = append(strconv.AppendInt(append(head, "bytes "...), int64(len(s.fixed)), 10), '\n')
			h.Write(head)
			h.Write(s.fixed)
		} else {
			head = append(append(append(head, "blob "...), s.blob.Digest...), ' ')
			head = append(strconv.AppendInt(head, s.blob.Size, 10), '\n')
			h.Write(head)
		}
		head = head[:0]
	}
	h.Write(head) // when there are no segments
	var sum [sha256.Size]byte
	var digest [2 * sha256.Size]byte
	hex.Encode(digest[:], h.Sum(sum[:0]))
	b.digest = string(digest[:])
}

// JSONBody returns a body of one JSON document.
func JSONBody(encoder string, document []byte) *Body {
	return DocumentBody(encoder, "application/json", document)
}

// DocumentBody returns a body of one document that is not JSON, as XML or the
// fields of [net/url.Values.Encode] are. The caller does not change it afterwards.
func DocumentBody(encoder, contentType string, document []byte) *Body {
	b := &Body{Encoder: encoder, ContentType: contentType, length: int64(len(document))}
	b.first[0].fixed = document
	b.segments = b.first[:]
	b.seal()
	return b
}

// Len returns the length in bytes, that of all parts together.
func (b *Body) Len() int64 { return b.length }

// Digest returns a SHA-256 in hexadecimal over the encoder, the content type
// and every segment, a blob by its own digest. Bodies with equal digests have
// equal bytes.
func (b *Body) Digest() string { return b.digest }

// Open returns the bytes from the start. Each call is independent; the caller
// closes the reader. What [JoinBodies] made cannot be opened as a whole.
func (b *Body) Open(ctx context.Context) (io.ReadCloser, error) {
	if b.parts != nil {
		return nil, errors.New("the body is that of several requests: open one of its Parts")
	}
	if len(b.segments) == 1 && b.segments[0].blob.IsZero() {
		return inMemory(b.segments[0].fixed), nil
	}
	return &bodyReader{ctx: ctx, body: b}, nil
}

// inMemory returns a reader that net/http knows for one that cannot block: it
// then sends header and body in one write, and the vendor is not woken twice.
func inMemory(p []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(p)) }

// bodyReader reads segment after segment and opens a blob only when its turn
// comes.
type bodyReader struct {
	ctx  context.Context //nolint:containedctx // the reader is one attempt's, and http hands none to Read
	body *Body
	next int
	cur  io.ReadCloser
	left int64
}

// Read implements [io.Reader]. A blob that is shorter or longer than its name
// says is an error: the request must not go out whole with other bytes.
func (r *bodyReader) Read(p []byte) (int, error) {
	for {
		if r.cur == nil {
			if r.next == len(r.body.segments) {
				return 0, io.EOF
			}
			if err := r.advance(); err != nil {
				return 0, err
			}
		}
		n, err := r.cur.Read(p)
		r.left -= int64(n)
		switch {
		case r.left < 0:
			return 0, errors.New("artwork is longer than its blob's size")
		case errors.Is(err, io.EOF):
			if r.left > 0 {
				return n, fmt.Errorf("artwork ends %d bytes early: %w", r.left, io.ErrUnexpectedEOF)
			}
			if err := r.closeCurrent(); err != nil {
				return n, err
			}
			if n > 0 {
				return n, nil
			}
		default:
			return n, err
		}
	}
}

func (r *bodyReader) advance() error {
	s := r.body.segments[r.next]
	r.next++
	if s.blob.IsZero() {
		r.cur, r.left = inMemory(s.fixed), int64(len(s.fixed))
		return nil
	}
	if r.body.open == nil {
		return errors.New("the body names artwork but has nothing to open it with")
	}
	rc, err := r.body.open(r.ctx, s.blob)
	if err != nil {
		return fmt.Errorf("open artwork: %w", err)
	}
	r.cur, r.left = rc, s.blob.Size
	return nil
}

func (r *bodyReader) closeCurrent() error {
	cur := r.cur
	r.cur = nil
	if cur == nil {
		return nil
	}
	return cur.Close()
}

// Close implements [io.Closer].
func (r *bodyReader) Close() error { return r.closeCurrent() }
