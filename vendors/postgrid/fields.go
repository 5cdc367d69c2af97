package postgrid

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// fieldList is a request as a flat list, in its fixed order: the same
// submission must give the same bytes for ever. An object is what stands
// between its open field and its end; none is nested twice.
type fieldList []field

type field struct {
	kind fieldKind
	name string
	// text is a string's value, or the literal true or false.
	text string
	file postproof.Blob
}

type fieldKind uint8

const (
	textField fieldKind = iota
	literalField
	fileField
	openField
	endField
)

func (l *fieldList) text(name, value string) {
	*l = append(*l, field{kind: textField, name: name, text: value})
}

// textIfAny leaves out an empty value.
func (l *fieldList) textIfAny(name, value string) {
	if value != "" {
		l.text(name, value)
	}
}

func (l *fieldList) flag(name string, value bool) {
	*l = append(*l, field{kind: literalField, name: name, text: strconv.FormatBool(value)})
}

func (l *fieldList) upload(name string, pdf postproof.Blob) {
	*l = append(*l, field{kind: fileField, name: name, file: pdf})
}

func (l *fieldList) open(name string) { *l = append(*l, field{kind: openField, name: name}) }
func (l *fieldList) end()             { *l = append(*l, field{kind: endField}) }

func (l *fieldList) hasFile() bool {
	return slices.ContainsFunc(*l, func(f field) bool { return f.kind == fileField })
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// json returns the fields as an object. Files have no place in it.
func (l *fieldList) json() []byte {
	b := []byte{'{'}
	first := true
	for _, f := range *l {
		if f.kind == endField {
			b, first = append(b, '}'), false
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(b, marshal(f.name)...), ':')
		switch f.kind {
		case openField:
			b, first = append(b, '{'), true
		case literalField:
			b = append(b, f.text...)
		default:
			b = append(b, marshal(f.text)...)
		}
	}
	return append(b, '}')
}

// marshal leaves markup readable: json.Marshal escapes < and >.
func marshal(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string cannot fail, nor can the buffer
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// multipartBody writes the fields as a form, nested ones as name[inner], as the
// SDK documents it. Files are streamed from the blob store.
func multipartBody(encoder, delimiter string, fields fieldList, open func(context.Context, postproof.Blob) (io.ReadCloser, error)) *vendors.Body {
	w := formWriter{delimiter: delimiter}
	outer := ""
	for _, f := range fields {
		name := f.name
		if outer != "" {
			name = outer + "[" + name + "]"
		}
		switch f.kind {
		case openField:
			outer = f.name
		case endField:
			outer = ""
		case fileField:
			w.head(name, "; filename=\""+f.name+".pdf\"\r\nContent-Type: application/pdf")
			w.flush()
			w.body.Blob(f.file)
			w.fixed.WriteString("\r\n")
		case literalField, textField:
			w.head(name, "")
			w.fixed.WriteString(f.text + "\r\n")
		}
	}
	fmt.Fprintf(&w.fixed, "--%s--\r\n", delimiter)
	w.flush()
	return w.body.Build(encoder, "multipart/form-data; boundary="+delimiter, open)
}

type formWriter struct {
	delimiter string
	fixed     bytes.Buffer
	body      vendors.BodyBuilder
}

// head opens a part. Names are ours, or checked to hold no quote.
func (w *formWriter) head(name, more string) {
	fmt.Fprintf(&w.fixed, "--%s\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n", w.delimiter, name, more)
}

func (w *formWriter) flush() {
	w.body.Bytes(bytes.Clone(w.fixed.Bytes()))
	w.fixed.Reset()
}
