package vendors_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func blobOf(content string) postproof.Blob {
	sum := sha256.Sum256([]byte(content))
	return postproof.Blob{Digest: hex.EncodeToString(sum[:]), Size: int64(len(content))}
}

// opener serves contents by digest and counts what is open.
type opener struct {
	contents map[string]string
	open     int
	opened   int
}

type counted struct {
	io.Reader
	o *opener
}

func (c counted) Close() error { c.o.open--; return nil }

func (o *opener) Open(_ context.Context, b postproof.Blob) (io.ReadCloser, error) {
	content, ok := o.contents[b.Digest]
	if !ok {
		return nil, errors.New("no such blob")
	}
	o.open++
	o.opened++
	return counted{strings.NewReader(content), o}, nil
}

func read(t *testing.T, b *vendors.Body) (string, error) {
	t.Helper()
	rc, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(rc)
	if closeErr := rc.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	return string(raw), err
}

func TestBodyIsItsSegmentsInOrder(t *testing.T) {
	t.Parallel()
	one, two := blobOf("first file"), blobOf("second")
	o := &opener{contents: map[string]string{one.Digest: "first file", two.Digest: "second"}}
	var builder vendors.BodyBuilder
	body := builder.Bytes([]byte("head|")).Blob(one).Bytes([]byte("|")).Bytes(nil).Blob(two).Bytes([]byte("|tail")).
		Build("x/1", "text/plain", o.Open)
	const want = "head|first file|second|tail"
	for range 2 { // each Open starts anew
		got, err := read(t, body)
		if err != nil || got != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	if body.Len() != int64(len(want)) {
		t.Errorf("Len = %d, want %d", body.Len(), len(want))
	}
	if o.open != 0 || o.opened != 4 {
		t.Errorf("%d blobs left open, %d opened, want 0 and 4", o.open, o.opened)
	}
}

func TestBodyOpensABlobWhenItsTurnComes(t *testing.T) {
	t.Parallel()
	one, two := blobOf("aaaa"), blobOf("bbbb")
	o := &opener{contents: map[string]string{one.Digest: "aaaa", two.Digest: "bbbb"}}
	var builder vendors.BodyBuilder
	rc, err := builder.Blob(one).Blob(two).Build("x/1", "", o.Open).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o.opened != 0 {
		t.Errorf("%d blobs opened before the first read", o.opened)
	}
	if _, err := io.ReadFull(rc, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	if o.opened != 1 {
		t.Errorf("%d blobs opened in the middle of the first, want 1", o.opened)
	}
	if err := rc.Close(); err != nil || o.open != 0 {
		t.Errorf("Close in the middle: %v, %d left open", err, o.open)
	}
}

func TestBodyRefusesABlobOfAnotherLength(t *testing.T) {
	t.Parallel()
	blob := blobOf("exactly")
	for name, content := range map[string]string{"short": "exact", "long": "exactly so", "empty": ""} {
		o := &opener{contents: map[string]string{blob.Digest: content}}
		var builder vendors.BodyBuilder
		body := builder.Bytes([]byte("a")).Blob(blob).Bytes([]byte("z")).Build("x/1", "", o.Open)
		if got, err := read(t, body); err == nil {
			t.Errorf("%s blob: read %q without an error", name, got)
		}
		if o.open != 0 {
			t.Errorf("%s blob: left open", name)
		}
	}
	var builder vendors.BodyBuilder
	body := builder.Blob(blob).Build("x/1", "", (&opener{}).Open)
	if _, err := read(t, body); err == nil {
		t.Error("a blob that cannot be opened is no error")
	}
	builder = vendors.BodyBuilder{}
	if _, err := read(t, builder.Blob(blob).Build("x/1", "", nil)); err == nil {
		t.Error("a blob without anything to open it is no error")
	}
}

func TestBodyDigest(t *testing.T) {
	t.Parallel()
	build := func(encoder, contentType string, parts ...any) string {
		var b vendors.BodyBuilder
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				b.Bytes([]byte(p))
			case postproof.Blob:
				b.Blob(p)
			}
		}
		return b.Build(encoder, contentType, nil).Digest()
	}
	base := build("x/1", "a/b", "one", blobOf("f"), "two")
	if again := build("x/1", "a/b", "one", blobOf("f"), "two"); again != base {
		t.Error("the same body has two digests")
	}
	for name, other := range map[string]string{
		"encoder":      build("x/2", "a/b", "one", blobOf("f"), "two"),
		"content type": build("x/1", "a/c", "one", blobOf("f"), "two"),
		"fixed bytes":  build("x/1", "a/b", "one", blobOf("f"), "twO"),
		"blob":         build("x/1", "a/b", "one", blobOf("g"), "two"),
		"order":        build("x/1", "a/b", "two", blobOf("f"), "one"),
		"no blob":      build("x/1", "a/b", "one", "two"),
		"blob's name":  build("x/1", "a/b", "one", "blob "+blobOf("f").Digest+" 1\n", "two"),
	} {
		if other == base {
			t.Errorf("another %s has the same digest", name)
		}
	}
}

func TestJSONBody(t *testing.T) {
	t.Parallel()
	body := vendors.JSONBody("x/1", []byte(`{"a":1}`))
	got, err := read(t, body)
	if err != nil {
		t.Fatal(err)
	}
	req := vendors.Request{}
	req.SetBody(body)
	rc, err := req.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{`{"a":1}`, "application/json", int64(7), "x/1", `{"a":1}`}
	if diff := cmp.Diff(want, []any{got, req.ContentType, req.Length, body.Encoder, string(bytes.TrimSpace(raw))}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBodyConcurrentSafe reads one body from several goroutines at once.
func TestBodyConcurrentSafe(t *testing.T) {
	t.Parallel()
	blob := blobOf("shared")
	var builder vendors.BodyBuilder
	body := builder.Bytes([]byte("<")).Blob(blob).Bytes([]byte(">")).
		Build("x/1", "", func(context.Context, postproof.Blob) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("shared")), nil
		})
	results := make(chan string)
	for range 8 {
		go func() {
			rc, err := body.Open(t.Context())
			if err != nil {
				results <- err.Error()
				return
			}
			raw, err := io.ReadAll(rc)
			if err != nil {
				raw = []byte(err.Error())
			}
			results <- string(raw)
		}()
	}
	for range 8 {
		if got := <-results; got != "<shared>" {
			t.Errorf("read %q", got)
		}
	}
}
