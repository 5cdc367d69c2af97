package snapshot

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postproof/postproof"
)

// texts checks what holds for every field of a row that is not plain ASCII, or
// long.
func (c *checker) texts(r *Row) {
	for i, column := range standardColumns() {
		c.textOf(column, standardOf(r, i))
	}
	for i, at := range c.keep {
		c.textOf(c.kept[i], valueOf(r, at))
	}
	// Two slashes are DeriveKey's own.
	if n := len(postproof.DeriveKey("", r.ContactID, "")) - 2; n > longestContact {
		c.fail(CodeTooLong, ColumnContactID, "takes %d bytes in a key, at most %d are allowed", n, longestContact)
	}
}

func (c *checker) textOf(column, s string) {
	if !utf8.ValidString(s) {
		c.fail(CodeNotUTF8, column, "is not UTF-8; the suggestion reads it as %s", Windows1252)
		c.suggest(printableText(recode(Windows1252, s)))
		return
	}
	if n := utf8.RuneCountInString(s); n > longestField && standardColumn(column) >= 0 {
		c.fail(CodeTooLong, column, "has %d characters, at most %d are allowed", n, longestField)
	}
	var control, lost, odd, other bool
	for _, r := range s {
		switch {
		case r < 0x7f && r >= ' ':
		case isControl(r):
			control = true
		case r == utf8.RuneError:
			lost = true
		case unprintable(r):
			odd = true
		case otherScript(r):
			other = true
		}
	}
	if control {
		c.fail(CodeControl, column, "holds a control character or a line break")
		c.suggest(strings.Join(strings.Fields(strings.Map(blankIf(isControl), s)), " "))
	}
	if lost {
		// It stands for a byte that somebody's export has already lost.
		c.fail(CodeNotUTF8, column, "holds the replacement character U+FFFD: a character was lost before")
	}
	if odd {
		c.fail(CodeUnprintable, column, "holds an emoji or another sign that printers cannot set")
		c.suggest(strings.Join(strings.Fields(strings.Map(blankIf(unprintable), s)), " "))
	}
	if other {
		c.warn(CodeScript, column, "holds letters that are not Latin; not every printer has them")
	}
}

func blankIf(match func(rune) bool) func(rune) rune {
	return func(r rune) rune {
		if match(r) {
			return ' '
		}
		return r
	}
}

// isControl matches what [postproof.Address.Validate] refuses.
func isControl(r rune) bool { return r < ' ' || (r >= 0x7f && r < 0xa0) }

// unprintable reports a sign that an address line cannot be set with: emoji and
// their parts, invisible and direction characters, private and unassigned ones.
func unprintable(r rune) bool {
	switch {
	case r < 0xa0, r == utf8.RuneError:
		return false
	case r == 0x20e3, r == 0x2800, invisible(r): // a keycap; a Braille cell without dots
		return true
	case r >= 0x2600 && r <= 0x27bf, r >= 0x2b00 && r <= 0x2bff, r >= 0x1f000 && r <= 0x1faff:
		return true
	default:
		return !unicode.IsPrint(r) && !unicode.IsSpace(r)
	}
}

// otherScript reports a letter that is not Latin.
func otherScript(r rune) bool {
	return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) && !unicode.Is(unicode.Common, r)
}

// starts finds values that a spreadsheet runs as a formula.
func (c *checker) starts(r *Row) {
	a := &r.Address
	if formula(r.ContactID) || formula(a.Name) || formula(a.Company) || formula(a.Line1) || formula(a.Line2) || formula(a.City) {
		for i, column := range standardColumns() {
			if formula(standardOf(r, i)) {
				c.warn(CodeFormula, column, "begins as a formula does; a spreadsheet that opens the list may run it")
			}
		}
	}
}

func formula(s string) bool {
	return len(s) > 1 && (s[0] == '=' || s[0] == '@' || s[0] == '+')
}

// placeholder finds what forms and exports write where nobody filled in
// anything.
func (c *checker) placeholder(r *Row) {
	a := &r.Address
	if p := c.placeholders; !p.may(r.ContactID) && !p.may(a.Name) && !p.may(a.Company) && !p.may(a.Line1) && !p.may(a.Line2) && !p.may(a.City) {
		return
	}
	for _, f := range [...]struct{ column, value string }{
		{ColumnContactID, r.ContactID},
		{ColumnName, a.Name},
		{ColumnCompany, a.Company},
		{ColumnAddressLine1, a.Line1},
		{ColumnAddressLine2, a.Line2},
		{ColumnCity, a.City},
	} {
		if !c.placeholders.has(f.value) {
			continue
		}
		// Nobody misses a company or a second line that is not there.
		if f.column == ColumnCompany && a.Name != "" || f.column == ColumnAddressLine2 {
			c.warn(CodePlaceholder, f.column, "is a placeholder, which would be printed")
			continue
		}
		c.fail(CodePlaceholder, f.column, "is a placeholder, not a value")
		if f.column == ColumnName {
			c.suggest(c.defaultName)
		}
	}
}

// placeholderWords are compared without regard to case.
const placeholderWords = "test|testing|test test|test name|test user|testuser|n/a|na|n.a.|#n/a|#ref!|#value!|#name?|null|nil|none|(none)|" +
	"undefined|nan|unknown|no name|noname|not provided|not available|not applicable|tbd|tba|xxx|xxxx|asdf|asdfgh|qwerty|" +
	"first name|last name|first last|firstname lastname|first name last name|full name|your name|company name|business name|" +
	"recipient|recipient name|name|address|address line 1|street|street address|city|sample|example|dummy|fake|placeholder|" +
	"-|--|---|.|..|...|?|??|???|[name]|{name}|{{name}}|{{first_name}}|{{first_name}} {{last_name}}|[first name]|[first name] [last name]|" +
	"%name%|*|**|lorem ipsum|john q. sample|do not use|delete me|deleted|"

// wordSet finds words without regard to case. Most values are told from all
// words by their length and first byte.
type wordSet struct {
	words   map[string]bool
	lengths [256]uint64 // by first byte, in either case
}

func newPlaceholders() *wordSet {
	s := &wordSet{words: map[string]bool{}}
	for w := range strings.SplitSeq(strings.TrimSuffix(placeholderWords, "|"), "|") {
		s.words[w] = true
		for _, first := range [...]string{w[:1], strings.ToUpper(w[:1])} {
			s.lengths[first[0]] |= 1 << len(w)
		}
	}
	return s
}

// may reports false for most values that are no word of the set.
func (s *wordSet) may(value string) bool {
	return value != "" && s.lengths[value[0]]>>uint(len(value))&1 != 0
}

func (s *wordSet) has(value string) bool { return s.may(value) && s.words[strings.ToLower(value)] }
