package postgrid

import (
	"bytes"
	"encoding/json"
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

// form writes the fields into a form, nested ones as name[inner], as the SDK
// documents it.
func (l *fieldList) form(w *vendors.FormBuilder) *vendors.FormBuilder {
	outer := ""
	for _, f := range *l {
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
			w.File(name, f.name+".pdf", "application/pdf", f.file)
		case literalField, textField:
			w.Text(name, f.text)
		}
	}
	return w
}
