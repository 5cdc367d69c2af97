package snapshot

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postproof/postproof"
)

// MaxRowBytes is the longest row of a CSV file. A longer one ends the
// reading, so that a missing quote cannot draw a whole file into memory.
const MaxRowBytes = 64 << 10

// readAhead is what the CSV reader may have buffered beyond a row.
const readAhead = 8 << 10

// CSV returns the rows of a CSV file in UTF-8 (with or without a byte order
// mark) whose first line is the header. Fields are separated by commas and
// quoted as in RFC 4180; lines end in LF or CRLF. Empty lines, and rows of
// nothing but commas, are skipped.
//
// A row with too many or too few fields is rejected. A header that does not
// fit the mapping, a quote out of place and a row over [MaxRowBytes] end the
// reading with an error, since nobody can tell what follows them.
//
// The reader is read once and not closed.
func CSV(r io.Reader, m Mapping) Source { return &csvSource{reader: r, mapping: m} }

type csvSource struct {
	reader  io.Reader
	mapping Mapping
	used    bool
}

// Mapping implements [Source].
func (s *csvSource) Mapping() Mapping { return s.mapping }

// Rows implements [Source].
func (s *csvSource) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if s.used {
			yield(Row{}, invalid("source", "has been read before; a CSV source is read once"))
			return
		}
		s.used = true
		if err := s.read(ctx, yield); err != nil {
			yield(Row{}, err)
		}
	}
}

// read yields rows until the end, an error or a break by the consumer.
func (s *csvSource) read(ctx context.Context, yield func(Row, error) bool) error {
	bounded := &boundedReader{src: s.reader, limit: MaxRowBytes + readAhead}
	buffered := bufio.NewReader(bounded)
	if err := skipMark(buffered); err != nil {
		return err
	}
	t := &table{csv: csv.NewReader(buffered), bounded: bounded}
	t.csv.FieldsPerRecord = -1
	t.csv.ReuseRecord = true

	header, line, err := t.next()
	if err == io.EOF { //nolint:errorlint // the CSV reader returns the bare value
		return invalid("row 1", "the file is empty; want a header and rows")
	}
	if err != nil {
		return err
	}
	fields, err := s.header(header)
	if err != nil {
		return invalid(fmt.Sprintf("row %d", line), "%s", err.Error())
	}
	width := len(header)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		record, line, err := t.next()
		if err == io.EOF { //nolint:errorlint // the CSV reader returns the bare value
			return nil
		}
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(record, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			continue
		}
		row := makeRow(line, record, fields)
		if len(record) != width {
			err = &RowError{
				Code: CodeFieldCount, Column: ColumnContactID,
				Reason: fmt.Sprintf("the row has %d fields, the header has %d", len(record), width),
			}
		}
		if !yield(row, err) {
			return nil
		}
	}
}

func (s *csvSource) header(header []string) ([]field, error) {
	for _, h := range header {
		switch {
		case strings.ContainsRune(h, 0):
			return nil, errors.New("the header holds NUL bytes; want a file in UTF-8")
		case !utf8.ValidString(h):
			return nil, errors.New("the header is not UTF-8")
		case strings.ContainsRune(h, '\r'):
			return nil, errors.New("the lines end in CR only; want LF or CRLF")
		}
	}
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t|") {
		return nil, errors.New("the fields are not separated by commas")
	}
	return s.mapping.resolve(header)
}

// table is a CSV file read row by row.
type table struct {
	csv     *csv.Reader
	bounded *boundedReader
	line    int
}

// next returns a row and the line on which it begins.
func (t *table) next() ([]string, int, error) {
	before := t.csv.InputOffset()
	record, err := t.csv.Read()
	t.bounded.seen = 0
	var parse *csv.ParseError
	switch {
	case err == nil:
		if t.csv.InputOffset()-before <= MaxRowBytes {
			t.line, _ = t.csv.FieldPos(0)
			return record, t.line, nil
		}
		err = errRowTooLong
	case errors.As(err, &parse):
		return nil, parse.StartLine, invalid(fmt.Sprintf("row %d", parse.StartLine),
			"a quote is out of place on line %d, column %d; quote the field and double the quotes in it", parse.Line, parse.Column)
	}
	if errors.Is(err, errRowTooLong) {
		return nil, 0, invalid(fmt.Sprintf("the row after row %d", t.line), "is longer than %d bytes; is a quote missing?", MaxRowBytes)
	}
	if err != io.EOF { //nolint:errorlint // the CSV reader returns the bare value
		err = fmt.Errorf("snapshot: read after row %d: %w", t.line, err)
	}
	return nil, 0, err
}

func makeRow(line int, record []string, fields []field) Row {
	get := func(i int) string {
		if at := fields[i].index; at >= 0 && at < len(record) {
			return record[at]
		}
		return ""
	}
	name := get(1)
	if strings.TrimSpace(name) == "" {
		name = strings.TrimSpace(strings.TrimSpace(get(2)) + " " + strings.TrimSpace(get(3)))
	}
	return Row{Number: line, ContactID: get(0), Address: postproof.Address{
		Name: name, Company: get(4), Line1: get(5), Line2: get(6),
		City: get(7), Region: get(8), PostalCode: get(9), Country: get(10),
	}}
}

// skipMark takes the byte order mark of UTF-8 off and refuses the others.
func skipMark(r *bufio.Reader) error {
	head, err := r.Peek(3)
	if err != nil && err != io.EOF {
		return fmt.Errorf("snapshot: read: %w", err)
	}
	switch {
	case bytes.Equal(head, []byte("\ufeff")):
		_, err = r.Discard(3)
		return err
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return invalid("row 1", "the file is in UTF-16; want UTF-8")
	}
	return nil
}

var errRowTooLong = errors.New("row too long")

// boundedReader fails once more than limit bytes were read without a row
// coming out at the other end, which sets seen back.
type boundedReader struct {
	src         io.Reader
	seen, limit int
}

// Read implements [io.Reader].
func (r *boundedReader) Read(p []byte) (int, error) {
	if r.seen > r.limit {
		return 0, errRowTooLong
	}
	n, err := r.src.Read(p)
	r.seen += n
	return n, err
}
