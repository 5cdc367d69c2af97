package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/postproof/postproof/snapshot"
)

// flipping shows one file of a store with one byte changed, or cut off.
type flipping struct {
	snapshot.Store
	file string
	at   int
	mask byte // 0 cuts the file off at the byte
}

func (f flipping) Open(ctx context.Context, id snapshot.ID, file string) (io.ReadCloser, error) {
	r, err := f.Store.Open(ctx, id, file)
	if err != nil || file != f.file {
		return r, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if f.mask == 0 {
		data = data[:f.at]
	} else {
		data[f.at] ^= f.mask
	}
	return io.NopCloser(strings.NewReader(string(data))), nil
}

// longer shows one file with something behind its end.
type longer struct {
	snapshot.Store
	file, tail string
}

func (l longer) Open(ctx context.Context, id snapshot.ID, file string) (io.ReadCloser, error) {
	r, err := l.Store.Open(ctx, id, file)
	if err != nil || file != l.file {
		return r, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(r, strings.NewReader(l.tail)), r}, nil
}

const smallList = header +
	"7,Jo Doe,1 Main St,,Reno,NV,89501\n" +
	"8,Al Roe,1 Main St,,Reno,NV,89501\n" +
	"9,No City,3 Main St,,,NV,89501\n"

// Every single changed byte is found, and the file is named.
func TestEveryChangedByteIsFound(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	s := take(t, smallList, snapshot.Options{Store: store, Source: "small.csv"})
	for _, file := range []string{"manifest.json", "rows.csv", "rejects.csv"} {
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
				for _, mask := range []byte{0, 0x01, 0x20, 0x80} {
					_, err := snapshot.Open(t.Context(), flipping{store, file, at, mask}, s.ID())
					if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), file) {
						t.Fatalf("byte %d of %s, mask %#x: %v, want ErrCorrupt that names the file", at, file, mask, err)
					}
				}
			}
		})
	}
}

// switching is a store whose files change after they were opened once.
type switching struct {
	snapshot.Store
	bad flipping
	now *bool
}

func (s switching) Open(ctx context.Context, id snapshot.ID, file string) (io.ReadCloser, error) {
	if *s.now {
		return s.bad.Open(ctx, id, file)
	}
	return s.Store.Open(ctx, id, file)
}

// A change after Open is found while streaming, before any row of the changed
// block comes out.
func TestChangeWhileStreaming(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	list.WriteString(header)
	const n = 20_000
	for i := range n {
		fmt.Fprintf(&list, "%d,Jo,%d Main St,,Reno,NV,89501\n", i, i)
	}
	memory := snapshot.NewMemory()
	changed := false
	s := take(t, list.String(), snapshot.Options{Store: memory})
	files := s.Manifest().Files
	if len(files[0].Blocks) < 3 {
		t.Fatalf("%d blocks, the test wants some", len(files[0].Blocks))
	}
	const block = 256 << 10
	for _, at := range []int{0, block, 2*block - 1, int(files[0].Bytes) - 1} {
		store := switching{memory, flipping{memory, "rows.csv", at, 0x01}, &changed}
		changed = false
		s, err := snapshot.Open(t.Context(), store, s.ID())
		if err != nil {
			t.Fatal(err)
		}
		changed = true
		good := 0
		err = nil
		for r, rerr := range s.Rows(t.Context()) {
			if rerr != nil {
				err = rerr
				break
			}
			if want := fmt.Sprintf("%d Main St", good); r.Address.Line1 != want {
				t.Fatalf("byte %d: a changed row came out", at)
			}
			good++
		}
		if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), "rows.csv") {
			t.Errorf("byte %d: got %v, want ErrCorrupt", at, err)
		}
		if most := (at/block + 1) * n / len(files[0].Blocks); at/block == 0 && good != 0 || good > most {
			t.Errorf("byte %d: %d rows came out before it was found", at, good)
		}
	}
}

func TestFolderOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := snapshot.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := take(t, smallList, snapshot.Options{Store: store})
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != string(s.ID()) {
		t.Fatalf("%v, %v; want one folder named by the id", entries, err)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{".": 0o700, "rows.csv": 0o400, "rejects.csv": 0o400, "manifest.json": 0o400} {
			info, err := os.Stat(filepath.Join(dir, string(s.ID()), path))
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
			}
		}
	}
	for _, file := range []string{"manifest.json", "rejects.csv", "rows.csv"} {
		if err := os.Remove(filepath.Join(dir, string(s.ID()), file)); err != nil {
			t.Fatal(err)
		}
		_, err := snapshot.Open(t.Context(), store, s.ID())
		if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), "manifest.json") {
			t.Errorf("without %s: %v, want ErrCorrupt that names the first file missed", file, err)
		}
	}
}

// Taking a list whose frozen form was damaged must not pass for success.
func TestTakeOverACorruptOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := snapshot.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := take(t, smallList, snapshot.Options{Store: store})
	path := filepath.Join(dir, string(s.ID()), "rows.csv")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	_, err = snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(smallList), snapshot.Mapping{}),
		snapshot.Options{Campaign: "spring", Store: store})
	if !errors.Is(err, snapshot.ErrCorrupt) || !strings.Contains(err.Error(), "rows.csv") {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestTakeConcurrentSafe(t *testing.T) {
	t.Parallel()
	for _, st := range allStores() {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			store := st.make(t)
			ids := make([]snapshot.ID, 8)
			var wg sync.WaitGroup
			for i := range ids {
				wg.Go(func() {
					s, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(smallList), snapshot.Mapping{}),
						snapshot.Options{Campaign: "spring", Store: store})
					if err != nil {
						t.Error(err)
						return
					}
					ids[i] = s.ID()
					for _, err := range s.Rows(t.Context()) {
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			found := 0
			for id, err := range store.List(t.Context()) {
				if err != nil || id != ids[found] {
					t.Errorf("list: %s, %v", id, err)
				}
				found++
			}
			if found != 1 {
				t.Errorf("%d snapshots, want 1", found)
			}
		})
	}
}

// A source of the user's own, with rows that it could read in part only and
// reasons that look like our own file format.
func TestForeignSource(t *testing.T) {
	t.Parallel()
	source := snapshot.SourceFunc(func(context.Context) iter.Seq2[snapshot.Row, error] {
		return func(yield func(snapshot.Row, error) bool) {
			if yield(snapshot.Row{ContactID: "1"}, &snapshot.RowError{Code: "x] y", Column: "a: b", Reason: "c; d: e\r\n\xff"}) {
				yield(snapshot.Row{ContactID: "2"}, &snapshot.RowError{Reason: "f"})
			}
		}
	})
	s, err := snapshot.Take(t.Context(), source, snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rejects(t, s) {
		for _, f := range r.Findings {
			got = append(got, f.String())
		}
	}
	want := "row 1: error[x__y] a__b: c, d: e\ufffd\ufffd\ufffd|row 2: error[invalid] : f"
	if strings.Join(got, "|") != want {
		t.Errorf("findings %q, want %q", got, want)
	}
}
