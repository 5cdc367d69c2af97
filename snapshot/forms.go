package snapshot

import (
	"crypto/sha256"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// composed returns a text in the form NFC, in which it is kept and compared: "é"
// is one character, and not an "e" with an accent behind it. ASCII, and most of
// what is not, comes back as it is.
func composed(s string) string { return norm.NFC.String(s) }

// identity is what tells two contact ids apart: rows with one identity are one
// contact. Letters' case and the width of digits count, see the package comment.
// Invisible signs do not: a row with them is rejected, but still contradicts
// another one of its contact.
func identity(id string) string {
	if ascii(id) {
		return id
	}
	return composed(strings.TrimSpace(visible(id)))
}

// ContactForms returns the spellings under which other systems may keep a contact
// id: as it is, and in Unicode's composed (NFC) and decomposed (NFD) form. An id
// in ASCII has one.
func ContactForms(id string) []string {
	forms := []string{id}
	if ascii(id) {
		return forms
	}
	c := composed(id)
	if c != id {
		forms = append(forms, c)
	}
	if d := norm.NFD.String(c); d != id && d != c {
		forms = append(forms, d)
	}
	return forms
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// invisible reports a sign that nobody sees, and that comes with a copied text: a
// soft hyphen, a joiner, a byte order mark, a direction mark, a variation selector.
func invisible(r rune) bool {
	return r >= 0xa0 && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r))
}

// visible drops the invisible signs.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
}

// listedID is a contact id as a [SuppressionList] keeps it: eight bytes of the
// digest of its likeness, and eight that are zero unless letters' case tells it
// from others.
type listedID [16]byte

// listedOf returns what a list keeps of an id.
func listedOf(id string) (l listedID) {
	var room [2 * longestContact]byte
	exact := appendLikeness(room[:0], id)
	coded := isCoded(exact)
	if coded {
		sum := sha256.Sum256(exact)
		copy(l[8:], sum[:8])
		l[15] |= 1
	}
	sum := sha256.Sum256(lowered(exact))
	copy(l[:8], sum[:8])
	return l
}

// likeness is what ids that may be one contact have in common.
func (l listedID) likeness() [8]byte { return [8]byte(l[:8]) }

// matches reports whether two ids are meant to be the same contact. In doubt they
// are: who asked not to be mailed is not.
func (l listedID) matches(o listedID) bool {
	var plain [8]byte
	if l.likeness() != o.likeness() {
		return false
	}
	return [8]byte(l[8:]) == [8]byte(o[8:]) || [8]byte(l[8:]) == plain || [8]byte(o[8:]) == plain
}

// appendLikeness appends an id without what gets lost, or comes in, between two
// systems: invisible signs, the width of characters, kinds and numbers of spaces,
// and in a number the zeros at its beginning and the ".0" of a spreadsheet.
func appendLikeness(b []byte, id string) []byte {
	start := len(b)
	if !ascii(id) {
		id = norm.NFKC.String(visible(id))
	}
	space := false
	for _, r := range id {
		if unicode.IsSpace(r) || isControl(r) {
			space = len(b) > start
			continue
		}
		if space {
			b, space = append(b, ' '), false
		}
		b = utf8.AppendRune(b, r)
	}
	digits := b[start:]
	if n := len(digits); n > 2 && digits[n-2] == '.' && digits[n-1] == '0' {
		digits = digits[:n-2]
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return b
		}
	}
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return append(b[:start], digits...)
}

// isCoded reports whether an id is of a kind in which letters' case counts: small
// letters, capitals and digits at random, as in the fifteen characters of
// Salesforce. Names, mail addresses, UUIDs and hexadecimal numbers are not.
func isCoded(id []byte) bool {
	var small, capital, digit bool
	for _, c := range id {
		switch {
		case c >= 'a' && c <= 'z':
			small = true
		case c >= 'A' && c <= 'Z':
			capital = true
		case c >= '0' && c <= '9':
			digit = true
		case c == '@' || c == ' ' || c >= utf8.RuneSelf:
			return false
		}
	}
	return small && capital && digit
}

// lowered returns a text without regard to case, in any language's letters: the
// dotless and the dotted i are an i, and a sharp s is two.
func lowered(b []byte) []byte {
	out := make([]byte, 0, longestContact)
	for at := 0; at < len(b); {
		r, n := utf8.DecodeRune(b[at:])
		at += n
		if r == 'ß' || r == 'ẞ' {
			out = append(out, "ss"...)
			continue
		}
		out = utf8.AppendRune(out, unicode.ToLower(unicode.ToUpper(r)))
	}
	return out
}

// placeText is a part of an address that is not ASCII as [AddressKey] reads it:
// without accents, which the files of the postal services leave out, without
// apostrophes, full stops and invisible signs, and in the plain form of wide, raised and
// joined characters.
func placeText(s string) string {
	for _, f := range [...][2]string{{"½", " 1/2"}, {"¼", " 1/4"}, {"¾", " 3/4"}} {
		s = strings.ReplaceAll(s, f[0], f[1])
	}
	s = strings.Map(func(r rune) rune {
		if isApostrophe(r) || invisible(r) {
			return -1
		}
		return r
	}, s)
	s = strings.Map(func(r rune) rune {
		if r >= 0x300 && r <= 0x36f || isApostrophe(r) { // accents, which stand behind their letters; "ŉ" is one with an apostrophe
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return norm.NFKD.String(s) // signs that are neighbors only now are put in order
}

// isApostrophe reports whether a sign is dropped as one, or as a full stop.
func isApostrophe(r rune) bool { return strings.ContainsRune("’‘ʼʻʹ′´'`.", r) }
