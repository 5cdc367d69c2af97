package snapshot

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The files of a snapshot.
const (
	manifestFile = "manifest.json"
	rowsFile     = "rows.csv"
	rejectsFile  = "rejects.csv"
)

// blockBytes is the unit of verification and the memory of a reader. It is
// part of the format.
const blockBytes = 256 << 10

const frozenHeader = "row,contact_id,name,company,address_line1,address_line2,city,state,postal_code,country,findings\n"

// frozenColumns is the number of fields of frozenHeader.
const frozenColumns = 11

// frozenWriter writes a file and takes its digests on the way.
type frozenWriter struct {
	name   string
	dst    io.WriteCloser
	buf    *bufio.Writer
	bytes  int64
	total  hash.Hash
	block  hash.Hash
	filled int
	blocks []string
	line   []byte
}

func newFrozenWriter(name string, dst io.WriteCloser) *frozenWriter {
	w := &frozenWriter{name: name, dst: dst, total: sha256.New(), block: sha256.New()}
	w.buf = bufio.NewWriterSize(digestingWriter{w}, 64<<10)
	return w
}

// write appends a row. The encoding is the package's own, because the id is
// made of these bytes: it must not change with encoding/csv.
func (w *frozenWriter) write(r Row, found []Finding) error {
	line := strconv.AppendInt(w.line[:0], int64(r.Number), 10)
	for _, c := range r.cells() {
		line = appendCell(append(line, ','), c.value)
	}
	line = appendCell(append(line, ','), joinFindings(found))
	w.line = append(line, '\n')
	_, err := w.buf.Write(w.line)
	return err
}

// appendCell quotes only what has to be quoted.
func appendCell(line []byte, s string) []byte {
	if !strings.ContainsAny(s, "\",\n\r") {
		return append(line, s...)
	}
	line = append(line, '"')
	for i := range len(s) {
		if s[i] == '"' {
			line = append(line, '"')
		}
		line = append(line, s[i])
	}
	return append(line, '"')
}

// close ends the file and returns what the manifest says about it.
func (w *frozenWriter) close() (File, error) {
	err := w.buf.Flush()
	if cerr := w.dst.Close(); err == nil {
		err = cerr
	}
	if w.filled > 0 {
		w.endBlock()
	}
	return File{Name: w.name, Bytes: w.bytes, SHA256: hex.EncodeToString(w.total.Sum(nil)), Blocks: w.blocks}, err
}

func (w *frozenWriter) endBlock() {
	w.blocks = append(w.blocks, hex.EncodeToString(w.block.Sum(nil)))
	w.block.Reset()
	w.filled = 0
}

type digestingWriter struct{ w *frozenWriter }

func (d digestingWriter) Write(p []byte) (int, error) {
	w := d.w
	n, err := w.dst.Write(p)
	if err != nil {
		return n, err
	}
	w.bytes += int64(len(p))
	w.total.Write(p)
	for len(p) > 0 {
		part := p[:min(len(p), blockBytes-w.filled)]
		w.block.Write(part)
		w.filled += len(part)
		p = p[len(part):]
		if w.filled == blockBytes {
			w.endBlock()
		}
	}
	return n, nil
}

// verifiedReader hands out only bytes that match the manifest.
type verifiedReader struct {
	op    string
	file  File
	src   io.Reader
	buf   []byte
	rest  []byte
	next  int
	bytes int64
	total hash.Hash
	err   error
}

func newVerifiedReader(op string, f File, src io.Reader) *verifiedReader {
	return &verifiedReader{op: op, file: f, src: src, buf: make([]byte, blockBytes), total: sha256.New()}
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
		return err
	}
	if n == 0 {
		if r.next != len(r.file.Blocks) || r.bytes != r.file.Bytes || hex.EncodeToString(r.total.Sum(nil)) != r.file.SHA256 {
			return corrupt(r.op, r.file.Name, "ends after %d of %d bytes", r.bytes, r.file.Bytes)
		}
		return io.EOF
	}
	sum := sha256.Sum256(r.buf[:n])
	if r.next >= len(r.file.Blocks) || hex.EncodeToString(sum[:]) != r.file.Blocks[r.next] {
		return corrupt(r.op, r.file.Name, "does not match its digest in block %d", r.next)
	}
	r.total.Write(r.buf[:n])
	r.next++
	r.bytes += int64(n)
	r.rest = r.buf[:n]
	return nil
}

// printable makes a rejected row safe to keep and to look at.
func printable(r Row) Row {
	a := &r.Address
	for _, s := range []*string{
		&r.ContactID, &a.Name, &a.Company, &a.Line1, &a.Line2, &a.City, &a.Region, &a.PostalCode, &a.Country,
	} {
		*s = printableText(*s)
	}
	return r
}

// printableText puts U+FFFD for what is not UTF-8 or a control character.
func printableText(s string) string {
	return strings.Map(func(c rune) rune {
		if isControl(c) {
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}
