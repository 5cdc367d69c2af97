package signature

import (
	"bytes"
	"encoding/json"
)

// members walks over the members of a JSON object. A struct would not do:
// encoding/json takes "ALG" for "alg", and its decoder costs ten times the MAC
// over the same bytes.
//
// It reads the object's own level. What is inside the values is passed over by
// its quotes and brackets and not judged; whoever parses it does that. For a
// valid document it agrees with encoding/json.
type members struct {
	rest    []byte
	started bool
	// bad says that it is no object, and stays.
	bad bool
}

// next returns the name, without quotes and escapes, and the value of the next
// member, as parts of the document. It returns false after the last one, and
// when the document is bad.
func (m *members) next() (name, value []byte, ok bool) {
	switch {
	case !m.started && m.take('{'):
		m.started = true
		if m.take('}') {
			return m.end()
		}
	case m.started && m.take('}'):
		return m.end()
	case !m.started || !m.take(','):
		return m.fail()
	}
	quoted := m.cut(stringLen(m.rest))
	if quoted == nil || !m.take(':') {
		return m.fail()
	}
	if value = m.cut(valueLen(m.rest)); value == nil {
		return m.fail()
	}
	name = quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var text string
		if json.Unmarshal(quoted, &text) != nil {
			return m.fail()
		}
		name = []byte(text)
	}
	return name, value, true
}

func (m *members) fail() (name, value []byte, ok bool) {
	m.bad = true
	return nil, nil, false
}

// end is the closing brace, behind which there is nothing but space.
func (m *members) end() (name, value []byte, ok bool) {
	m.bad = m.bad || len(m.rest) > 0
	return nil, nil, false
}

// take moves over a character, with the space on both sides.
func (m *members) take(c byte) bool {
	m.rest = skipSpace(m.rest)
	if m.bad || len(m.rest) == 0 || m.rest[0] != c {
		return false
	}
	m.rest = skipSpace(m.rest[1:])
	return true
}

// cut splits off what is n bytes long, nil when it is nothing.
func (m *members) cut(n int) []byte {
	if n == 0 {
		return nil
	}
	part := m.rest[:n:n]
	m.rest = m.rest[n:]
	return part
}

// valueLen is the length of the value with which rest begins, 0 when there is
// none or its end is missing.
func valueLen(rest []byte) int {
	if len(rest) == 0 {
		return 0
	}
	switch rest[0] {
	case '"':
		return stringLen(rest)
	case '{', '[':
		return nestedLen(rest)
	}
	if n := bytes.IndexAny(rest, ",]} \t\r\n"); n >= 0 {
		return n
	}
	return 0 // an object ends with a brace
}

func nestedLen(rest []byte) int {
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			n := stringLen(rest[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

func stringLen(rest []byte) int {
	if len(rest) == 0 || rest[0] != '"' {
		return 0
	}
	for i := 1; ; i++ {
		n := bytes.IndexByte(rest[i:], '"')
		if n < 0 {
			return 0
		}
		i += n
		escapes := 0
		for rest[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

func skipSpace(raw []byte) []byte {
	for i, b := range raw {
		switch b {
		case ' ', '\t', '\r', '\n':
		default:
			return raw[i:]
		}
	}
	return nil
}
