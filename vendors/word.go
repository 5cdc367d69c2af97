package vendors

import (
	"strings"

	"github.com/postproof/postproof"
)

// maxWord is longer than any id seen.
const maxWord = 64

// Word returns s when it is one plain word, as ids, statuses and codes are: at most 64
// letters, digits, hyphens, underscores and full stops, and not the marks alone. It fits
// into a path and into an error then: a word cannot hold personal data in any form worth
// the name. Anything else is "".
func Word(s string) string {
	if len(s) > maxWord {
		return ""
	}
	plain := false
	for i := range len(s) {
		switch c := s[i]; {
		case (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'):
			plain = true
		case c != '-' && c != '_' && c != '.':
			return ""
		}
	}
	if !plain {
		return ""
	}
	return s
}

// SplitName splits a name at its last space, for a vendor that takes two parts and
// prints them with a space between: nothing is lost by a wrong guess, and "Current
// Resident" prints as that. A single word is the first of the two.
func SplitName(name string) (first, last string) {
	name = strings.TrimSpace(name)
	i := strings.LastIndexByte(name, ' ')
	if i < 0 {
		return name, ""
	}
	return strings.TrimSpace(name[:i]), name[i+1:]
}

// Ref returns a field that is one of our references; empty when it has not the form of
// one, and when there is none.
func (o Object) Ref(name string) postproof.Ref {
	if ref := postproof.Ref(o.Text(name)); ref.Valid() {
		return ref
	}
	return ""
}

// Answered notes an answer of which the look-up is made: what it proves is as old as the
// earliest of them.
func (f *Found) Answered(r *Response) {
	if t := r.Time(); f.VendorTime.IsZero() || (!t.IsZero() && t.Before(f.VendorTime)) {
		f.VendorTime = t
	}
}
