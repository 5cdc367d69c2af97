package snapshottest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/postproof/postproof/snapshot"
)

// idOf returns an id for a test.
func idOf(c byte) snapshot.ID { return snapshot.ID(strings.Repeat(string(rune(c)), 64)) }

// awkward is content that a store may be tempted to change: no text, longer
// than any buffer.
func awkward(seed byte) []byte {
	b := make([]byte, 700<<10+13)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	copy(b, "\ufeff\x00\r\n\n\r\xff\xfe\x1a")
	return b
}

type files map[string][]byte

func smallFiles(text string) files {
	return files{"manifest.json": []byte(text + " m"), "rows.csv": []byte(text), "rejects.csv": nil}
}

func begin(t reporter, s snapshot.Store) snapshot.Draft {
	t.Helper()
	d, err := s.Begin(t.Context())
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	return d
}

func write(t reporter, d snapshot.Draft, all files) {
	t.Helper()
	for name, data := range all {
		w, err := d.Create(name)
		if err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
		for part := range slices.Chunk(data, 100_003) {
			if n, err := w.Write(part); err != nil || n != len(part) {
				t.Fatalf("write %s: %d of %d bytes, %v", name, n, len(part), err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatalf("close %s: %v", name, err)
		}
	}
}

func commit(t reporter, s snapshot.Store, id snapshot.ID, all files) bool {
	t.Helper()
	d := begin(t, s)
	write(t, d, all)
	created, err := d.Commit(t.Context(), id)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	if err := d.Discard(); err != nil {
		t.Fatalf("discard after commit: %v", err)
	}
	return created
}

func read(ctx context.Context, s snapshot.Store, id snapshot.ID, name string) ([]byte, error) {
	r, err := s.Open(ctx, id, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func want(t reporter, s snapshot.Store, id snapshot.ID, all files) {
	t.Helper()
	for name, data := range all {
		got, err := read(t.Context(), s, id, name)
		if err != nil {
			t.Errorf("read %s: %v", name, err)
		} else if !bytes.Equal(got, data) {
			t.Errorf("%s has %d bytes that are not the %d that were written", name, len(got), len(data))
		}
	}
}

func list(t reporter, s snapshot.Store) []snapshot.ID {
	t.Helper()
	var all []snapshot.ID
	for id, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		all = append(all, id)
	}
	return all
}

// absent wants no trace of an id.
func absent(t reporter, s snapshot.Store, id snapshot.ID) {
	t.Helper()
	if all := list(t, s); len(all) != 0 {
		t.Errorf("the list has %d ids, want none", len(all))
	}
	for _, name := range []string{"manifest.json", "rows.csv"} {
		if _, err := s.Open(t.Context(), id, name); !errors.Is(err, snapshot.ErrNotFound) {
			t.Errorf("open %s: got %v, want ErrNotFound", name, err)
		}
	}
}

func remove(t reporter, s snapshot.Store, id snapshot.ID) {
	t.Helper()
	if err := s.Remove(t.Context(), id); err != nil {
		t.Fatalf("remove: %v", err)
	}
}
