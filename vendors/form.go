package vendors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"github.com/postproof/postproof"
)

// FormBuilder puts a [Body] of multipart/form-data together, for a vendor that
// takes files in no other form. (The fields of a form without files, as of
// [net/url.Values.Encode], are a [DocumentBody].) Unlike mime/multipart it draws no lots: the same
// fields in the same order give the same bytes, as [Adapter.Encode] promises.
// Make one with [NewForm]. It is not safe for concurrent use.
type FormBuilder struct {
	boundary string
	fixed    bytes.Buffer
	body     BodyBuilder
}

// NewForm returns an empty form. The delimiter between its parts is derived
// from our reference and the digest of the content ([ContentDigest]), so that
// nothing in the parts can be made to contain it.
func NewForm(ref postproof.Ref, content string) *FormBuilder {
	sum := sha256.Sum256([]byte("boundary\x00" + string(ref) + "\x00" + content))
	return &FormBuilder{boundary: "postproof-" + hex.EncodeToString(sum[:16])}
}

// Text appends a field.
func (f *FormBuilder) Text(name, value string) *FormBuilder {
	f.head(name, "")
	f.fixed.WriteString(value + "\r\n")
	return f
}

// File appends a file, which is streamed from the blob store for each send.
func (f *FormBuilder) File(name, filename, contentType string, blob postproof.Blob) *FormBuilder {
	f.head(name, `; filename="`+quoteForm(filename)+"\"\r\nContent-Type: "+contentType)
	f.flush()
	f.body.Blob(blob)
	f.fixed.WriteString("\r\n")
	return f
}

// Build returns the body. The function opens blobs and may be nil when there
// are no files. The builder is not used again.
func (f *FormBuilder) Build(encoder string, open func(context.Context, postproof.Blob) (io.ReadCloser, error)) *Body {
	f.fixed.WriteString("--" + f.boundary + "--\r\n")
	f.flush()
	return f.body.Build(encoder, "multipart/form-data; boundary="+f.boundary, open)
}

func (f *FormBuilder) head(name, more string) {
	f.fixed.WriteString("--" + f.boundary + "\r\nContent-Disposition: form-data; name=\"" + quoteForm(name) + `"` + more + "\r\n\r\n")
}

func (f *FormBuilder) flush() {
	f.body.Bytes(bytes.Clone(f.fixed.Bytes()))
	f.fixed.Reset()
}

// quoteForm keeps a name inside its quotes, as browsers do.
func quoteForm(name string) string {
	if !strings.ContainsAny(name, "\"\r\n") {
		return name
	}
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(name)
}
