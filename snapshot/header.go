package snapshot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What an error quotes of a header: so many names, and so much of each.
const (
	mostHeaders   = 20
	longestHeader = 40
)

// unmapped says which fields have no column, where to name one, and what the
// header has. Strange are the fields whose header the mapping gives and the file
// does not have; missing are those that no usual name was found for.
func unmapped(all []field, strange, missing []*field, header []string) error {
	var b strings.Builder
	if len(strange) > 0 {
		b.WriteString("no column has the header that the mapping gives for ")
		list(&b, strange, func(f *field) string { return f.name + " (" + quoteHeader(*f.header) + ")" })
	}
	if len(missing) > 0 {
		if b.Len() > 0 {
			b.WriteString(", and ")
		}
		b.WriteString("no column for ")
		list(&b, missing, func(f *field) string { return f.name })
		b.WriteString(": name theirs in snapshot.Mapping (")
		list(&b, missing, func(f *field) string { return f.option() })
		b.WriteString("), or rename them in the file")
	}
	switch {
	case len(header) == 1:
		b.WriteString("; the whole row is one column: say with WithSeparator what stands between the fields")
	case isHeader(all, header):
		b.WriteString("; the header has ")
		for i, h := range header {
			if i == mostHeaders {
				fmt.Fprintf(&b, " and %d more", len(header)-i)
				break
			}
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quoteHeader(h))
		}
	default:
		fmt.Fprintf(&b, "; is the header missing? The first row has %d columns, and hardly a name of one", len(header))
	}
	return errors.New(b.String())
}

// option is the field's name in [Mapping].
func (f *field) option() string {
	var b strings.Builder
	for word := range strings.SplitSeq(f.name, "_") {
		if word == "id" {
			b.WriteString("ID")
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// isHeader reports whether the first row is one for certain, so that it may be
// shown: a file without a header has somebody's address in this place. Two of our
// fields are named in it, and nothing looks like a house number, a postal code, a
// telephone or an address of e-mail.
func isHeader(all []field, header []string) bool {
	found := 0
	for i := range all {
		if all[i].index >= 0 {
			found++
		}
	}
	for _, h := range header {
		digits := 0
		for _, r := range h {
			if unicode.IsDigit(r) {
				digits++
			}
		}
		if digits > 2 || strings.ContainsRune(h, '@') {
			return false
		}
	}
	return found > 1
}

func quoteHeader(h string) string {
	h = strings.TrimSpace(h)
	if len(h) > longestHeader {
		cut := longestHeader
		for cut > 0 && !utf8.RuneStart(h[cut]) {
			cut--
		}
		h = h[:cut] + "…"
	}
	return strconv.Quote(h)
}

// list writes names as in "a, b and c".
func list(b *strings.Builder, all []*field, name func(*field) string) {
	for i, f := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(name(f))
	}
}
