package vendors

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"
)

// Object is a JSON object of a vendor's whose fields are read one by one, by
// [Field] and the methods here: a new form of a field that does not matter must
// not turn an acceptance into a doubt, as it would where the whole is decoded into
// a struct. Names are exact; for a struct encoding/json takes "ID" for "id". It
// prints without its fields, which may be personal.
type Object map[string]json.RawMessage

// ParseObject returns the object. The error, for anything else, null included,
// holds nothing of the text.
func ParseObject(raw []byte) (Object, error) {
	var o Object
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return nil, errors.New("the text is no JSON object")
	}
	return o, nil
}

// Field returns a field as a T; zero when there is none, or one of another type.
// A pointer tells an absent field from a zero one.
func Field[T any](o Object, name string) T {
	var v, zero T
	if json.Unmarshal(o[name], &v) != nil {
		return zero
	}
	return v
}

// Text returns a field that is a string; empty when it is none.
func (o Object) Text(name string) string { return Field[string](o, name) }

// Object returns a field that is an object; nil, which is read like an empty one,
// when it is none.
func (o Object) Object(name string) Object { return Field[Object](o, name) }

// Time returns a field in the form of RFC 3339, in UTC; zero when it is none.
func (o Object) Time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, o.Text(name))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// String returns a form without the fields.
func (o Object) String() string { return "object(" + strconv.Itoa(len(o)) + ")" }

// GoString keeps %#v from printing the fields.
func (o Object) GoString() string { return "vendors.Object{" + o.String() + "}" }

// LogValue implements [slog.LogValuer] without the fields.
func (o Object) LogValue() slog.Value { return slog.StringValue(o.String()) }
