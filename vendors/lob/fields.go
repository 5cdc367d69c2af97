package lob

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// field is a name and its value: string, bool, nil, []field or upload. A
// list of fields has an order, which a map has not: the same submission must
// give the same bytes for ever.
type field struct {
	name  string
	value any
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func hasFile(fields []field) bool {
	return slices.ContainsFunc(fields, func(f field) bool { _, ok := f.value.(upload); return ok })
}

// appendJSON appends the fields as an object.
func appendJSON(dst []byte, fields []field) ([]byte, error) {
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, f.name); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if inner, ok := f.value.([]field); ok {
			if dst, err = appendJSON(dst, inner); err != nil {
				return nil, err
			}
			continue
		}
		if dst, err = appendValue(dst, f.value); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	return append(dst, '}'), nil
}

// appendValue appends the bytes of marshal, which most strings do not need:
// they stand for themselves.
func appendValue(dst []byte, v any) ([]byte, error) {
	if s, ok := v.(string); ok && !strings.ContainsFunc(s, mustEscape) {
		return append(append(append(dst, '"'), s...), '"'), nil
	}
	raw, err := marshal(v)
	return append(dst, raw...), err
}

// mustEscape reports more than JSON asks for: all but printable ASCII is left
// to encoding/json.
func mustEscape(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

// marshal leaves markup readable: json.Marshal escapes < and >.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// multipartBody writes the fields as a form, nested ones as name[inner] and
// without those that are nil. Files are streamed from the blob store.
func multipartBody(encoder, delimiter string, fields []field, open func(context.Context, postproof.Blob) (io.ReadCloser, error)) *vendors.Body {
	w := formWriter{delimiter: delimiter}
	w.fields("", fields)
	fmt.Fprintf(&w.fixed, "--%s--\r\n", delimiter)
	w.flush()
	return w.body.Build(encoder, "multipart/form-data; boundary="+delimiter, open)
}

type formWriter struct {
	delimiter string
	fixed     bytes.Buffer
	body      vendors.BodyBuilder
}

func (w *formWriter) fields(outer string, fields []field) {
	for _, f := range fields {
		name := f.name
		if outer != "" {
			name = outer + "[" + name + "]"
		}
		switch v := f.value.(type) {
		case nil:
		case []field:
			w.fields(name, v)
		case upload:
			w.head(name, fmt.Sprintf("; filename=\"%s.%s\"\r\nContent-Type: %s", f.name, v.extension, v.contentType))
			w.flush()
			w.body.Blob(v.blob)
			w.fixed.WriteString("\r\n")
		default:
			w.head(name, "")
			fmt.Fprintf(&w.fixed, "%v\r\n", v)
		}
	}
}

// head opens a part. Names are ours, or checked to hold no quote.
func (w *formWriter) head(name, more string) {
	fmt.Fprintf(&w.fixed, "--%s\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n", w.delimiter, name, more)
}

func (w *formWriter) flush() {
	w.body.Bytes(bytes.Clone(w.fixed.Bytes()))
	w.fixed.Reset()
}
