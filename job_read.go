package postproof

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// jobReader reads what jsonText has written, field after field in its order. A
// worker reads each job that it carries out, for which encoding/json takes many
// times as long. Whatever is not just so is left to that package:
// escapes, templates, what another version has written, and what is damaged.
type jobReader struct {
	rest string
	// first: an object was just opened, and no comma comes before its member.
	first bool
	// other: it is not just so.
	other bool
}

// readJob reports whether it could read the text.
func readJob(text string) (j jobJSON, ok bool) {
	r := jobReader{rest: text}
	r.opening()
	j.Key = r.text("key")
	j.To = r.address("to")
	j.From = r.address("from")
	j.Piece = r.piece("piece")
	j.Class = MailClass(r.text("class"))
	if r.member("send_date") && j.SendDate.UnmarshalText([]byte(r.quoted())) != nil {
		return j, false
	}
	j.Campaign, j.Contact = r.text("campaign"), r.text("contact")
	j.Priority = int(r.number("priority", strconv.IntSize))
	j.Metadata = r.texts("metadata")
	r.end()
	return j, !r.other && r.rest == ""
}

func (r *jobReader) opening() {
	r.expect("{")
	r.first = true
}

func (r *jobReader) end() {
	r.expect("}")
	r.first = false
}

func (r *jobReader) expect(part string) {
	rest, ok := strings.CutPrefix(r.rest, part)
	r.rest, r.other = rest, r.other || !ok
}

// member reports whether the member of the name comes next, and goes behind its
// colon.
func (r *jobReader) member(name string) bool {
	rest, comma := strings.CutPrefix(r.rest, ",")
	if comma == r.first || len(rest) < len(name)+len(`"":`) || rest[0] != '"' || rest[1:1+len(name)] != name || rest[1+len(name):][:2] != `":` {
		return false
	}
	r.rest, r.first = rest[len(name)+len(`"":`):], false
	return true
}

// open reports whether the member comes next and is an object, and goes into it.
func (r *jobReader) open(name string) bool {
	if !r.member(name) {
		return false
	}
	r.opening()
	return true
}

// text reads a string, empty when it is left out.
func (r *jobReader) text(name string) string {
	if !r.member(name) {
		return ""
	}
	return r.quoted()
}

func (r *jobReader) quoted() string {
	r.expect(`"`)
	ascii := true
	for i := range len(r.rest) {
		switch b := r.rest[i]; {
		case b == '"':
			s := r.rest[:i]
			r.rest = r.rest[i+1:]
			r.other = r.other || (!ascii && !utf8.ValidString(s))
			return s
		case b < ' ', b == '\\':
			r.other = true
			return ""
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.other = true
	return ""
}

// number reads an integer of so many bits, 0 when it is left out.
func (r *jobReader) number(name string, bits int) int64 {
	if !r.member(name) {
		return 0
	}
	length := 0
	for length < len(r.rest) && (r.rest[length] == '-' || (r.rest[length] >= '0' && r.rest[length] <= '9')) {
		length++
	}
	digits := r.rest[:length]
	n, err := strconv.ParseInt(digits, 10, bits)
	r.rest = r.rest[length:]
	// A number that is written otherwise is none in JSON: 007, or -0.
	r.other = r.other || err != nil || (digits[0] == '0' && length > 1) || strings.HasPrefix(digits, "-0")
	return n
}

func (r *jobReader) texts(name string) map[string]string {
	if !r.open(name) {
		return nil
	}
	texts := make(map[string]string)
	for !r.other && !strings.HasPrefix(r.rest, "}") {
		if !r.first {
			r.expect(",")
		}
		r.first = false
		key := r.quoted()
		r.expect(":")
		texts[key] = r.quoted()
	}
	r.end()
	return texts
}

func (r *jobReader) address(name string) (a Address) {
	if !r.open(name) {
		return a
	}
	a.Name, a.Company = r.text("name"), r.text("company")
	a.Line1, a.Line2 = r.text("line1"), r.text("line2")
	a.City, a.Region = r.text("city"), r.text("region")
	a.PostalCode, a.Country = r.text("postal_code"), r.text("country")
	r.end()
	return a
}

func (r *jobReader) piece(name string) (p pieceJSON) {
	if !r.open(name) {
		return p
	}
	p.Kind = PieceKind(r.text("kind"))
	if r.open("size") {
		p.Size.Name = r.text("name")
		p.Size.Short, p.Size.Long = Length(r.number("short", 32)), Length(r.number("long", 32))
		r.end()
	}
	switch {
	case r.open("html"):
		p.HTML = &HTML{Front: r.text("front"), Back: r.text("back"), FrontBlob: r.blob("front_blob"), BackBlob: r.blob("back_blob")}
		r.end()
	case r.open("pdf"):
		p.PDF = &PDF{Front: r.file("front"), Back: r.file("back")}
		r.end()
	case r.open("images"):
		p.Images = &Images{Front: r.file("front"), Back: r.file("back")}
		r.end()
	}
	p.Color, p.DoubleSided, p.AddressPage = r.flag("color"), r.flag("double_sided"), r.flag("address_page")
	r.end()
	return p
}

func (r *jobReader) file(name string) (f File) {
	if r.open(name) {
		f.URL, f.Blob = r.text("url"), r.blob("blob")
		r.end()
	}
	return f
}

func (r *jobReader) blob(name string) (b Blob) {
	if r.open(name) {
		b.Digest, b.Size = r.text("digest"), r.number("size", 64)
		r.end()
	}
	return b
}

// flag reads a flag, which is left out when it is false.
func (r *jobReader) flag(name string) bool {
	set := r.member(name)
	if set {
		r.expect("true")
	}
	return set
}
