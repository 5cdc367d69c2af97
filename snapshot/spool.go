package snapshot

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"slices"
)

// scratchFile keeps what does not fit into memory while a list is taken.
type scratchFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// scratcher is a store that has a place for scratch files; others get the
// system's.
type scratcher interface {
	scratch() (scratchFile, error)
}

// newScratch returns a file that only its owner can open, and nobody once it
// has lost its name, which is at once where the system can do that.
func newScratch(dir, pattern string) (scratchFile, error) {
	f, err := os.CreateTemp(dir, pattern) // mode 0600
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "windows" {
		return &namedScratch{f}, nil
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close() // the reason is the other one
		return nil, err
	}
	return f, nil
}

// namedScratch goes when it is closed.
type namedScratch struct{ *os.File }

// Close implements [io.Closer].
func (f *namedScratch) Close() error {
	err := f.File.Close()
	if rerr := os.Remove(f.Name()); err == nil {
		err = rerr
	}
	return err
}

// spool takes bytes, then gives them back. It holds up to limit of them in
// memory.
type spool struct {
	limit int
	open  func() (scratchFile, error)
	mem   []byte
	file  scratchFile
	size  int64
}

// Write implements [io.Writer].
func (s *spool) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	if s.file == nil && len(s.mem)+len(p) <= s.limit {
		if need := len(s.mem) + len(p); need > cap(s.mem) { // it doubles, up to the limit
			s.mem = slices.Grow(s.mem, min(max(need, 2*cap(s.mem)), s.limit)-len(s.mem))
		}
		s.mem = append(s.mem, p...)
		return len(p), nil
	}
	if s.file == nil {
		f, err := s.open()
		if err != nil {
			return 0, err
		}
		s.file = f
		if _, err := f.Write(s.mem); err != nil {
			return 0, err
		}
		s.mem = nil
	}
	return s.file.Write(p)
}

// reader reads from the beginning.
func (s *spool) reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.mem)
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

func (s *spool) close() error {
	s.mem = nil
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
