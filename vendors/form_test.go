package vendors_test

import (
	"context"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// TestForm reads a form back with the standard library, names that would break
// out of their quotes included.
func TestForm(t *testing.T) {
	t.Parallel()
	pdf := postproof.Blob{Digest: strings.Repeat("a", 64), Size: 8}
	open := func(context.Context, postproof.Blob) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("%PDF-1.7")), nil
	}
	build := func(ref postproof.Ref) *vendors.Body {
		return vendors.NewForm(ref, "1aaa").Text("to[name]", "Ann\r\n--Doe").File("file", "a.pdf", "application/pdf", pdf).
			Text("x\"\r\nX-Evil: 1", "").Build("acme/1", open)
	}
	body := build("0123456789ABCDEF")
	rc, err := body.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	raw, err := io.ReadAll(rc)
	if err != nil || int64(len(raw)) != body.Len() {
		t.Fatalf("%d bytes of %d, %v", len(raw), body.Len(), err)
	}
	_, params, err := mime.ParseMediaType(body.ContentType)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := multipart.NewReader(strings.NewReader(string(raw)), params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF { //nolint:errorlint // the reader's own, as documented
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		value, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.FormName()+"|"+p.FileName()+"|"+p.Header.Get("Content-Type")+"|"+p.Header.Get("X-Evil")+"|"+string(value))
	}
	want := []string{"to[name]||||Ann\r\n--Doe", "file|a.pdf|application/pdf||%PDF-1.7", "x%22%0D%0AX-Evil: 1||||"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got)\n%s", diff)
	}
	if again := build("0123456789ABCDEF"); again.Digest() != body.Digest() || again.ContentType != body.ContentType {
		t.Error("the same fields give other bytes")
	}
	if other := build("0123456789ABCDEG"); other.ContentType == body.ContentType {
		t.Error("two references have one delimiter")
	}
}
