package snapshot

import (
	"io"
	"io/fs"
	"os"
	"runtime"
)

// fileSystem is what [Folder] does to a disk; tests make each step fail.
type fileSystem interface { //nolint:interfacebloat // one seam for one disk, not for users to implement
	mkdirAll(dir string) error
	create(path string) (file, error)
	open(path string) (io.ReadCloser, error)
	readDir(dir string) ([]fs.DirEntry, error)
	syncDir(dir string) error
	rename(from, to string) error
	removeAll(path string) error
	scratch(dir string) (scratchFile, error)
}

// file is a file being written.
type file interface {
	io.WriteCloser
	io.ReaderAt
	Sync() error
}

// diskFS is the operating system's.
type diskFS struct{}

// The files hold addresses: nobody but the owner reads them, and nobody
// writes a frozen one.
const (
	dirMode  = 0o700
	fileMode = 0o400
)

func (diskFS) mkdirAll(dir string) error { return os.MkdirAll(dir, dirMode) }

func (diskFS) create(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode) //nolint:gosec // Folder makes the path from its directory and a constant
}

func (diskFS) open(path string) (io.ReadCloser, error) {
	return os.Open(path) //nolint:gosec // Folder checks the id and the name
}

func (diskFS) readDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

func (diskFS) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // cannot sync a directory; NTFS journals its entries
	}
	d, err := os.Open(dir) //nolint:gosec // Folder's own directory
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func (diskFS) rename(from, to string) error { return os.Rename(from, to) }

func (diskFS) removeAll(path string) error { return os.RemoveAll(path) }

// scratch makes a file that is swept like a draft, should it outlive its
// process.
func (diskFS) scratch(dir string) (scratchFile, error) { return newScratch(dir, draftPrefix+"*") }
