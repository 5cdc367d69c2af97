package lob

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"
)

// object is a piece as Lob shows it. Only id and object must be there: a new
// form of any other field must not turn an acceptance into a doubt, so each
// is read by itself and skipped when it is not understood. A struct would not
// do: encoding/json takes "ID" for "id" and keeps half of a map that it could
// not read, and a map of raw values costs more than all the rest of a
// submission.
type object []member

// member is a name and its value. Both are parts of the document.
type member struct {
	name  []byte // without quotes and escapes
	value []byte
}

// mostMembers is about the number of fields of a piece.
const mostMembers = 32

func parseObject(raw []byte) (object, error) {
	// What follows relies on it: nothing below runs past the end of a valid
	// document.
	if !json.Valid(raw) {
		return nil, errAnswer
	}
	return cutObject(raw)
}

// cutObject is parseObject for what is known to be valid.
func cutObject(raw []byte) (object, error) {
	rest := skipSpace(raw)
	if rest[0] != '{' {
		return nil, errAnswer
	}
	o := make(object, 0, min(mostMembers, 1+bytes.Count(rest, []byte{','})))
	for rest = skipSpace(rest[1:]); rest[0] != '}'; {
		var m member
		m.name, rest = cutValue(rest)
		m.name = unquote(m.name)
		m.value, rest = cutValue(skipSpace(rest[1:])) // behind the colon
		o = append(o, m)
		if rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
	}
	return o, nil
}

// raw returns the value of the name, nil when there is none. Of several the
// last counts, as everywhere in encoding/json.
func (o object) raw(name string) []byte {
	for _, m := range slices.Backward(o) {
		if string(m.name) == name {
			return m.value
		}
	}
	return nil
}

// text returns a string, empty when the value is none.
func (o object) text(name string) string {
	if raw := o.raw(name); isString(raw) {
		return string(unquote(raw))
	}
	return ""
}

// is reports whether the value is this string.
func (o object) is(name, want string) bool {
	raw := o.raw(name)
	return isString(raw) && string(unquote(raw)) == want
}

// time returns a time, zero when the value is none.
func (o object) time(name string) time.Time {
	if raw := o.raw(name); isString(raw) {
		return parseTime(unquote(raw))
	}
	return time.Time{}
}

// flag reports whether the value is true.
func (o object) flag(name string) bool { return string(o.raw(name)) == "true" }

// object returns an object, nil when the value is none.
func (o object) object(name string) object {
	raw := o.raw(name)
	if len(raw) == 0 {
		return nil
	}
	inner, err := cutObject(raw) // a part of a valid document
	if err != nil {
		return nil
	}
	return inner
}

// texts returns an object of strings, nil when another value is among them:
// what is understood by half is not understood.
func (o object) texts(name string) object {
	inner := o.object(name)
	for _, m := range inner {
		if !isString(m.value) && string(m.value) != "null" {
			return nil
		}
	}
	return inner
}

// value returns any other value, zero when it is not of the type.
func value[T any](o object, name string) T {
	var v, zero T
	raw := o.raw(name)
	if raw == nil || json.Unmarshal(raw, &v) != nil {
		return zero
	}
	return v
}

func isString(raw []byte) bool { return len(raw) > 0 && raw[0] == '"' }

// unquote returns what a valid string stands for.
func unquote(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return []byte(s)
}

// cutValue splits off the value that rest, a part of a valid document, begins
// with, and the space behind it.
func cutValue(rest []byte) (value, after []byte) {
	n := valueLen(rest)
	return rest[:n:n], skipSpace(rest[n:])
}

func valueLen(rest []byte) int {
	switch rest[0] {
	case '"':
		return stringLen(rest)
	case '{', '[':
	default:
		for i, b := range rest {
			switch b {
			case ',', ']', '}', ' ', '\t', '\r', '\n':
				return i
			}
		}
		return len(rest)
	}
	depth := 0
	for i := 0; ; i++ {
		switch rest[i] {
		case '"':
			i += stringLen(rest[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func stringLen(rest []byte) int {
	i := 1
	for ; rest[i] != '"'; i++ {
		if rest[i] == '\\' {
			i++
		}
	}
	return i + 1
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
