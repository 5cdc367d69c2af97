package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// CSV returns the rows of a CSV file whose first line is the header. Fields
// are quoted as in RFC 4180; lines end in LF, CRLF or CR. Empty lines, and
// rows of nothing but separators, are skipped.
//
// Unless an option says what the file is, it is found out: the separator
// (comma, semicolon or tab) from the header, and the encoding (UTF-8 or UTF-16)
// from its first bytes. Nothing in a file of one byte a character says which
// encoding it is, so that a row with bytes that are not UTF-8 is rejected,
// with the text that it would be in [Windows1252] as a suggestion; see
// [WithEncoding] and [WithFallback].
//
// A row with too many or too few fields is rejected. A header that does not
// fit the mapping, a quote out of place and a row over [MaxRowBytes] end the
// reading with an error, since nobody can tell what follows them.
//
// The rows carry all columns of the file, see [Row.Field]. The reader is read
// once and not closed.
func CSV(r io.Reader, m Mapping, opts ...CSVOption) Source {
	s := &csvSource{reader: r, mapping: m}
	for i, o := range opts {
		if o == nil {
			s.wrong = invalid("options", "option %d is nil: leave it out", i)
			break
		}
		o.apply(s)
	}
	return s
}

// CSVOption says what a CSV file is instead of having it found out.
type CSVOption interface{ apply(s *csvSource) }

type csvOption func(*csvSource)

func (f csvOption) apply(s *csvSource) { f(s) }

// WithEncoding says how the whole file is encoded.
func WithEncoding(e Encoding) CSVOption { return csvOption(func(s *csvSource) { s.encoding = e }) }

// WithFallback says how rows are to be read that are not UTF-8, [Windows1252]
// or [Latin1]. They pass with a warning.
func WithFallback(e Encoding) CSVOption { return csvOption(func(s *csvSource) { s.fallback = e }) }

// WithSeparator says which character of ASCII separates the fields.
func WithSeparator(c byte) CSVOption { return csvOption(func(s *csvSource) { s.separator = c }) }

type csvSource struct {
	reader             io.Reader
	mapping            Mapping
	encoding, fallback Encoding
	separator          byte
	used               bool
	wrong              error // of the options: told when it is read
	partial            bool  // any column may be missing
	named              bool  // but not both that of the contact id and that of the address

	layout
}

// layout is what the header says of the rows.
type layout struct {
	fields  []field
	columns *Columns
	width   int
	table   *classes
	number  int // the column with the row's number in another list, or -1
}

// Mapping implements [Source].
func (s *csvSource) Mapping() Mapping { return s.mapping }

// Rows implements [Source].
func (s *csvSource) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		stopped := false
		err := s.chunks(ctx, func(c chunk) bool {
			r := s.rows(c)
			for r.next() {
				row := r.row
				row.values = append([]string(nil), row.values...) // the scanner's own
				if context.Cause(ctx) != nil {
					return false
				}
				if !yield(row, r.partialError()) {
					stopped = true
					return false
				}
			}
			if r.err != nil {
				yield(Row{}, r.err)
				stopped = true
			}
			return !stopped
		})
		if err != nil && !stopped {
			yield(Row{}, err)
		}
	}
}

// chunks reads the header and then hands out the rest, piece by piece.
func (s *csvSource) chunks(ctx context.Context, use func(chunk) bool) error {
	if s.used {
		return invalid("source", "has been read before; a CSV source is read once")
	}
	s.used = true
	if err := s.check(); err != nil {
		return err
	}
	src, enc, err := decode(s.reader, s.encoding)
	if err != nil {
		return err
	}
	s.encoding = enc
	chunks := newChunker(src)
	for first := true; ; first = false {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		c, ok := chunks.next()
		if first {
			if !ok {
				c.final = true
			}
			if c, err = s.header(c); err != nil {
				return err
			}
		}
		if !ok || !use(c) {
			return context.Cause(ctx)
		}
	}
}

func (s *csvSource) check() error {
	switch {
	case s.wrong != nil:
		return s.wrong
	case s.encoding != "" && !s.encoding.known():
		return invalid("encoding", "is not one that this package reads")
	case s.fallback != "" && s.fallback != Windows1252 && s.fallback != Latin1:
		return invalid("fallback", "is not %s or %s", Windows1252, Latin1)
	case s.separator != 0 && (s.separator >= utf8.RuneSelf || strings.IndexByte("\"\r\n", s.separator) >= 0):
		return invalid("separator", "is not a character of ASCII, or is a quote or a line break")
	}
	return nil
}

// header reads the first row and returns the rest of its chunk.
func (s *csvSource) header(c chunk) (chunk, error) {
	if s.separator == 0 {
		s.separator = findSeparator(c.text)
	}
	s.table = newClasses(s.separator)
	scan := &scanner{text: c.text, line: c.line, final: c.final, separator: s.separator, table: s.table}
	ok, bad := scan.next()
	switch {
	case bad != nil:
		return c, s.syntax(bad, scan.last)
	case !ok && c.err != nil:
		return c, s.readError(c.err, 0)
	case !ok:
		return c, invalid("row 1", "the file is empty; want a header and rows")
	}
	at := fmt.Sprintf("row %d", scan.row)
	for i, h := range scan.fields {
		switch {
		case strings.ContainsRune(h, 0):
			return c, invalid(at, "the header holds NUL bytes; is the file in UTF-16, or no text at all?")
		case !utf8.ValidString(h) && s.fallback != "":
			scan.fields[i] = recode(s.fallback, h)
		case !utf8.ValidString(h):
			return c, invalid(at, "the header is not UTF-8; say with WithEncoding what it is, for example %s", Windows1252)
		case strings.ContainsAny(h, "\r\n"):
			return c, invalid(at, "the header has a line break in column %d", i+1)
		}
	}
	fields, err := s.mapping.resolve(scan.fields, s.partial)
	if err != nil {
		return c, invalid(at, "%s", err.Error())
	}
	if s.named && fields[0].index < 0 && fields[5].index < 0 {
		return c, invalid(at, "has no column of contact ids or of addresses (%s, %s); is the header missing?", ColumnContactID, ColumnAddressLine1)
	}
	s.fields, s.width = fields, len(scan.fields)
	s.columns = newListColumns(scan.fields, fields)
	s.number = -1
	if own := s.columns.index(rowColumn); own >= 0 && s.columns.index(findingsColumn) >= 0 {
		s.number = s.columns.place[own] // one of our own files
	}
	c.text, c.line = c.text[scan.at:], scan.line
	return c, nil
}

// findSeparator returns the separator that stands most often in the first
// line, outside of quotes.
func findSeparator(text string) byte {
	var n [3]int
	const separators = ",;\t"
	quoted := false
	for i := range len(text) {
		c := text[i]
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if at := strings.IndexByte(separators, c); at >= 0 {
			n[at]++
		}
		if c == '\n' && n != [3]int{} {
			break
		}
	}
	best := 0
	for i := range n {
		if n[i] > n[best] {
			best = i
		}
	}
	return separators[best]
}

func (*csvSource) syntax(e *syntaxError, after int) error {
	if e.tooLong {
		return invalid(fmt.Sprintf("the row after row %d", after), "%s", e.Error())
	}
	return invalid(fmt.Sprintf("row %d", e.row), "%s", e.Error())
}

func (*csvSource) readError(err error, after int) error {
	if errors.Is(err, errHalfUnit) {
		return invalid(fmt.Sprintf("after row %d", after), "%s", err.Error())
	}
	return fmt.Errorf("snapshot: read after row %d: %w", after, err)
}
