package sqlite_test

import (
	"database/sql"
	"errors"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"
)

// countingVFS is the operating system's files, with a count of what is written
// and synced.
type countingVFS struct {
	vfs.VFSFilename

	syncs, writes atomic.Int64
}

// newCountingVFS registers a virtual file system under the test's name.
func newCountingVFS(tb testing.TB) *countingVFS {
	tb.Helper()
	inner, ok := vfs.Find("").(vfs.VFSFilename)
	if !ok {
		tb.Fatal("the default file system cannot be wrapped")
	}
	c := &countingVFS{VFSFilename: inner}
	vfs.Register(tb.Name(), c)
	tb.Cleanup(func() { vfs.Unregister(tb.Name()) })
	return c
}

// open returns a database on the path.
func (*countingVFS) open(tb testing.TB, path string, pragmas ...string) *sql.DB {
	tb.Helper()
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"vfs": {tb.Name()}, "_pragma": append([]string{"busy_timeout(10000)"}, pragmas...)}.Encode()}
	db, err := sql.Open("sqlite3", u.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

func (c *countingVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := c.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	shared, ok := f.(vfs.FileSharedMemory)
	if !ok {
		return nil, flags, errors.Join(errors.New("no shared memory"), f.Close())
	}
	return &countedFile{FileSharedMemory: shared, c: c}, flags, nil
}

type countedFile struct {
	vfs.FileSharedMemory

	c *countingVFS
}

func (f *countedFile) Sync(flags vfs.SyncFlag) error {
	f.c.syncs.Add(1)
	return f.FileSharedMemory.Sync(flags)
}

func (f *countedFile) WriteAt(p []byte, off int64) (int, error) {
	f.c.writes.Add(1)
	return f.FileSharedMemory.WriteAt(p, off)
}
