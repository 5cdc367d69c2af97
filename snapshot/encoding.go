package snapshot

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encoding is how the characters of a file are written as bytes.
type Encoding string

// The encodings.
const (
	// UTF8 is UTF-8, with or without a byte order mark.
	UTF8 Encoding = "utf-8"
	// UTF16LE and UTF16BE are what spreadsheets call "Unicode text".
	UTF16LE Encoding = "utf-16le"
	UTF16BE Encoding = "utf-16be"
	// Windows1252 is the Western European code page of Windows, which holds
	// every printable character of ISO 8859-1.
	Windows1252 Encoding = "windows-1252"
	// Latin1 is ISO 8859-1.
	Latin1 Encoding = "iso-8859-1"
)

func (e Encoding) known() bool {
	switch e {
	case UTF8, UTF16LE, UTF16BE, Windows1252, Latin1:
		return true
	default:
		return false
	}
}

// sniffBytes is what is looked at to find the encoding and the line endings.
const sniffBytes = 4 << 10

// decode returns the file in UTF-8 with LF or CRLF, and what it was found to
// be. An empty encoding is to be found out: by a byte order mark, by NUL bytes
// beside each letter of the header, or else it is UTF-8.
func decode(r io.Reader, enc Encoding) (io.Reader, Encoding, error) {
	buffered := bufio.NewReaderSize(&stickyReader{src: r}, sniffBytes)
	head, _ := buffered.Peek(sniffBytes) // an error comes again
	found, mark := sniff(head)
	if enc == "" {
		enc = found
	}
	if enc != found {
		mark = 0 // it is not a mark in the encoding that was stated
	}
	if _, err := buffered.Discard(mark); err != nil {
		return nil, enc, err
	}
	head = head[mark:]
	switch enc {
	case UTF16LE, UTF16BE:
		order := binary.ByteOrder(binary.LittleEndian)
		if enc == UTF16BE {
			order = binary.BigEndian
		}
		// The letters that matter here have a NUL beside them.
		return endings(&utf16Reader{src: buffered, order: order}, bytes.ReplaceAll(head, []byte{0}, nil)), enc, nil
	case Windows1252, Latin1:
		return endings(&singleByteReader{src: buffered, enc: enc}, head), enc, nil
	default:
		return endings(buffered, head), UTF8, nil
	}
}

// stickyReader gives its error again and again.
type stickyReader struct {
	src io.Reader
	err error
}

// Read implements [io.Reader].
func (r *stickyReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	var n int
	n, r.err = r.src.Read(p)
	return n, r.err
}

// sniff returns the encoding and the length of the byte order mark.
func sniff(head []byte) (Encoding, int) {
	switch {
	case bytes.HasPrefix(head, []byte("\ufeff")):
		return UTF8, len(head) - len(bytes.TrimLeft(head, "\ufeff")) // some tools put theirs before another's
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return UTF16LE, 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return UTF16BE, 2
	}
	// Without a mark: a header of ASCII letters has every second byte zero.
	const letters = 4
	if len(head) < 2*letters {
		return UTF8, 0
	}
	little, big := true, true
	for i := 0; i < 2*letters; i += 2 {
		little = little && head[i] != 0 && head[i+1] == 0
		big = big && head[i] == 0 && head[i+1] != 0
	}
	switch {
	case little:
		return UTF16LE, 0
	case big:
		return UTF16BE, 0
	default:
		return UTF8, 0
	}
}

// endings turns the CR of files that know no LF into LF.
func endings(r io.Reader, head []byte) io.Reader {
	head = bytes.TrimSuffix(head, []byte{'\r'}) // its LF may be the next
	if bytes.IndexByte(head, '\r') < 0 || bytes.IndexByte(head, '\n') >= 0 {
		return r
	}
	return crReader{r}
}

// crReader gives LF for CR.
type crReader struct{ src io.Reader }

// Read implements [io.Reader].
func (r crReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// utf16Reader gives UTF-8. Half a surrogate pair becomes U+FFFD, which no row
// passes with.
type utf16Reader struct {
	src   *bufio.Reader
	order binary.ByteOrder
	rest  []byte
	out   [3 * 1024]byte
	err   error
}

var errHalfUnit = errors.New("the file ends in the middle of a character; is it cut off?")

// Read implements [io.Reader].
func (r *utf16Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.rest = r.out[:0]
		for len(r.rest)+utf8.UTFMax <= len(r.out) && r.err == nil {
			var c rune
			if c, r.err = r.next(); r.err == nil {
				r.rest = utf8.AppendRune(r.rest, c)
			}
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *utf16Reader) next() (rune, error) {
	b, err := r.src.Peek(2)
	if len(b) < 2 {
		if len(b) == 1 && err == io.EOF {
			err = errHalfUnit
		}
		return 0, err
	}
	c := rune(r.order.Uint16(b))
	if _, err := r.src.Discard(2); err != nil || !utf16.IsSurrogate(c) {
		return c, err
	}
	if b, _ := r.src.Peek(2); len(b) == 2 {
		if both := utf16.DecodeRune(c, rune(r.order.Uint16(b))); both != utf8.RuneError {
			_, err := r.src.Discard(2)
			return both, err
		}
	}
	return utf8.RuneError, nil
}

// singleByteReader gives UTF-8.
type singleByteReader struct {
	src  io.Reader
	enc  Encoding
	in   [1024]byte
	out  []byte
	rest []byte
}

// Read implements [io.Reader].
func (r *singleByteReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		n, err := r.src.Read(r.in[:])
		if n == 0 && err != nil {
			return 0, err
		}
		r.out = r.out[:0]
		for _, c := range r.in[:n] {
			r.out = utf8.AppendRune(r.out, singleByte(r.enc, c))
		}
		r.rest = r.out
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// singleByte returns the character of a byte; U+FFFD where it has none.
func singleByte(enc Encoding, c byte) rune {
	if enc != Windows1252 || c < 0x80 || c > 0x9f {
		return rune(c)
	}
	return [...]rune{
		'€', 0xfffd, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0xfffd, 'Ž', 0xfffd,
		0xfffd, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0xfffd, 'ž', 'Ÿ',
	}[c-0x80]
}

// recode reads a text again that is not UTF-8.
func recode(enc Encoding, s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(singleByte(enc, s[i]))
	}
	return b.String()
}
