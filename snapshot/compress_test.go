package snapshot_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/snapshot"
)

// Compressed or not, it is the same snapshot, and any program unpacks it.
func TestCompressed(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	list.WriteString(header)
	for i := range 10_000 { // several blocks
		fmt.Fprintf(&list, "%d,Jo,%d Main St,,Reno,NV,89501\n", i, i)
	}
	store := snapshot.NewMemory()
	plain := take(t, list.String(), snapshot.Options{CompressAbove: -1})
	packed := take(t, list.String(), snapshot.Options{CompressAbove: 100_000, Store: store})
	if plain.ID() != packed.ID() {
		t.Errorf("the id depends on how it is kept")
	}
	files := packed.Manifest().Files
	if files[0].Gzip == nil || files[1].Gzip != nil || plain.Manifest().Files[0].Gzip != nil {
		t.Errorf("only rows.csv of the one is above the size")
	}
	if files[0].Gzip.Bytes > files[0].Bytes/2 {
		t.Errorf("%d of %d bytes are left", files[0].Gzip.Bytes, files[0].Bytes)
	}
	opened, err := snapshot.Open(t.Context(), store, packed.ID())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows(t, plain), rows(t, opened)); diff != "" {
		t.Errorf("rows (-plain +compressed):\n%.1000s", diff)
	}
	r, err := store.Open(t.Context(), packed.ID(), "rows.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil || int64(len(data)) != files[0].Bytes || !strings.HasPrefix(string(data), "row,contact_id,") {
		t.Errorf("gzip reads %d bytes, %v, want %d", len(data), err, files[0].Bytes)
	}
}

// Every changed byte of a compressed file is found as well, those included that
// unpacking does not look at, and what stands behind the end.
func TestEveryChangedByteOfACompressedFileIsFound(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	s := take(t, smallList, snapshot.Options{Store: store, CompressAbove: 1})
	for _, file := range []string{"manifest.json", "rows.csv.gz", "rejects.csv.gz"} {
		r, err := store.Open(t.Context(), s.ID(), file)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || len(data) == 0 {
			t.Fatal(len(data), err)
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			for at := range data {
				for _, mask := range []byte{0, 0x01, 0x20, 0x80, 0xff} {
					_, err := snapshot.Open(t.Context(), flipping{store, file, at, mask}, s.ID())
					if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), file) {
						t.Fatalf("byte %d of %s, mask %#x: %v, want ErrCorrupt that names the file", at, file, mask, err)
					}
				}
			}
			for _, tail := range []string{"\x00", "x", string(data)} {
				_, err := snapshot.Open(t.Context(), longer{store, file, tail}, s.ID())
				if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), file) {
					t.Errorf("%d bytes behind the end of %s: %v, want ErrCorrupt that names the file", len(tail), file, err)
				}
			}
		})
	}
}
