package lob

import (
	"bytes"
	"encoding/json"
	"iter"
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

// Room is kept on the stack for the usual number of fields of a piece, and of
// pairs of its metadata.
const (
	mostMembers = 40
	mostPairs   = 12
)

// parseObject appends the members of an object to room, which may be nil.
func parseObject(raw []byte, room object) (object, error) {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		return nil, errAnswer
	}
	i, more := scanOpening(raw, i, '}')
	for more {
		nameEnd, value, end := scanMember(raw, i, 1)
		if end < 0 {
			return nil, errAnswer
		}
		room = append(room, member{name: unquote(raw[i:nameEnd]), value: raw[value:end:end]})
		i, more = scanComma(raw, end, '}')
	}
	if i < 0 || skipSpace(raw, i) != len(raw) {
		return nil, errAnswer
	}
	return room, nil
}

// raw returns the value of the name, nil when there is none. Of several the
// last counts, as everywhere in encoding/json.
func (o object) raw(name string) []byte {
	for i := len(o) - 1; i >= 0; i-- { //nolint:modernize // slices.Backward is an eighth of the reading of an answer
		if string(o[i].name) == name {
			return o[i].value
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

// object appends the members of an object to room and returns it, nil when
// the value is none.
func (o object) object(name string, room object) object {
	inner, err := parseObject(o.raw(name), room)
	if err != nil {
		return nil
	}
	return inner
}

// texts returns an object of strings, nil when another value is among them:
// what is understood by half is not understood.
func (o object) texts(name string, room object) object {
	inner := o.object(name, room)
	for _, m := range inner {
		if !isString(m.value) && string(m.value) != "null" {
			return nil
		}
	}
	return inner
}

// elements are the values of an array; there are none when the value is none.
func (o object) elements(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		raw := o.raw(name)
		if len(raw) == 0 || raw[0] != '[' {
			return
		}
		i, more := scanOpening(raw, 0, ']')
		for more {
			end := scanValue(raw, i, 1)
			if end < 0 || !yield(raw[i:end:end]) {
				return
			}
			i, more = scanComma(raw, end, ']')
		}
	}
}

// none reports whether the value is absent or null.
func (o object) none(name string) bool {
	raw := o.raw(name)
	return raw == nil || string(raw) == null
}

// textOrNone reports whether the value is a string, absent or null.
func (o object) textOrNone(name string) bool { return isString(o.raw(name)) || o.none(name) }

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
	if isPlain(inner) || (bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner)) {
		return inner
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return []byte(s)
}
