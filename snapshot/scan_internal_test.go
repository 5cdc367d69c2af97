package snapshot

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scanned is a row or the error that ended the reading.
type scanned struct {
	Fields       []string
	Row          int
	ErrLine, Col int
	Failed       bool
}

func scanAll(text string, separator byte) []scanned {
	s := scanner{text: text, line: 1, final: true, separator: separator, table: newClasses(separator)}
	var all []scanned
	for {
		ok, bad := s.next()
		switch {
		case bad != nil:
			return append(all, scanned{Row: bad.row, ErrLine: bad.line, Col: bad.column, Failed: true})
		case !ok:
			return all
		}
		all = append(all, scanned{Fields: append([]string(nil), s.fields...), Row: s.row})
	}
}

func readAll(text string, separator byte) []scanned {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = rune(separator), -1
	var all []scanned
	for {
		record, err := r.Read()
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad):
			return append(all, scanned{Row: bad.StartLine, ErrLine: bad.Line, Col: bad.Column, Failed: true})
		case err == io.EOF:
			return all
		}
		line, _ := r.FieldPos(0)
		all = append(all, scanned{Fields: record, Row: line})
	}
}

// FuzzScanner compares the scanner with encoding/csv: fields, lines, and where
// a quote is out of place.
func FuzzScanner(f *testing.F) {
	for _, text := range []string{
		"", "\n", "\r\n", "\r", "a", "a,b\n", "a,b\r\n\r\nc,\"d\"\r\n", "a\rb,c\n", "a,\r", "\"a\"\r", "\"a\r\nb\r\",c\r\n",
		"\"a\"\"b\"", "\"a", "\"a\n", "\"a\n\n", "a\"b\n", "\"a\"b\n", ",\"\n", "\"\",\"\"\n", "\"a\r\r\n\"", "\"a,b\",c", "x,\"a\"\"\"\"b\nc\"\"\",d\ne",
		"\"\n\"\"", "\"\n\r", "\"\"\"\n", "a\x00b,\xff\n", "a;b\tc,d\n", "\"\r\n\n\"\n",
	} {
		f.Add(text, byte(','))
		f.Add(text, byte(';'))
	}
	f.Fuzz(func(t *testing.T, text string, separator byte) {
		if !strings.ContainsRune(",;\t|", rune(separator)) || len(text) > MaxRowBytes {
			t.Skip("not a separator, or longer than any row: the two need not agree")
		}
		if diff := cmp.Diff(readAll(text, separator), scanAll(text, separator)); diff != "" {
			t.Errorf("%q (-encoding/csv +scanner):\n%s", text, diff)
		}
	})
}

// A file gives the same rows wherever its chunks end.
func TestChunksEndWhereRowsDo(t *testing.T) {
	t.Parallel()
	rows := []string{"a,b\n", "\n", "\"x\ny\",\"\"\"\"\r\n", "\"\",\"q\"\"\n\"\n", strings.Repeat("z", 1000) + ",\n"}
	for shift := range 24 {
		end := []string{"", "last", "\"la\nst\""}[shift%3]
		var b strings.Builder
		for i := 0; b.Len() < 3*chunkBytes; i++ {
			b.WriteString(rows[(i*i+i/7)%len(rows)])
		}
		text := strings.Repeat("s", 1+shift) + "\n" + b.String() + end
		want := scanAll(text, ',')
		chunks := newChunker(strings.NewReader(text))
		var got []scanned
		pieces := 0
		for {
			c, ok := chunks.next()
			if !ok {
				break
			}
			pieces++
			s := scanner{text: c.text, line: c.line, final: c.final, separator: ',', table: newClasses(',')}
			for {
				ok, bad := s.next()
				if bad != nil {
					t.Fatal(bad)
				}
				if !ok {
					break
				}
				got = append(got, scanned{Fields: append([]string(nil), s.fields...), Row: s.row})
			}
		}
		if pieces < 3 {
			t.Fatalf("%d chunks, the test wants more", pieces)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("end %q (-one piece +chunks):\n%.2000s", end, diff)
		}
	}
}

//nolint:paralleltest // AllocsPerRun forbids it
func TestPlainRowsAreScannedWithoutAllocation(t *testing.T) {
	text := strings.Repeat("c-123,Current Resident,12 Main Street,Springfield,IL,62701\r\n", 1000)
	s := scanner{separator: ',', table: newClasses(',')}
	rows := 0
	if n := testing.AllocsPerRun(5, func() {
		s.text, s.at = text, 0
		for ok, _ := s.next(); ok; ok, _ = s.next() {
			rows++
		}
	}); n != 0 || rows == 0 {
		t.Errorf("%v allocations for 1000 rows", n)
	}
}
