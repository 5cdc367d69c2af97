package sqlite_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// faultyVFS is the operating system's files on a disk that can fail, and that
// forgets at a power failure what was not synced.
type faultyVFS struct {
	countingVFS

	mu sync.Mutex
	// changes counts writes, truncations and syncs. The one with the number
	// failAt fails with code, and the lasting ones all that follow; 0 is none.
	changes, failAt int
	code            error
	lasting         bool
	// torn is written of a write that fails: part of it, as on a disk that is
	// full.
	torn bool
	// off says that the power is off: nothing is written any more.
	off   bool
	disks map[string]*disk
}

// disk is what a power failure may leave of a file.
type disk struct {
	synced  []byte
	pending []diskChange
}

type diskChange struct {
	data []byte
	off  int64
	size int64 // of a truncation; -1 for a write
}

var errPowerOff = errors.New("the power is off")

func newFaultyVFS(tb testing.TB) *faultyVFS {
	tb.Helper()
	inner, ok := vfs.Find("").(vfs.VFSFilename)
	if !ok {
		tb.Fatal("the default file system cannot be wrapped")
	}
	f := &faultyVFS{countingVFS: countingVFS{VFSFilename: inner}, disks: map[string]*disk{}}
	vfs.Register(tb.Name(), f)
	tb.Cleanup(func() { vfs.Unregister(tb.Name()) })
	return f
}

// fail lets the n-th change from now on fail.
func (f *faultyVFS) fail(n int, code error, lasting, torn bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes, f.failAt, f.code, f.lasting, f.torn = 0, n, code, lasting, torn
}

// cutPower lets the n-th change from now on be the last that is tried.
func (f *faultyVFS) cutPower(n int) { f.fail(n, errPowerOff, true, true) }

// repair makes the disk work again, and returns how many changes were tried
// since fail.
func (f *faultyVFS) repair() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failAt, f.off = 0, false
	return f.changes
}

func (f *faultyVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := f.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	shared, ok := file.(vfs.FileSharedMemory)
	if !ok {
		return nil, flags, errors.Join(errors.New("no shared memory"), file.Close())
	}
	path := ""
	if name != nil {
		path = name.String()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disks[path] == nil {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, flags, errors.Join(err, file.Close())
		}
		f.disks[path] = &disk{synced: content}
	}
	return &faultyFile{FileSharedMemory: shared, v: f, disk: f.disks[path]}, flags, nil
}

type faultyFile struct {
	vfs.FileSharedMemory

	v    *faultyVFS
	disk *disk
}

// change returns the error that the next change has, and whether a part of it
// happens nevertheless.
func (f *faultyFile) change() (part bool, err error) {
	v := f.v
	if v.off {
		return false, sqlite3.IOERR
	}
	v.changes++
	if v.failAt == 0 || v.changes < v.failAt || (v.changes > v.failAt && !v.lasting) {
		return false, nil
	}
	if errors.Is(v.code, errPowerOff) {
		v.off = true
		return true, sqlite3.IOERR
	}
	return v.torn, v.code
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	part, err := f.change()
	if err != nil && !part {
		return 0, err
	}
	whole := p
	if err != nil {
		p = p[:len(p)/2]
	}
	f.disk.pending = append(f.disk.pending, diskChange{append([]byte(nil), p...), off, -1})
	n, writeErr := f.FileSharedMemory.WriteAt(p, off)
	if err == nil && n == len(whole) {
		return n, writeErr
	}
	return n, errors.Join(err, writeErr)
}

func (f *faultyFile) Truncate(size int64) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if _, err := f.change(); err != nil {
		return err
	}
	f.disk.pending = append(f.disk.pending, diskChange{size: size})
	return f.FileSharedMemory.Truncate(size)
}

func (f *faultyFile) Sync(flags vfs.SyncFlag) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if _, err := f.change(); err != nil {
		return err
	}
	for _, c := range f.disk.pending {
		f.disk.synced = c.apply(f.disk.synced)
	}
	f.disk.pending = nil
	return f.FileSharedMemory.Sync(flags)
}

func (c diskChange) apply(content []byte) []byte {
	end := c.size
	if c.size < 0 {
		end = max(int64(len(content)), c.off+int64(len(c.data)))
	}
	for int64(len(content)) < end {
		content = append(content, make([]byte, end-int64(len(content)))...)
	}
	content = content[:end]
	if c.size < 0 {
		copy(content[c.off:], c.data)
	}
	return content
}

const sector = 512

// after returns what the file may be after a power failure: what was synced,
// and any sectors of what was written since.
func (d *disk) after(draw *rand.Rand) []byte {
	content := append([]byte(nil), d.synced...)
	keep := draw.Float64()
	for _, c := range d.pending {
		if c.size >= 0 {
			if draw.Float64() < keep {
				content = c.apply(content)
			}
			continue
		}
		for at := 0; at < len(c.data); at += sector {
			if draw.Float64() < keep {
				part := c.data[at:min(at+sector, len(c.data))]
				content = diskChange{part, c.off + int64(at), -1}.apply(content)
			}
		}
	}
	return content
}
