package postproof

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// FieldError is one thing that is wrong with a value: where, and why. The
// reason never quotes the value.
type FieldError struct {
	// Path is the field, as in "to.postal_code".
	Path string
	// Reason says what is wrong and what is wanted.
	Reason string
}

// Error returns "path: reason".
func (e FieldError) Error() string { return e.Path + ": " + e.Reason }

// ValidationError is everything that is wrong with a value, at once.
type ValidationError struct {
	Fields []FieldError
}

// Error lists every field.
func (e *ValidationError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Error()
	}
	return strings.Join(parts, "; ")
}

type violations struct{ fields []FieldError }

func (v *violations) add(path, format string, args ...any) {
	v.fields = append(v.fields, FieldError{Path: path, Reason: fmt.Sprintf(format, args...)})
}

func (v *violations) err(op string) error {
	if len(v.fields) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalidArgument, Delivery: NotSent, Op: op, Err: &ValidationError{Fields: v.fields}}
}

// Validate checks the job without looking at any vendor. It reports every bad
// field at once, as a [ValidationError] in an [Error] with
// [CodeInvalidArgument].
func (j Job) Validate() error {
	v := violations{}
	if err := j.Key.Validate(); err != nil {
		var e *Error
		errors.As(err, &e)
		v.add("key", "%s", strings.TrimPrefix(e.Err.Error(), "key: "))
	}
	j.To.validate(&v, "to")
	if !j.From.IsZero() {
		j.From.validate(&v, "from")
	}
	if !j.Class.known() {
		v.add("class", "missing or unknown: there is no default, set one such as %q", FirstClass)
	}
	validatePiece(&v, j.Piece)
	if !j.SendDate.IsZero() && j.SendDate.Before(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
		v.add("send_date", "lies before the year 2000")
	}
	validateText(&v, "campaign", j.Campaign, 200)
	validateText(&v, "contact", j.Contact, 200)
	j.validateMetadata(&v)
	return v.err("validate")
}

func (j Job) validateMetadata(v *violations) {
	if len(j.Metadata) > 10 {
		v.add("metadata", "%d pairs, at most 10 are allowed", len(j.Metadata))
	}
	if len(j.Metadata) == 0 {
		return
	}
	var room [usualKeys]string
	for _, k := range sortedKeys(room[:0], j.Metadata) { // the same text each time
		value := j.Metadata[k]
		if k == "" || len(k) > 40 || strings.Trim(k, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			v.add("metadata", "a key is not 1 to 40 characters of [A-Za-z0-9_-]")
		}
		if strings.HasPrefix(k, "postproof") {
			v.add("metadata", "keys that begin with postproof are the library's own")
		}
		if runes(value) > 200 || strings.ContainsAny(value, "\"\\") || hasControl(value) {
			v.add("metadata", "a value is over 200 characters or holds a quote, a backslash or a control character")
		}
	}
}

// Validate checks the address alone.
func (a Address) Validate() error {
	v := violations{}
	a.validate(&v, "address")
	return v.err("validate")
}

// validate puts paths together only for what is wrong: nearly all addresses
// are right.
func (a Address) validate(v *violations, path string) {
	if strings.TrimSpace(a.Name) == "" && strings.TrimSpace(a.Company) == "" {
		v.add(path+".name", "missing: a name or a company is required; \"Current Resident\" will do")
	}
	for _, f := range [...]struct{ name, value string }{{"line1", a.Line1}, {"city", a.City}} {
		if strings.TrimSpace(f.value) == "" {
			v.add(path+"."+f.name, "missing")
		}
	}
	for _, f := range [...]struct{ name, value string }{
		{"name", a.Name},
		{"company", a.Company},
		{"line1", a.Line1},
		{"line2", a.Line2},
		{"city", a.City},
		{"region", a.Region},
		{"postal_code", a.PostalCode},
	} {
		if textOK(f.value, 200) {
			continue
		}
		validateText(v, path+"."+f.name, f.value, 200)
	}
	c := a.CountryCode()
	if len(c) != 2 || c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z' {
		v.add(path+".country", "is not an ISO 3166 code of two letters, such as \"US\"")
		return
	}
	if c != "US" {
		return
	}
	if !USRegion(a.Region) {
		v.add(path+".region", "is not a US state, territory or military code of two capital letters")
	}
	if !USPostalCode(a.PostalCode) {
		v.add(path+".postal_code", "is not a ZIP code: 12345 or 12345-6789")
	}
}

// USPostalCode reports whether s is a ZIP code, 12345 or 12345-6789.
func USPostalCode(s string) bool {
	if len(s) != 5 && (len(s) != 10 || s[5] != '-') {
		return false
	}
	for i := range len(s) {
		if i != 5 && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// USRegion reports whether s is one of the 62 two-letter codes of USPS
// Publication 28, appendix B: states, the district, territories, freely
// associated states and military areas.
func USRegion(s string) bool {
	const codes = " AL AK AS AZ AR CA CO CT DE DC FM FL GA GU HI ID IL IN IA KS KY LA ME MH MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND MP OH OK OR PW PA PR RI SC SD TN TX UT VT VI VA WA WV WI WY AA AE AP "
	return len(s) == 2 && strings.Contains(codes, " "+s+" ")
}

func validatePiece(v *violations, p Piece) {
	if p == nil {
		v.add("piece", "missing: set a Postcard, a Letter or a SelfMailer")
		return
	}
	if kindOf(p) == "" {
		v.add("piece", "is not a Postcard, a Letter or a SelfMailer by value")
		return
	}
	s := p.Sheet()
	if s.Short <= 0 || s.Long < s.Short {
		v.add("piece.size", "has no dimensions, or its short edge is the longer one: take a named one such as Size4x6(), or give both edges with Inches or Millimeters")
	}
	twoSided := p.Kind() != KindLetter
	switch a := p.Art().(type) {
	case nil:
		v.add("piece.artwork", "missing: set HTML, PDF, Images or a Template")
	case HTML:
		validateSide(v, "front", a.Front != "", a.FrontBlob, true)
		validateSide(v, "back", a.Back != "", a.BackBlob, twoSided)
		if !utf8.ValidString(a.Front) || !utf8.ValidString(a.Back) {
			v.add("piece.artwork", "is not UTF-8")
		}
	case PDF:
		validateFile(v, "front", a.Front, true)
		validateFile(v, "back", a.Back, twoSided)
	case Images:
		validateFile(v, "front", a.Front, true)
		validateFile(v, "back", a.Back, twoSided)
	case Template:
		if len(a.IDs) == 0 {
			v.add("piece.artwork.ids", "missing: name at least one vendor's template")
		}
		for _, ids := range a.IDs {
			if ids.Front == "" {
				v.add("piece.artwork.ids", "a vendor has no template id for the front")
			}
		}
	default:
		v.add("piece.artwork", "is not HTML, PDF, Images or a Template by value")
	}
}

func validateSide(v *violations, side string, inline bool, blob Blob, required bool) {
	const path = "piece.artwork."
	switch {
	case inline && !blob.IsZero():
		v.add(path+side, "is given twice, as markup and as a blob")
	case !blob.IsZero() && !blob.valid():
		v.add(path+side, "names no blob: want a SHA-256 in lower-case hexadecimal and a size")
	case !inline && blob.IsZero() && required:
		v.add(path+side, "missing")
	}
}

func validateFile(v *violations, side string, f File, required bool) {
	path := "piece.artwork." + side
	if f.URL == "" {
		validateSide(v, side, false, f.Blob, required)
		return
	}
	if !f.Blob.IsZero() {
		v.add(path, "is given twice, as a URL and as a blob")
	}
	u, err := url.Parse(f.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		v.add(path, "is not an http or https URL without credentials")
	}
}

// textOK reports that a text is short and printable ASCII, as nearly all are.
func textOK(s string, longest int) bool {
	if len(s) > longest {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func validateText(v *violations, path, s string, longest int) {
	switch {
	case textOK(s, longest):
	case !utf8.ValidString(s):
		v.add(path, "is not UTF-8")
	case hasControl(s):
		v.add(path, "holds a control character or a line break")
	case runes(s) > longest:
		v.add(path, "has %d characters, at most %d are allowed", runes(s), longest)
	}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || (r >= 0x7f && r < 0xa0) })
}
