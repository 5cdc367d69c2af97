package snapshot

import (
	"regexp"
	"strings"
	"sync"

	"github.com/postproof/postproof"
)

// form checks country, state and postal code. It reports whether they are
// what most rows have: a state of two capitals and a ZIP code.
func (c *checker) form(a *postproof.Address) bool {
	if a.Country != "US" {
		c.formAbroad(a)
		return false
	}
	state := c.state(a.Region)
	switch {
	case a.Region == "":
		c.fail(CodeMissing, ColumnState, "missing")
	case !state:
		c.fail(CodeState, ColumnState, "is not a US state, territory or military code of two letters")
		c.suggest(stateByName(a.Region))
	}
	zip := a.PostalCode
	if postproof.USPostalCode(zip) {
		if state {
			c.region(a.Region, zip)
			c.military(a)
		}
		return state
	}
	switch {
	case zip == "":
		c.fail(CodeMissing, ColumnPostalCode, "missing")
	case len(zip) < 5 && postproof.USPostalCode(strings.Repeat("0", 5-len(zip))+zip):
		c.fail(CodePostalCode, ColumnPostalCode, "has %d digits, a spreadsheet may have dropped the leading zero", len(zip))
		c.suggest(strings.Repeat("0", 5-len(zip)) + zip)
	default:
		c.fail(CodePostalCode, ColumnPostalCode, "is not a ZIP code: 12345 or 12345-6789")
		c.suggest(looseZIP(zip))
	}
	return false
}

// stateSet has the codes of the states.
type stateSet [26 * 26]bool

func newStates() *stateSet {
	var set stateSet
	for name := range strings.SplitSeq(strings.TrimSuffix(stateNames, ";"), ";") {
		code := name[len(name)-2:]
		set[26*int(code[0]-'A')+int(code[1]-'A')] = true
	}
	return &set
}

// state is [postproof.USRegion], which a test holds it to.
func (c *checker) state(s string) bool {
	if len(s) != 2 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' {
		return false
	}
	return c.states[26*int(s[0]-'A')+int(s[1]-'A')]
}

// stateByName returns the code of a state that is written out.
func stateByName(name string) string {
	name = strings.Trim(strings.ReplaceAll(name, ".", ""), " ,")
	if postproof.USRegion(name) {
		return name
	}
	_, rest, ok := strings.Cut(";"+stateNames, ";"+name+"=")
	if !ok {
		return ""
	}
	return rest[:2]
}

// looseZIP finds a ZIP code in other forms of writing it.
func looseZIP(s string) string {
	digits := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case strings.ContainsRune(" -.", r):
			return -1
		default:
			return 'x'
		}
	}, s)
	switch {
	case strings.Contains(digits, "x"):
		return ""
	case len(digits) == 5:
		return digits
	case len(digits) == 9:
		return digits[:5] + "-" + digits[5:]
	default:
		return ""
	}
}

// region compares the ZIP code with the state. Some places get their mail
// through another state's post office, so that it is a warning.
func (c *checker) region(state, zip string) {
	at := 2 * (100*int(zip[0]-'0') + 10*int(zip[1]-'0') + int(zip[2]-'0'))
	usual := zipStates[at : at+2]
	if (usual[0] == state[0] && usual[1] == state[1]) || inRegion(usual, state, zip) {
		return
	}
	c.warn(CodePostalRegion, ColumnPostalCode, "is not a ZIP code of this state")
}

// inRegion decides what the table of prefixes leaves open.
func inRegion(usual, state, zip string) bool {
	if usual[0] < 'a' && usual != "--" {
		return false // a capital: there are no exceptions
	}
	if _, rest, ok := strings.Cut(zipExceptions, zip[:5]); ok {
		states, _, _ := strings.Cut(rest, " ")
		return strings.HasPrefix(states, state) || strings.HasSuffix(states, state)
	}
	return strings.EqualFold(usual, state)
}

// military compares the place with the state, as Publication 28 (238) has it.
func (c *checker) military(a *postproof.Address) {
	if len(a.City) != 3 && a.Region[0] != 'A' {
		return
	}
	post := strings.EqualFold(a.City, "APO") || strings.EqualFold(a.City, "FPO") || strings.EqualFold(a.City, "DPO")
	forces := a.Region == "AA" || a.Region == "AE" || a.Region == "AP"
	switch {
	case forces && !post:
		c.warn(CodeMilitary, ColumnCity, "is not APO, FPO or DPO, which a military address has in this place")
	case post && !forces:
		c.warn(CodeMilitary, ColumnState, "is not AA, AE or AP, which a military address has in this place")
	}
}

// boxes looks for PO boxes.
func (c *checker) boxes(a *postproof.Address) {
	if !mayBeBox(a.Line1) && !mayBeBox(a.Line2) {
		return
	}
	one, behind1 := poBox(a.Line1)
	two, behind2 := poBox(a.Line2)
	if !one && !two {
		return
	}
	column, other := ColumnAddressLine1, a.Line2
	if !one {
		column, other = ColumnAddressLine2, a.Line1
	}
	if (other != "" && (!one || !two) && street(other)) || street(behind1) || street(behind2) {
		c.warn(CodePOBoxStreet, column, "the address has a PO box and a street: it goes to the line above the city")
	}
	if !c.postOffice {
		c.warn(CodePOBox, column, "is a PO box, which only the Postal Service delivers to")
	}
}

// mayBeBox reports false for most lines that do not begin with a PO box.
func mayBeBox(s string) bool { return s != "" && (s[0]|' ' == 'p' || s[0]|' ' == 'b') }

// poBox reports whether a line begins with a PO box, and what stands behind it.
func poBox(s string) (bool, string) {
	if !mayBeBox(s) {
		return false, ""
	}
	word, rest := cutWord(s)
	switch word {
	case "POBOX", "POB":
	case "BOX":
		// A box alone: "Box 12", not "Box Elder Rd".
	case "PO", "POST":
		word, rest = cutWord(rest)
		if word == "OFFICE" {
			word, rest = cutWord(rest)
		}
		if word != "BOX" && word != "DRAWER" {
			return false, ""
		}
	case "P":
		if word, rest = cutWord(rest); word != "O" {
			return false, ""
		}
		if word, rest = cutWord(rest); word != "BOX" && word != "DRAWER" {
			return false, ""
		}
	default:
		return false, ""
	}
	number, rest := cutWord(rest)
	return strings.ContainsAny(number, "0123456789") || len(number) == 1, rest
}

// cutWord returns the first word in capitals, and what follows it. A word is
// letters and digits; it ends where one follows the other.
func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " .,#-")
	end := strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		end = len(s)
	}
	return strings.ToUpper(s[:end]), s[end:]
}

// street reports whether a line begins as a street address does.
func street(s string) bool {
	number, rest := cutWord(s)
	return number != "" && number[0] >= '0' && number[0] <= '9' && strings.TrimSpace(rest) != ""
}

// country is the form of a country's addresses.
type country struct {
	required string
	form     func() *regexp.Regexp // nil for none; compiled when a row has the country
}

// newCountries returns the forms of addresses, by the country's code.
func newCountries() map[string]*country {
	all := make(map[string]*country, 256)
	for line := range strings.Lines(countryData[1:]) {
		code, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ";")
		_, rest, _ = strings.Cut(rest, ";")
		required, form, _ := strings.Cut(rest, ";")
		c := &country{required: required}
		if form != "" {
			c.form = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^(?:" + form + ")$") })
		}
		all[code] = c
	}
	return all
}

// isCountry reports whether a text is a code of ISO 3166.
func isCountry(code string) bool {
	return len(code) == 2 && strings.Contains(countryData, "\n"+code+";")
}

// countryByName returns the code of a country that is written out in English.
func countryByName(name string) string {
	switch name {
	case "UK", "GREAT BRITAIN", "ENGLAND", "SCOTLAND", "WALES", "NORTHERN IRELAND":
		return "GB"
	case "U.S.", "U.S.A.", "US OF A", "AMERICA":
		return "US"
	}
	if name == "" || strings.ContainsAny(name, ";\n") {
		return ""
	}
	before, _, ok := strings.Cut(countryData, ";"+name+";")
	if !ok || len(before) < 2 {
		return ""
	}
	return before[len(before)-2:]
}

func (c *checker) formAbroad(a *postproof.Address) {
	known := c.abroad()[a.Country]
	if known == nil {
		c.fail(CodeCountry, ColumnCountry, "is not an ISO 3166 code of two letters")
		c.suggest(countryByName(a.Country))
		return
	}
	if strings.Contains(known.required, "S") && a.Region == "" {
		c.fail(CodeMissing, ColumnState, "missing, and addresses of this country have one")
	}
	switch {
	case a.PostalCode == "":
		if strings.Contains(known.required, "Z") {
			c.fail(CodeMissing, ColumnPostalCode, "missing, and addresses of this country have one")
		}
	case known.form == nil:
	case !known.form().MatchString(a.PostalCode):
		c.fail(CodePostalCode, ColumnPostalCode, "is not a postal code of this country")
		if up := strings.ToUpper(a.PostalCode); known.form().MatchString(up) {
			c.suggest(up)
		}
	}
}
