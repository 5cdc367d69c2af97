package storetest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing/iotest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func blobChecks() []check {
	return []check{
		{name: "content comes back under its digest", run: blobRoundTrip},
		{name: "the same content has the same name", run: blobOnce},
		{name: "what is not there is not found", run: blobNotThere},
		{name: "a broken upload leaves nothing", run: blobBroken},
		{name: "spoiled content is noticed", run: blobSpoiled},
		{name: "spoiled content is mended by storing it again", run: blobMended},
		{name: "content that is removed while it is read is whole, or not there", run: blobRemovedWhileRead},
	}
}

func putBlob(t reporter, e idempotency.Engine, content string) postproof.Blob {
	t.Helper()
	b, err := e.PutBlob(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	return b
}

func readBlob(t reporter, e idempotency.Engine, b postproof.Blob) (string, error) {
	t.Helper()
	r, err := e.OpenBlob(t.Context(), b)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	return string(content), err
}

func blobRoundTrip(t reporter, h Harness) {
	// SHA-256 of "hello", known from elsewhere.
	want := postproof.Blob{Digest: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", Size: 5}
	same(t, "name", want, putBlob(t, h.Engine, "hello"))
	for _, content := range []string{"hello", "\x00", strings.Repeat("artwork ", 500_000)} {
		b := putBlob(t, h.Engine, content)
		got, err := readBlob(t, h.Engine, b)
		if err != nil || got != content {
			t.Errorf("%d bytes came back as %d, %v", len(content), len(got), err)
		}
	}
	for _, wrong := range []postproof.Blob{{Digest: want.Digest, Size: 4}, {Digest: want.Digest, Size: 6}} {
		if got, err := readBlob(t, h.Engine, wrong); err == nil {
			t.Errorf("a name with the wrong size gave %q", got)
		}
	}
}

func blobOnce(t reporter, h Harness) {
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			b, err := h.Engine.PutBlob(t.Context(), iotest.OneByteReader(strings.NewReader("the same postcard")))
			if err != nil {
				t.Errorf("Put: %v", err)
				return
			}
			if got, err := readBlob(t, h.Engine, b); got != "the same postcard" || err != nil {
				t.Errorf("content = %q, %v, right after Put", got, err)
			}
		})
	}
	wg.Wait()
	same(t, "name", putBlob(t, h.Engine, "the same postcard"), putBlob(t, h.Engine, "the same postcard"))
}

func blobNotThere(t reporter, h Harness) {
	putBlob(t, h.Engine, "hello")
	for _, digest := range []string{
		strings.Repeat("0", 64), "", "..", "../../../../etc/passwd", strings.Repeat("../", 21) + "x",
		"2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824",
	} {
		if _, err := readBlob(t, h.Engine, postproof.Blob{Digest: digest, Size: 5}); !errors.Is(err, idempotency.ErrNotFound) {
			t.Errorf("OpenBlob(%q) = %v, want ErrNotFound", digest, err)
		}
	}
}

func blobBroken(t reporter, h Harness) {
	broken := errors.New("connection lost")
	if _, err := h.Engine.PutBlob(t.Context(), io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("Put = %v, want the reader's error", err)
	}
	if _, err := h.Engine.PutBlob(t.Context(), bytes.NewReader(nil)); err == nil {
		t.Errorf("Put of nothing: no error")
	}
	hello := postproof.Blob{Digest: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", Size: 5}
	if _, err := readBlob(t, h.Engine, hello); !errors.Is(err, idempotency.ErrNotFound) {
		t.Errorf("Open = %v, want nothing of the broken upload", err)
	}
}

func blobSpoiled(t reporter, h Harness) {
	if h.Spoil == nil {
		return
	}
	b := putBlob(t, h.Engine, "hello")
	if err := h.Spoil(b); err != nil {
		t.Fatalf("Spoil: %v", err)
	}
	if got, err := readBlob(t, h.Engine, b); !errors.Is(err, idempotency.ErrCorrupt) {
		t.Errorf("content = %q, %v, want ErrCorrupt", got, err)
	}
}

// blobMended: whoever stores content is told that it is durable, whatever became of
// what was there before. There is no other way to mend it.
func blobMended(t reporter, h Harness) {
	if h.Spoil == nil {
		return
	}
	for _, content := range []string{"hello", strings.Repeat("artwork ", 100_000)} {
		b := putBlob(t, h.Engine, content)
		if err := h.Spoil(b); err != nil {
			t.Fatalf("Spoil: %v", err)
		}
		same(t, "name", b, putBlob(t, h.Engine, content))
		if got, err := readBlob(t, h.Engine, b); err != nil || got != content {
			t.Errorf("%d bytes that were stored again came back as %d, %v", len(content), len(got), err)
		}
	}
}

// blobRemovedWhileRead: an erasure is no damage, and who reads meanwhile is not told
// of any.
func blobRemovedWhileRead(t reporter, h Harness) {
	s, ok := h.Engine.(idempotency.BlobRemover)
	if !ok {
		return
	}
	content := strings.Repeat("artwork ", 500_000)
	b := putBlob(t, h.Engine, content)
	r, err := h.Engine.OpenBlob(t.Context(), b)
	if err != nil {
		t.Fatalf("OpenBlob: %v", err)
	}
	got := make([]byte, 1000)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("Read: %v", err)
	}
	if err := s.RemoveBlob(t.Context(), b); err != nil {
		t.Errorf("RemoveBlob: %v", err)
	}
	rest, err := io.ReadAll(r)
	switch whole := string(got)+string(rest) == content; {
	case err == nil && !whole:
		t.Errorf("%d of %d bytes, and no error", len(got)+len(rest), len(content))
	case err != nil && !errors.Is(err, idempotency.ErrNotFound):
		t.Errorf("Read = %v, want the content, or ErrNotFound", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
