package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// plainList is a list in which no row is the same as another; every tenth is
// rejected if that is wanted.
func plainList(n int, rejects bool) string {
	var b strings.Builder
	b.WriteString("contact_id,name,address_line1,city,state,zip\n")
	for i := range n {
		city := "Reno"
		if rejects && i%10 == 3 {
			city = ""
		}
		fmt.Fprintf(&b, "c-%d,Jo,%d Main St,%s,NV,89501\n", i, i+1, city)
	}
	return b.String()
}

// A list is frozen to the same files whether its rows were written straight into
// their file, were read back from there, or never left the memory.
func TestEarlyFileChangesNothing(t *testing.T) {
	t.Parallel()
	plain := plainList(9_000, true)
	never := func(int64) int64 { return -1 }
	for name, c := range map[string]struct {
		list string
		// above returns from which size on files are compressed, given how long the
		// lines of the accepted rows are.
		above func(int64) int64
		kept  bool // as it was written
	}{
		"nothing doubled":               {plain, never, true},
		"no rejects":                    {plainList(9_000, false), never, true},
		"one row":                       {plainList(1, false), never, true},
		"a contact doubled":             {plain + "c-7,Jo,8 Main St,Reno,NV,89501\n", never, false},
		"an address doubled":            {plain + "x,Jo,8 Main St,Reno,NV,89501\n", never, false},
		"compressed from the start":     {plain, func(int64) int64 { return 1 }, false},
		"compressed from the midst":     {plain, func(size int64) int64 { return size / 2 }, false},
		"compressed from the last byte": {plain, func(size int64) int64 { return size }, false},
		"one byte too short for that":   {plain, func(size int64) int64 { return size + 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, err := Take(t.Context(), CSV(strings.NewReader(c.list), Mapping{}), Options{Campaign: "spring", CompressAbove: -1, Store: NewMemory()})
			if err != nil {
				t.Fatal(err)
			}
			above := c.above(whole.Manifest().Files[0].Bytes - int64(len(frozenHeader(nil, false))))
			disk := &renamesFS{}
			folder := &Folder{dir: t.TempDir(), fs: disk, now: time.Now}
			var manifests []Manifest
			for _, o := range []Options{{Store: NewMemory()}, {Store: folder, limits: limits{spool: 1, sort: 100 * recordBytes}}} {
				o.Campaign, o.CompressAbove, o.Clock = "spring", above, fixedClock{}
				s, err := Take(t.Context(), CSV(strings.NewReader(c.list), Mapping{}), o)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := Open(t.Context(), o.Store, s.ID()); err != nil {
					t.Errorf("open: %v", err)
				}
				manifests = append(manifests, s.Manifest())
			}
			if diff := gocmp.Diff(manifests[0], manifests[1]); diff != "" {
				t.Errorf("manifest (-in memory +in the folder):\n%s", diff)
			}
			entries, err := os.ReadDir(filepath.Join(folder.dir, string(manifests[1].ID)))
			if err != nil || len(entries) != 3 {
				t.Errorf("the snapshot is %v, %v, want its three files", entries, err)
			}
			if disk.early != c.kept {
				t.Errorf("the file that was written early was kept: %t, want %t", disk.early, c.kept)
			}
		})
	}
}

// renamesFS sees whether a file that was written early got its name.
type renamesFS struct {
	diskFS
	early bool
}

func (f *renamesFS) rename(from, to string) error {
	f.early = f.early || strings.HasSuffix(from, earlySuffix)
	return f.diskFS.rename(from, to)
}

// fixedClock stands still.
type fixedClock struct{}

// Now implements postproof.Clock.
func (fixedClock) Now() time.Time { return time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC) }

// After implements postproof.Clock.
func (fixedClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// syncFile fails at one sync.
type syncFile struct {
	file
	fails int32
	syncs atomic.Int32
}

func (f *syncFile) Sync() error {
	if f.syncs.Add(1) == f.fails {
		return errDisk
	}
	return f.file.Sync()
}

// A disk tells of what it lost once: a sync beside the writing that failed makes
// the closing fail, however many succeed afterwards.
func TestSyncBeside(t *testing.T) {
	t.Parallel()
	block := bytes.Repeat([]byte("x"), 1<<20)
	for _, fails := range []int32{0, 1, 2, 3, 4} {
		disk, err := os.Create(t.TempDir() + "/file")
		if err != nil {
			t.Fatal(err)
		}
		inner := &syncFile{file: disk, fails: fails}
		f := &syncedFile{file: inner}
		for range 3 * syncEvery / len(block) {
			f.settle() // the last one is still under way when it is closed
			if _, err := f.Write(block); err != nil {
				t.Fatal(err)
			}
		}
		for inner.syncs.Load() < 3 {
			runtime.Gosched()
		}
		if _, err := f.Write(block[:1]); err != nil { // of which none of the three can know
			t.Fatal(err)
		}
		err = f.Close()
		if got, want := errors.Is(err, errDisk), fails != 0; got != want {
			t.Errorf("sync %d fails: closing says %v", fails, err)
		}
		if got := inner.syncs.Load(); fails == 0 && got != 4 {
			t.Errorf("%d syncs, want 4", got)
		}
		if _, err := disk.Seek(0, io.SeekStart); !errors.Is(err, os.ErrClosed) {
			t.Errorf("sync %d fails: the file is still open", fails)
		}
	}
}

// What was brought to the disk while something else went on is not brought there
// again, and what came behind it is.
func TestSyncAll(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		late  bool // something is written behind it
		fails int32
		syncs int32
	}{
		"all of it":         {syncs: 1},
		"but for the last":  {late: true, syncs: 2},
		"and it fails":      {fails: 1, syncs: 1},
		"and closing fails": {late: true, fails: 2, syncs: 2},
	} {
		disk, err := os.Create(t.TempDir() + "/file")
		if err != nil {
			t.Fatal(err)
		}
		inner := &syncFile{file: disk, fails: tc.fails}
		f := &syncedFile{file: inner}
		if _, err := f.Write([]byte("early")); err != nil {
			t.Fatal(err)
		}
		f.syncAll()
		if tc.late {
			if _, err := f.Write([]byte("late")); err != nil {
				t.Fatal(err)
			}
		}
		err = f.Close()
		if got, want := errors.Is(err, errDisk), tc.fails != 0; got != want {
			t.Errorf("%s: closing says %v", name, err)
		}
		if got := inner.syncs.Load(); got != tc.syncs {
			t.Errorf("%s: %d syncs, want %d", name, got, tc.syncs)
		}
	}
}

// The sync of all comes behind one that is under way, whose failure is told too.
func TestSyncAllBehindAnother(t *testing.T) {
	t.Parallel()
	for _, fails := range []int32{0, 1, 2} {
		disk, err := os.Create(t.TempDir() + "/file")
		if err != nil {
			t.Fatal(err)
		}
		inner := &syncFile{file: disk, fails: fails}
		f := &syncedFile{file: inner}
		if _, err := f.Write(make([]byte, syncEvery)); err != nil {
			t.Fatal(err)
		}
		f.syncAll()
		err = f.Close()
		if got, want := errors.Is(err, errDisk), fails != 0; got != want {
			t.Errorf("sync %d fails: closing says %v", fails, err)
		}
		if got := inner.syncs.Load(); got != 2 {
			t.Errorf("%d syncs, want 2", got)
		}
	}
}

// A file that is dropped served as a scratch file: what it was read for is not
// believed when the disk could not take it.
func TestDroppedFileTellsOfALostSync(t *testing.T) {
	t.Parallel()
	for _, fails := range []int32{0, 1} {
		path := t.TempDir() + "/rows.csv"
		disk, err := os.Create(path + earlySuffix)
		if err != nil {
			t.Fatal(err)
		}
		f := &provisionalFile{syncedFile: syncedFile{file: &syncFile{file: disk, fails: fails}}, fs: diskFS{}, path: path}
		f.syncAll()
		err = f.Close()
		if got, want := errors.Is(err, errDisk), fails != 0; got != want || (err != nil && !want) {
			t.Errorf("sync %d fails: dropping says %v", fails, err)
		}
		if _, err := os.Stat(path + earlySuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("sync %d fails: the file is still there: %v", fails, err)
		}
	}
}
