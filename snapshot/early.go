package snapshot

import (
	"errors"
	"io"
)

// provisioner is a draft that can write a file before it is known whether the file
// will stay as it is.
type provisioner interface {
	provisional(name string) (provisional, error)
}

// provisional is a file of a draft that has no name yet.
type provisional interface {
	io.Writer
	io.ReaderAt
	// syncAll begins to bring what was written to the disk, beside what goes on.
	// Keep waits for it, and tells whether it failed.
	syncAll()
	// keep completes the file as one that [Draft.Create] made.
	keep() error
	// Close drops the file. After keep it does nothing.
	io.Closer
}

// earlyFile takes the drafted lines of the accepted rows, and is rows.csv itself
// if what rows are to each other changes none of them: then they were written and
// hashed while the list was read, and are never read again. Otherwise it serves as
// the scratch file that it is in place of.
type earlyFile struct {
	file   provisional
	w      *frozenWriter // until everything was written
	header int64
	size   int64 // behind the header
	packed func(size int64) bool
	frozen File
	err    error // of the writer
}

func newEarlyFile(p provisioner, opts *Options) (*earlyFile, error) {
	file, err := p.provisional(rowsFile)
	if err != nil {
		return nil, err
	}
	header := frozenHeader(opts.Columns, false)
	e := &earlyFile{file: file, header: int64(len(header)), packed: opts.compress}
	e.w = newFrozenWriter(unclosed{file}, rowsFile, false)
	if err := e.w.write([]byte(header)); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// unclosed is a file that outlives its writer.
type unclosed struct{ io.Writer }

// Close implements [io.Closer].
func (unclosed) Close() error { return nil }

// Write implements [io.Writer].
func (e *earlyFile) Write(p []byte) (int, error) {
	e.size += int64(len(p))
	if e.w == nil {
		if e.err != nil {
			return 0, e.err
		}
		return e.file.Write(p)
	}
	if err := e.w.write(p); err != nil {
		return 0, err
	}
	if e.packed(e.size) { // it will not stay: there is nothing to hash
		return len(p), e.settle()
	}
	return len(p), nil
}

// settle ends the writer: all is in the file.
func (e *earlyFile) settle() error {
	if e.w != nil {
		e.frozen, e.err = e.w.close()
		e.w = nil
	}
	return e.err
}

// complete is called when everything was written.
func (e *earlyFile) complete() {
	if e.settle() == nil { // keep has the error
		e.file.syncAll()
	}
}

// ReadAt implements [io.ReaderAt]. Nothing may be written afterwards.
func (e *earlyFile) ReadAt(p []byte, at int64) (int, error) {
	if err := e.settle(); err != nil {
		return 0, err
	}
	return e.file.ReadAt(p, e.header+at)
}

// keep makes it the file of the snapshot.
func (e *earlyFile) keep() (File, error) {
	if err := e.settle(); err != nil {
		return File{}, err
	}
	return e.frozen, e.file.keep()
}

// Close implements [io.Closer]. Without keep the file is gone.
func (e *earlyFile) Close() error {
	_ = e.settle() // whoever wanted what was written has the error
	return e.file.Close()
}
