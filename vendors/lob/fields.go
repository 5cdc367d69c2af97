package lob

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/bits"
	"slices"
	"strconv"

	"github.com/postproof/postproof/vendors"
)

// fieldList is a request as a flat list, in its fixed order: the same
// submission must give the same bytes for ever. An object is what stands
// between its open field and its end. The methods append and return, so that the
// list of a usual piece needs no memory but its caller's stack, where a tree
// costs an allocation a value.
type fieldList []field

type field struct {
	kind fieldKind
	name string
	// text is a string's value, or the literal true, false or null.
	text string
	file *upload
}

type fieldKind uint8

const (
	textField fieldKind = iota
	literalField
	fileField
	openField
	endField
)

const null = "null"

// usualFields is more than the number of fields of a piece without variables.
const usualFields = 36

func (l fieldList) text(name, value string) fieldList {
	return append(l, field{kind: textField, name: name, text: value})
}

// textIfAny leaves out an empty value.
func (l fieldList) textIfAny(name, value string) fieldList {
	if value == "" {
		return l
	}
	return l.text(name, value)
}

func (l fieldList) flag(name string, value bool) fieldList {
	return l.literal(name, strconv.FormatBool(value))
}

func (l fieldList) literal(name, value string) fieldList {
	return append(l, field{kind: literalField, name: name, text: value})
}

func (l fieldList) open(name string) fieldList {
	return append(l, field{kind: openField, name: name})
}

func (l fieldList) end() fieldList { return append(l, field{kind: endField}) }

func (l fieldList) hasFile() bool {
	return slices.ContainsFunc(l, func(f field) bool { return f.kind == fileField })
}

func sortedKeys(m map[string]string) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// json returns the fields as an object. Files have no place in it.
func (l fieldList) json() []byte {
	size := 2
	for i := range l {
		size += len(l[i].name) + len(l[i].text) + len(`"":"",`)
	}
	dst := append(make([]byte, 0, size+size/8), '{') // an eighth for escapes
	first := true
	for i := range l {
		f := &l[i]
		if f.kind == endField {
			dst, first = append(dst, '}'), false
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendText(dst, f.name), ':')
		switch f.kind {
		case openField:
			dst, first = append(dst, '{'), true
		case literalField:
			dst = append(dst, f.text...)
		default:
			dst = appendText(dst, f.text)
		}
	}
	return append(dst, '}')
}

// appendText appends a string as encoding/json writes it, but with < and > as
// they are. Of what must be escaped only the usual is done here; a string with
// anything that is not ASCII is left to that package.
func appendText(dst []byte, s string) []byte {
	before, start := len(dst), 0
	dst = append(dst, '"')
	for i := 0; ; i++ {
		if i = nextSpecial(s, i); i == len(s) {
			return append(append(dst, s[start:]...), '"')
		}
		escape := s[i]
		switch escape {
		case '"', '\\':
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			return append(dst[:before], marshal(s)...)
		}
		dst = append(append(dst, s[start:i]...), '\\', escape)
		start = i + 1
	}
}

// nextSpecial returns the index of the first quote, backslash, control
// character or byte beyond ASCII from i on; the length when there is none.
func nextSpecial(s string, i int) int {
	for ; i+wordSize <= len(s); i += wordSize {
		word := wordAt(s, i)
		if special := specialBytes(word) | word&highBits; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(s); i++ {
		if b := s[i]; b < ' ' || b > '\x7f' || b == '"' || b == '\\' {
			return i
		}
	}
	return i
}

// marshal leaves markup readable: json.Marshal escapes < and >.
func marshal(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string cannot fail, nor can the buffer
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// form writes the fields into a form, nested ones as name[inner] and without
// those that are null. Nothing of Lob's is nested twice.
func (l fieldList) form(w *vendors.FormBuilder) *vendors.FormBuilder {
	outer := ""
	for i := range l {
		f := &l[i]
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
			w.File(name, f.name+"."+f.file.extension, f.file.contentType, f.file.blob)
		case literalField, textField:
			if f.kind == literalField && f.text == null {
				continue
			}
			w.Text(name, f.text)
		}
	}
	return w
}
