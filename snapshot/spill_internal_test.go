package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// messy is a list in which contacts and addresses come again, near and far.
func messy(n int) string {
	rng := rand.New(rand.NewPCG(7, 8))
	var b strings.Builder
	b.WriteString("contact_id,name,address_line1,city,state,zip\n")
	for i := range n {
		id, house, city := i, i, "Reno"
		switch rng.IntN(10) {
		case 0:
			id = rng.IntN(i + 1)
		case 1:
			house = rng.IntN(i + 1)
		case 2:
			id = rng.IntN(i + 1)
			house = id
		case 3:
			city = ""
		}
		fmt.Fprintf(&b, "%d,Jo,%d Main St,%s,NV,89501\n", id, house, city)
	}
	return b.String()
}

// A list gives the same snapshot with whatever memory it is taken; and the one
// that a plain search for duplicates gives.
func TestSpillingChangesNothing(t *testing.T) {
	t.Parallel()
	list := messy(5000)
	var want *Snapshot
	for _, l := range []limits{{}, {spool: 1000, sort: 50 * recordBytes}, {spool: 1, sort: 1000 * recordBytes}, {spool: 1 << 20, sort: recordBytes * 7}} {
		for _, one := range []bool{false, true} {
			store, err := OpenFolder(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			s, err := Take(t.Context(), CSV(strings.NewReader(list), Mapping{}), Options{Campaign: "spring", Store: store, OnePerAddress: one, limits: l})
			if err != nil {
				t.Fatal(err)
			}
			checkAgainstMaps(t, list, s, one)
			if one {
				continue
			}
			if want == nil {
				want = s
			}
			if s.ID() != want.ID() {
				t.Errorf("limits %+v: id %.12s, want %.12s", l, s.ID(), want.ID())
			}
			if diff := gocmp.Diff(want.Manifest().Counts, s.Manifest().Counts); diff != "" {
				t.Errorf("limits %+v: counts (-want +got):\n%s", l, diff)
			}
			if diff := gocmp.Diff(want.Manifest().Findings, s.Manifest().Findings); diff != "" {
				t.Errorf("limits %+v: findings (-want +got):\n%s", l, diff)
			}
			entries, err := os.ReadDir(store.dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("limits %+v: %d entries are left in the folder, want the snapshot", l, len(entries))
			}
		}
	}
}

// checkAgainstMaps finds the duplicates once more, in the simplest way.
func checkAgainstMaps(t *testing.T, list string, s *Snapshot, onePerAddress bool) {
	t.Helper()
	type seen struct {
		row  int
		addr string
	}
	contacts, houses := map[string]seen{}, map[string]int{}
	want := map[int]string{}
	accepted := map[int]bool{}
	n := 1
	for line := range strings.Lines(list) {
		if n++; n == 2 {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), ",")
		number, id, house := n-1, f[0], f[2]
		var codes []string
		if f[3] == "" {
			codes = append(codes, "missing")
		}
		if first, ok := contacts[id]; ok {
			code := "duplicate_contact"
			if first.addr != house {
				code = "contact_conflict"
			}
			codes = append(codes, fmt.Sprintf("%s(%d)", code, first.row))
		} else {
			contacts[id] = seen{row: number, addr: house}
		}
		if codes == nil {
			if first, ok := houses[house]; ok {
				codes = append(codes, fmt.Sprintf("duplicate_address(%d)", first))
				accepted[number] = !onePerAddress
			} else {
				houses[house] = number
				accepted[number] = true
			}
		}
		if codes != nil {
			want[number] = strings.Join(codes, " ")
		}
	}
	got := map[int]string{}
	add := func(f Finding) {
		first := 0
		code := string(f.Code)
		if _, err := fmt.Sscanf(f.Message, "rows %d and", &first); err == nil {
			code = fmt.Sprintf("%s(%d)", f.Code, first)
		}
		got[f.Row] = strings.TrimSpace(got[f.Row] + " " + code)
	}
	rows := 0
	for r, err := range s.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
		if !accepted[r.Number] {
			t.Fatalf("row %d was accepted", r.Number)
		}
	}
	for f, err := range s.Warnings(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		add(f)
	}
	for r, err := range s.Rejects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			add(f)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("one per address %t: findings (-want +got):\n%.3000s", onePerAddress, diff)
	}
	if rows != s.Counts().Accepted || s.Counts().Accepted+s.Counts().Rejected != s.Counts().Read {
		t.Errorf("%d rows, %+v", rows, s.Counts())
	}
}

// Nobody else reads a scratch file, and none is left.
func TestScratchIsHidden(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open has a name there")
	}
	dir := t.TempDir()
	f, err := newScratch(dir, "x*")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("the file has a name: %v, %v", entries, err)
	}
	file, ok := f.(*os.File)
	if !ok {
		t.Fatal("not a file")
	}
	info, err := file.Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := newScratch(filepath.Join(dir, "none"), "x*"); err == nil {
		t.Error("a directory that is not there takes files")
	}
}

// A source that panics panics in the goroutine that takes, and leaves nothing
// behind.
func TestSourcePanics(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != "broken source" {
			t.Errorf("recovered %v", p)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%d entries are left, %v", len(entries), err)
		}
	}()
	_, _ = Take(t.Context(), SourceFunc(func(context.Context) iter.Seq2[Row, error] {
		return func(yield func(Row, error) bool) {
			for i := range 1000 {
				yield(Row{ContactID: fmt.Sprint(i)}, nil)
			}
			panic("broken source")
		}
	}), Options{Campaign: "spring", Store: store})
}

// Numbers that do not grow would make the first of two rows a matter of taste.
func TestRowNumbersMustGrow(t *testing.T) {
	t.Parallel()
	for _, numbers := range [][]int{{2, 1}, {5, 5}, {1, -3}, {end}, slices.Concat(upTo(300), []int{300}), slices.Concat(upTo(256), []int{256}), {1 << 40}} {
		_, err := Take(t.Context(), SourceFunc(func(context.Context) iter.Seq2[Row, error] {
			return func(yield func(Row, error) bool) {
				for _, n := range numbers {
					if !yield(Row{Number: n, ContactID: fmt.Sprint(n)}, nil) {
						return
					}
				}
			}
		}), Options{Campaign: "spring", Store: NewMemory()})
		if err == nil || !strings.Contains(err.Error(), "the numbers of rows must grow") {
			t.Errorf("numbers %v: got %v", numbers[max(0, len(numbers)-3):], err)
		}
	}
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// What the format says of blocks holds for files of every length around them.
func TestBlocks(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, blockBytes - 1, blockBytes, blockBytes + 1, 3*blockBytes + 7} {
		for _, compress := range []bool{false, true} {
			m := NewMemory()
			draft, err := m.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			data := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
			w, err := createFrozen(draft, "rows.csv", string(data[:1]), compress)
			if err != nil {
				t.Fatal(err)
			}
			for part := range slices.Chunk(data[1:], 77_777) {
				if err := w.write(part); err != nil {
					t.Fatal(err)
				}
			}
			f, err := w.close()
			if err != nil {
				t.Fatal(err)
			}
			if f.Bytes != int64(size) || len(f.Blocks) != (size+blockBytes-1)/blockBytes || f.root() != f.SHA256 {
				t.Errorf("%d bytes: the manifest says %d in %d blocks", size, f.Bytes, len(f.Blocks))
			}
			if _, err := draft.Commit(t.Context(), ID(strings.Repeat("a", 64))); err != nil {
				t.Fatal(err)
			}
			r, err := m.Open(t.Context(), ID(strings.Repeat("a", 64)), f.stored())
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(newVerifiedReader(opRead, &f, r))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, compressed %t: read %d, %v", size, compress, len(got), err)
			}
		}
	}
}

// A store that fails in the middle of a compressed file has failed; the file is
// not corrupt.
func TestStoreErrorIsNoCorruption(t *testing.T) {
	t.Parallel()
	for _, above := range []int64{-1, 1} {
		memory := NewMemory()
		s, err := Take(t.Context(), CSV(strings.NewReader(messy(3000)), Mapping{}), Options{Campaign: "spring", Store: memory, CompressAbove: above})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), failingStore{memory}, s.ID())
		if !errors.Is(err, errDisk) || errors.Is(err, ErrCorrupt) {
			t.Errorf("above %d: got %v, want the store's error and no corruption", above, err)
		}
	}
}

type failingStore struct{ *Memory }

func (f failingStore) Open(ctx context.Context, id ID, file string) (io.ReadCloser, error) {
	r, err := f.Memory.Open(ctx, id, file)
	if err != nil || file == manifestFile {
		return r, err
	}
	return io.NopCloser(io.MultiReader(io.LimitReader(r, 5000), brokenDisk{})), nil
}

type brokenDisk struct{}

func (brokenDisk) Read([]byte) (int, error) { return 0, errDisk }
