package snapshot

import (
	"fmt"
	"strings"
)

// class says what kinds of bytes a text is made of.
type class uint8

const (
	classHigh    class = 1 << iota // 0x80 and above
	classControl                   // a control character of ASCII
	classQuote                     // a quote, a comma or a line break: to be quoted in our files
	classStop                      // ends a field or a row, or begins a quoted field
	classFormula                   // begins a formula where it begins a value
)

// classes is a table by byte.
type classes [256]class

func newClasses(separator byte) *classes {
	var t classes
	for i := range t {
		switch c := byte(i); {
		case c >= 0x80:
			t[i] = classHigh
		case c < ' ' || c == 0x7f:
			t[i] = classControl
		case c == '"' || c == ',':
			t[i] = classQuote
		case c == '=' || c == '@' || c == '+':
			t[i] = classFormula
		}
	}
	for _, c := range []byte{separator, '"', '\n', '\r'} {
		t[c] |= classStop
	}
	return &t
}

// scanner reads the rows of a text as encoding/csv does in its strict mode,
// without a copy of what is not quoted: the fields are parts of the text. A
// test compares the two.
type scanner struct {
	text      string
	at        int // in text
	line      int // on which the next row begins
	final     bool
	separator byte
	table     *classes

	fields  []string // of the row; used again for the next
	class   class    // of its bytes
	row     int      // the line on which it begins
	last    int      // the line on which the row before it began
	scratch []byte
}

// syntaxError is what a scanner cannot read on behind.
type syntaxError struct {
	row, line, column int
	tooLong           bool
}

func (e *syntaxError) Error() string {
	if e.tooLong {
		return fmt.Sprintf("is longer than %d bytes; is a quote missing?", MaxRowBytes)
	}
	return fmt.Sprintf("a quote is out of place on line %d, column %d; quote the field and double the quotes in it", e.line, e.column)
}

// next reads a row that is not an empty line, and reports false at the end of
// the text.
func (s *scanner) next() (bool, *syntaxError) {
	for s.at < len(s.text) {
		start := s.at
		s.fields, s.class = s.fields[:0], 0
		empty, err := s.plain()
		if err == nil && s.at-start > MaxRowBytes {
			err = s.tooLong()
		}
		if err != nil {
			return false, err
		}
		if !empty {
			s.last = s.row
			return true, nil
		}
	}
	return false, nil
}

func (s *scanner) tooLong() *syntaxError { return &syntaxError{row: s.row, tooLong: true} }

// plain reads a row up to its end, or as far as it has no quotes.
func (s *scanner) plain() (empty bool, _ *syntaxError) {
	text, table, first := s.text, s.table, s.at
	s.row = s.line
	var all class
	start := first
	for i := first; i < len(text); i++ {
		c := text[i]
		k := table[c]
		if k&classStop == 0 {
			all |= k
			continue
		}
		switch c {
		case s.separator:
			s.fields = append(s.fields, text[start:i])
			start = i + 1
		case '\n':
			s.at, s.line = i+1, s.line+1
			if i == first {
				return true, nil
			}
			s.fields = append(s.fields, text[start:i])
			s.class |= all
			return false, nil
		case '\r':
			switch {
			case i+1 < len(text) && text[i+1] == '\n', i+1 == len(text) && s.final:
				s.at, s.line = min(i+2, len(text)), s.line+1
				if i == first {
					return true, nil
				}
				s.fields = append(s.fields, text[start:i])
				s.class |= all
				return false, nil
			}
			all |= classControl | classQuote
		default: // a quote
			if i != start {
				return false, &syntaxError{row: s.row, line: s.row, column: i - first + 1}
			}
			s.class |= all
			return false, s.quoted(first, i)
		}
	}
	if !s.final {
		return false, s.tooLong()
	}
	s.at, s.line = len(text), s.line+1
	s.fields = append(s.fields, text[start:])
	s.class |= all
	return false, nil
}

// quoted reads on from the first field that is quoted, line by line as
// encoding/csv does: a CRLF inside a field becomes LF.
func (s *scanner) quoted(first, at int) *syntaxError {
	for _, f := range s.fields {
		s.class |= s.classOf(f)
	}
	lineStart, line := first, s.row
	rest, ended, next := s.cutLine(at)
	bad := func(column int) *syntaxError { return &syntaxError{row: s.row, line: line, column: column} }
	// column returns where rest begins. What cutLine took off stands behind it.
	end := at + len(rest)
	column := func() int { return end - len(rest) - lineStart + 1 }
	for {
		if rest == "" || rest[0] != '"' {
			i := strings.IndexByte(rest, s.separator)
			field := rest
			if i >= 0 {
				field = rest[:i]
			}
			if j := strings.IndexByte(field, '"'); j >= 0 {
				return bad(column() + j)
			}
			s.fields = append(s.fields, field)
			s.class |= s.classOf(field)
			if i < 0 {
				break
			}
			rest = rest[i+1:]
			continue
		}
		rest = rest[1:]
		var text string
		whole := true // text is a part of s.text
		add := func(part string) {
			switch {
			case whole && text == "":
				text = part
				return
			case whole:
				s.scratch = append(s.scratch[:0], text...)
				whole = false
			}
			s.scratch = append(s.scratch, part...)
		}
		done := false // with the row
		for {
			i := strings.IndexByte(rest, '"')
			if i < 0 {
				add(rest)
				if ended {
					add("\n")
				}
				if next >= len(s.text) || s.final && s.text[next:] == "\r" {
					if !s.final {
						return s.tooLong()
					}
					at := column() + len(rest)
					if ended {
						at++
					}
					return bad(at)
				}
				lineStart, line = next, line+1
				rest, ended, next = s.cutLine(next)
				end = lineStart + len(rest)
				continue
			}
			add(rest[:i])
			rest = rest[i+1:]
			if rest == "" {
				done = true
				break
			}
			if rest[0] == s.separator {
				rest = rest[1:]
				break
			}
			if rest[0] != '"' {
				return bad(column() - 1)
			}
			add(`"`)
			rest = rest[1:]
		}
		if !whole {
			text = string(s.scratch)
		}
		s.fields = append(s.fields, text)
		s.class |= s.classOf(text)
		if done {
			break
		}
	}
	if !ended && !s.final {
		return s.tooLong()
	}
	s.at, s.line = next, line+1
	return nil
}

// cutLine returns the line from at without its LF or CRLF, whether it had one,
// and where the next line begins.
func (s *scanner) cutLine(at int) (line string, ended bool, next int) {
	i := strings.IndexByte(s.text[at:], '\n')
	if i >= 0 {
		return strings.TrimSuffix(s.text[at:at+i], "\r"), true, at + i + 1
	}
	line = s.text[at:]
	if s.final { // encoding/csv does so for the last line
		line = strings.TrimSuffix(line, "\r")
	}
	return line, false, len(s.text)
}

// classOf returns the class of a field. The separator is no stop here: in a
// quoted field it is text.
func (s *scanner) classOf(field string) class {
	var all class
	for i := range len(field) {
		switch c := field[i]; c {
		case '\n', '\r':
			all |= classQuote | classControl
		default:
			all |= s.table[c]
		}
	}
	return all &^ classStop
}
