package snapshot

import (
	"bytes"
	"io"
)

// MaxRowBytes is the longest row of a CSV file. A longer one ends the
// reading, so that a missing quote cannot draw a whole file into memory.
const MaxRowBytes = 64 << 10

// chunkBytes is how much of a file is looked at at a time: more than the
// longest row.
const chunkBytes = MaxRowBytes + 32<<10

// chunk is a piece of a file that ends where a row ends.
type chunk struct {
	text string
	line int // of its beginning
	// final: the file ends here. Otherwise a last row without its end is longer
	// than any row may be.
	final bool
	// err ended the reading behind the text.
	err error
}

// chunker cuts a file into chunks.
type chunker struct {
	src  io.Reader
	buf  []byte
	have int
	line int
	done bool
}

func newChunker(src io.Reader) *chunker {
	return &chunker{src: src, buf: make([]byte, chunkBytes), line: 1}
}

// next reports false at the end of the file.
func (c *chunker) next() (chunk, bool) {
	if c.done {
		return chunk{}, false
	}
	n, err := io.ReadFull(c.src, c.buf[c.have:])
	c.have += n
	out := chunk{line: c.line}
	end := c.have
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF: // ReadFull returns the bare values
		c.done, out.final = true, true
	case err != nil:
		c.done, out.err = true, err
		end = rowEnd(c.buf[:c.have]) // the row that was cut is nobody's
	default:
		if end = rowEnd(c.buf[:c.have]); end == 0 {
			c.done, end = true, c.have
		}
	}
	out.text = string(c.buf[:end])
	c.line += bytes.Count(c.buf[:end], []byte{'\n'})
	c.have = copy(c.buf, c.buf[end:c.have])
	return out, true
}

// rowEnd returns the end of the last row that b holds whole. Where quotes do
// not pair up as they should, it is wrong only behind the first such row, and
// a scanner ends there.
func rowEnd(b []byte) int {
	end, at := 0, 0
	for {
		quote := bytes.IndexByte(b[at:], '"')
		open := b[at:]
		if quote >= 0 {
			open = open[:quote]
		}
		if i := bytes.LastIndexByte(open, '\n'); i >= 0 {
			end = at + i + 1
		}
		if quote < 0 {
			return end
		}
		at += quote + 1
		closing := bytes.IndexByte(b[at:], '"')
		if closing < 0 {
			return end
		}
		at += closing + 1
	}
}
