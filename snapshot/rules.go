package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/postproof/postproof"
)

// rulesVersion grows whenever a change to the rules, or to normalize, makes
// something else of the same list. It is part of a snapshot's id.
const rulesVersion = 1

const (
	longestField   = 200 // characters, the limit of [postproof.Job.Validate]
	longestContact = 128 // bytes, escaped, so that a derived key stays within MaxKeyLength
)

// rules are what the rows of one list are checked against. They do not change
// and are shared by several goroutines.
type rules struct {
	defaultName  string
	vendors      []*postproof.Capabilities
	anyVendor    bool
	postOffice   bool // whoever delivers reaches PO boxes
	abroad       func() map[string]*country
	placeholders *wordSet
	words        *abbreviations
	states       *stateSet
	// shortest is the smallest limit of any vendor and of this package: a row
	// whose fields are shorter fits them all.
	shortest int
	// defaultClass is that of the default name, which any row may have.
	defaultClass class
}

func newRules(opts *Options) *rules {
	r := &rules{
		defaultName: strings.TrimSpace(opts.DefaultName), vendors: opts.Vendors, anyVendor: opts.AnyVendor,
		postOffice: !opts.PrivateCarrier, abroad: sync.OnceValue(newCountries), placeholders: newPlaceholders(), words: abbreviationTable(), states: newStates(),
		shortest: longestContact / 3, // a byte takes three in a key at most
	}
	for table, i := newClasses(','), 0; i < len(r.defaultName); i++ {
		r.defaultClass |= table[r.defaultName[i]]
	}
	for _, v := range opts.Vendors {
		l := &v.Limits
		for _, n := range [...]int{l.Name, l.Company, l.Line1, l.Line2, l.Lines / 2, l.City} {
			if n > 0 {
				r.shortest = min(r.shortest, n)
			}
		}
	}
	return r
}

// checker checks rows one after the other. Its fields are used again for the
// next row.
type checker struct {
	*rules
	row   int
	found []Finding
	// about the row
	class class
	text  []byte
	extra []string
	keep  []int // places of the further columns that are frozen
	kept  []string
}

func (c *checker) add(severity Severity, code Code, column, format string, args ...any) {
	c.found = append(c.found, Finding{Code: code, Severity: severity, Row: c.row, Column: column, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) fail(code Code, column, format string, args ...any) {
	c.add(SeverityError, code, column, format, args...)
}

func (c *checker) warn(code Code, column, message string) {
	c.add(SeverityWarning, code, column, "%s", message)
}

// suggest gives the last finding a corrected value.
func (c *checker) suggest(value string) { c.found[len(c.found)-1].Suggestion = value }

func rejected(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Severity == SeverityError })
}

// normalize brings a row into the form in which it is checked and frozen.
func (c *checker) normalize(r *Row) {
	a := &r.Address
	if loose(r.ContactID) || loose(a.Name) || loose(a.Company) || loose(a.Line1) || loose(a.Line2) ||
		loose(a.City) || loose(a.Region) || loose(a.PostalCode) || loose(a.Country) {
		for _, s := range values(r) {
			*s = strings.TrimSpace(*s)
		}
	}
	if a.Name == "" && a.Company == "" {
		a.Name = c.defaultName
	}
	a.Region, a.Country = upper(a.Region), countryCode(a.Country)
	if zip := a.PostalCode; len(zip) == 9 && a.Country == "US" {
		if plus4 := zip[:5] + "-" + zip[5:]; postproof.USPostalCode(plus4) {
			a.PostalCode = plus4
		}
	}
}

// countryCode returns a country in capitals, and the United States as US.
func countryCode(s string) string {
	switch s = upper(s); s {
	case "", "USA", "UNITED STATES", "UNITED STATES OF AMERICA":
		return "US"
	}
	return s
}

// compose brings a row that is not ASCII into the form NFC.
func compose(r *Row) {
	for i, s := range values(r) {
		c := composed(*s)
		if i == 0 && c != *s {
			r.note |= noteComposed
		}
		*s = c
	}
	shared := true // with whoever made the row
	for i, v := range r.values {
		c := composed(v)
		if c == v {
			continue
		}
		if shared {
			r.values, shared = slices.Clone(r.values), false
		}
		r.values[i] = c
	}
}

// trim is strings.TrimSpace, which most values do not need.
func trim(s string) string {
	if loose(s) {
		return strings.TrimSpace(s)
	}
	return s
}

// loose reports false for a value that strings.TrimSpace leaves as it is.
func loose(s string) bool { return s != "" && (outer(s[0]) || outer(s[len(s)-1])) }

// outer reports a byte that may be trimmed off.
func outer(c byte) bool { return c-'!' >= 0x80-'!' }

// upper is strings.ToUpper, likewise.
func upper(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || (c >= 'a' && c <= 'z') {
			return strings.ToUpper(s)
		}
	}
	return s
}

// check finds what is wrong with a normalized row, whatever the rows before it
// were. The class is that of all of its fields.
func (c *checker) check(r *Row, all class) {
	c.class = all
	a := &r.Address
	plain := all&(classHigh|classControl) == 0
	if !plain || c.long(r) {
		c.texts(r)
		plain = false
	}
	c.required(r)
	if all&classFormula != 0 {
		if shortened(r.ContactID) {
			c.fail(CodeShortened, ColumnContactID, "is a number of which a spreadsheet kept the first digits only, as in 1.2E+15: export the list with the column as text")
		}
		c.starts(r)
	}
	c.placeholder(r)
	usual := c.form(a)
	c.boxes(a)
	if len(c.vendors) > 0 && (!plain || len(a.Country) != 2 || !c.served(a.Country)) {
		c.fit(a)
	}
	if r.note&noteRecoded != 0 {
		c.warn(CodeRecoded, ColumnContactID, "the row is not UTF-8 and was read in the encoding stated for such rows")
	}
	if r.note&noteComposed != 0 {
		c.warn(CodeComposed, ColumnContactID, "was not in Unicode's composed form (NFC), and is kept in it")
	}
	// An accepted row always makes a valid address: the root package has the
	// last word on what is not plain.
	if (!plain || !usual) && !rejected(c.found) {
		c.agree(a)
	}
}

// long reports whether any field may be over a limit.
func (c *checker) long(r *Row) bool {
	a, n := &r.Address, c.shortest
	return len(r.ContactID) > n || len(a.Name) > n || len(a.Company) > n || len(a.Line1) > n || len(a.Line2) > n ||
		len(a.City) > n || len(a.Region) > n || len(a.PostalCode) > n || len(a.Country) > n
}

func (c *checker) required(r *Row) {
	a := &r.Address
	if r.ContactID == "" {
		c.fail(CodeMissing, ColumnContactID, "missing")
	}
	if a.Line1 == "" {
		c.fail(CodeMissing, ColumnAddressLine1, "missing")
	}
	if a.City == "" {
		c.fail(CodeMissing, ColumnCity, "missing")
	}
	if a.Name == "" && a.Company == "" {
		c.fail(CodeMissing, ColumnName, "missing, and so is a company (the option DefaultName fills it in)")
	}
}

// agree lets the root package have the last word.
func (c *checker) agree(a *postproof.Address) {
	err := a.Validate()
	if err == nil {
		return
	}
	column, reason := ColumnAddressLine1, "the address is not valid"
	if v, ok := errors.AsType[*postproof.ValidationError](err); ok && len(v.Fields) > 0 {
		reason = v.Fields[0].Error()
	}
	c.fail(CodeInvalid, column, "%s", reason)
}

// served reports whether every vendor mails to the country.
func (c *checker) served(country string) bool {
	for _, v := range c.vendors {
		if !slices.Contains(v.Countries, country) {
			return false
		}
	}
	return true
}

// fit checks the address against the vendors. It reports every vendor that
// cannot take it: as an error, or as a warning when another one can and that
// is enough.
func (c *checker) fit(a *postproof.Address) {
	var misfits []misfit
	fitting := 0
	for _, v := range c.vendors {
		before := len(misfits)
		misfits = appendMisfits(misfits, v, a)
		if len(misfits) == before {
			fitting++
		}
	}
	severity := SeverityError
	if c.anyVendor && fitting > 0 {
		severity = SeverityWarning
	}
	for _, m := range misfits {
		c.add(severity, CodeVendorLimit, m.column, "%s", m.reason)
	}
}

// misfit is a column and what is wrong with it.
type misfit struct{ column, reason string }

func appendMisfits(out []misfit, v *postproof.Capabilities, a *postproof.Address) []misfit {
	if !slices.Contains(v.Countries, a.CountryCode()) {
		out = append(out, misfit{ColumnCountry, v.Vendor + " does not mail to this country"})
	}
	l, n := &v.Limits, utf8.RuneCountInString
	for _, f := range [...]struct {
		column     string
		n, longest int
		what       string
	}{
		{ColumnName, n(a.Name), l.Name, ""},
		{ColumnCompany, n(a.Company), l.Company, ""},
		{ColumnAddressLine1, n(a.Line1), l.Line1, ""},
		{ColumnAddressLine2, n(a.Line2), l.Line2, ""},
		{ColumnAddressLine1, n(a.Line1) + n(a.Line2), l.Lines, " for both lines"},
		{ColumnCity, n(a.City), l.City, ""},
	} {
		if f.longest > 0 && f.n > f.longest {
			out = append(out, misfit{f.column, fmt.Sprintf("has %d characters%s, %s takes %d", f.n, f.what, v.Vendor, f.longest)})
		}
	}
	return out
}
