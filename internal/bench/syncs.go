package main

import (
	"errors"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3/vfs"
)

// countingVFS is the operating system's files as SQLite sees them, with a count
// of the syncs that it asks for.
type countingVFS struct {
	vfs.VFSFilename

	syncs atomic.Int64
}

// newCountingVFS registers a file system under a name that must be free.
func newCountingVFS(name string) (*countingVFS, error) {
	inner, ok := vfs.Find("").(vfs.VFSFilename)
	if !ok {
		return nil, errors.New("the default file system cannot be wrapped")
	}
	c := &countingVFS{VFSFilename: inner}
	vfs.Register(name, c)
	return c, nil
}

func (c *countingVFS) unregister(name string) { vfs.Unregister(name) }

// OpenFilename implements [vfs.VFSFilename].
func (c *countingVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := c.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	shared, ok := f.(vfs.FileSharedMemory)
	if !ok {
		return nil, flags, errors.Join(errors.New("the file has no shared memory"), f.Close())
	}
	return &countedFile{FileSharedMemory: shared, syncs: &c.syncs}, flags, nil
}

type countedFile struct {
	vfs.FileSharedMemory

	syncs *atomic.Int64
}

// Sync implements [vfs.File].
func (f *countedFile) Sync(flags vfs.SyncFlag) error {
	f.syncs.Add(1)
	return f.FileSharedMemory.Sync(flags)
}
