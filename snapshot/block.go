package snapshot

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"runtime"
)

// blockBytes is the unit of verification and the memory of a reader. It is
// part of the format.
const blockBytes = 256 << 10

// packedSuffix is what a file's name has when it is kept compressed.
const packedSuffix = ".gz"

// frozenWriter writes a file in blocks, which are hashed, and compressed, on
// several goroutines. Each block is a gzip file of its own: one behind the
// other, they are one, too.
type frozenWriter struct {
	file   File
	dst    io.WriteCloser
	line   *inOrder[*block]
	free   chan *block
	block  *block
	root   hash.Hash // over the digests of the blocks
	packed hash.Hash // over the compressed file
}

type block struct {
	plain  []byte
	sum    [sha256.Size]byte
	packed bytes.Buffer
}

// createFrozen creates a file of a draft, with its header.
func createFrozen(draft Draft, name, header string, compress bool) (*frozenWriter, error) {
	stored := name
	if compress {
		stored += packedSuffix
	}
	dst, err := draft.Create(stored)
	if err != nil {
		return nil, err
	}
	w := newFrozenWriter(dst, name, compress)
	return w, w.write([]byte(header))
}

func newFrozenWriter(dst io.WriteCloser, name string, compress bool) *frozenWriter {
	w := &frozenWriter{file: File{Name: name}, dst: dst, root: sha256.New(), free: make(chan *block, 8)}
	workers := 1
	if compress {
		w.packed = sha256.New()
		w.file.Gzip = &Gzip{}
		workers = min(runtime.GOMAXPROCS(0), mostWorkers)
	}
	w.line = newInOrder(workers, workers+1, func() func(*block) { return newBlockWork(compress) }, w.store)
	w.block = w.newBlock()
	return w
}

func newBlockWork(compress bool) func(*block) {
	if !compress {
		return func(b *block) { b.sum = sha256.Sum256(b.plain) }
	}
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return func(b *block) {
		b.sum = sha256.Sum256(b.plain)
		b.packed.Reset()
		if err != nil {
			return // not for a level that there is
		}
		z.Reset(&b.packed)
		_, _ = z.Write(b.plain) // a buffer takes everything
		_ = z.Close()
	}
}

func (w *frozenWriter) newBlock() *block {
	select {
	case b := <-w.free:
		b.plain = b.plain[:0]
		return b
	default:
		return &block{} // grows: most lists are small
	}
}

// write appends to the file.
func (w *frozenWriter) write(p []byte) error {
	b := w.block
	if room := blockBytes - len(b.plain); len(p) >= room {
		b.plain = append(b.plain, p[:room]...)
		if err := w.line.put(b); err != nil {
			return err
		}
		w.block = w.newBlock()
		return w.write(p[room:])
	}
	b.plain = append(b.plain, p...)
	return nil
}

// Write implements [io.Writer].
func (w *frozenWriter) Write(p []byte) (int, error) {
	if err := w.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// store writes a block that was worked on.
func (w *frozenWriter) store(b *block) error {
	out := b.plain
	if w.packed != nil {
		out = b.packed.Bytes()
		w.packed.Write(out)
		w.file.Gzip.Bytes += int64(len(out))
	}
	if _, err := w.dst.Write(out); err != nil {
		return err
	}
	w.file.Bytes += int64(len(b.plain))
	w.root.Write(b.sum[:])
	w.file.Blocks = append(w.file.Blocks, hex.EncodeToString(b.sum[:]))
	select {
	case w.free <- b:
	default:
	}
	return nil
}

// close ends the file and returns what the manifest says about it.
func (w *frozenWriter) close() (File, error) {
	var err error
	if len(w.block.plain) > 0 {
		err = w.line.put(w.block)
	}
	if lerr := w.line.finish(); err == nil {
		err = lerr
	}
	if cerr := w.dst.Close(); err == nil {
		err = cerr
	}
	w.file.SHA256 = hex.EncodeToString(w.root.Sum(nil))
	if w.packed != nil {
		w.file.Gzip.SHA256 = hex.EncodeToString(w.packed.Sum(nil))
	}
	return w.file, err
}

// verifiedReader hands out only bytes that match the manifest.
type verifiedReader struct {
	op   string
	file *File
	src  io.Reader
	raw  *rawReader // of a compressed file
	buf  []byte
	rest []byte
	next int
	size int64
	err  error
}

func newVerifiedReader(op string, f *File, src io.Reader) *verifiedReader {
	r := &verifiedReader{op: op, file: f, src: src, buf: make([]byte, min(blockBytes, max(f.Bytes, 1)))}
	if f.Gzip != nil {
		r.raw = &rawReader{src: src, sum: sha256.New()}
		r.src = &unpacker{raw: r.raw}
	}
	return r
}

// Read implements [io.Reader].
func (r *verifiedReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		r.err = r.fill()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// fill reads and verifies a block; at the end of the file, the whole.
func (r *verifiedReader) fill() error {
	n, err := io.ReadFull(r.src, r.buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		if r.raw != nil && r.raw.err == nil {
			return corrupt(r.op, r.file.stored(), "cannot be unpacked behind block %d", r.next)
		}
		return err
	}
	if n == 0 {
		switch {
		case r.next != len(r.file.Blocks) || r.size != r.file.Bytes:
			return corrupt(r.op, r.file.stored(), "ends after %d of %d bytes", r.size, r.file.Bytes)
		case r.raw != nil && !r.raw.is(r.file.Gzip):
			return corrupt(r.op, r.file.stored(), "does not match its digest as a compressed file")
		}
		return io.EOF
	}
	sum := sha256.Sum256(r.buf[:n])
	if r.next >= len(r.file.Blocks) || hex.EncodeToString(sum[:]) != r.file.Blocks[r.next] {
		return corrupt(r.op, r.file.stored(), "does not match its digest in block %d", r.next)
	}
	r.next++
	r.size += int64(n)
	r.rest = r.buf[:n]
	return nil
}

// rawReader takes the digest of a compressed file on the way, and tells a
// store that failed from a file that is broken.
type rawReader struct {
	src  io.Reader
	sum  hash.Hash
	size int64
	err  error
}

// Read implements [io.Reader].
func (r *rawReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.sum.Write(p[:n])
	r.size += int64(n)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (r *rawReader) is(z *Gzip) bool {
	return r.size == z.Bytes && hex.EncodeToString(r.sum.Sum(nil)) == z.SHA256
}

// unpacker reads a compressed file, whose header it reads only when it is asked
// for the first byte.
type unpacker struct {
	raw *rawReader
	zip *gzip.Reader
}

// errPacked stands for the unexpected end within a compressed file, which is
// not the end of the plain one.
var errPacked = errors.New("the compressed file breaks off")

// Read implements [io.Reader].
func (u *unpacker) Read(p []byte) (int, error) {
	if u.zip == nil {
		z, err := gzip.NewReader(u.raw)
		if err != nil {
			return 0, notEnd(err)
		}
		u.zip = z
	}
	n, err := u.zip.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // the readers return the bare value
		err = notEnd(err)
	}
	return n, err
}

func notEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // the readers return the bare values
		return errPacked
	}
	return err
}
