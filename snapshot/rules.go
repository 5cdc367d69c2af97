package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// hygiene checks the rows of one list, in order.
type hygiene struct {
	defaultName string
	vendors     []*postproof.Capabilities
	anyVendor   bool
	seen        seen
}

// normalize brings a row into the form in which it is checked and frozen.
func (h *hygiene) normalize(r Row) Row {
	a := &r.Address
	for _, s := range []*string{
		&r.ContactID, &a.Name, &a.Company, &a.Line1, &a.Line2, &a.City, &a.Region, &a.PostalCode, &a.Country,
	} {
		*s = strings.TrimSpace(*s)
	}
	if a.Name == "" && a.Company == "" {
		a.Name = h.defaultName
	}
	a.Region = strings.ToUpper(a.Region)
	a.Country = strings.ToUpper(a.Country)
	switch a.Country {
	case "", "USA", "UNITED STATES", "UNITED STATES OF AMERICA":
		a.Country = "US"
	}
	if zip := a.PostalCode; a.Country == "US" && len(zip) == 9 {
		if plus4 := zip[:5] + "-" + zip[5:]; postproof.USPostalCode(plus4) {
			a.PostalCode = plus4
		}
	}
	return r
}

// check returns what is wrong with a normalized row. It remembers the row for
// the search for duplicates.
func (h *hygiene) check(r Row) []Finding {
	c := checker{row: r.Number}
	c.text(r)
	c.required(r)
	c.form(&r.Address)
	h.fit(&c, &r.Address)
	h.duplicates(&c, r)
	if !c.failed() {
		c.agree(r.Address)
	}
	return c.found
}

type checker struct {
	row   int
	found []Finding
}

func (c *checker) add(severity Severity, code Code, column, format string, args ...any) {
	c.found = append(c.found, Finding{code, severity, c.row, column, fmt.Sprintf(format, args...)})
}

func (c *checker) fail(code Code, column, format string, args ...any) {
	c.add(SeverityError, code, column, format, args...)
}

func (c *checker) failed() bool { return rejected(c.found) }

func rejected(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Severity == SeverityError })
}

// text checks what holds for every field.
func (c *checker) text(r Row) {
	for _, v := range r.cells() {
		switch n := utf8.RuneCountInString(v.value); {
		case !utf8.ValidString(v.value):
			c.fail(CodeNotUTF8, v.column, "is not UTF-8")
		case strings.ContainsFunc(v.value, isControl):
			c.fail(CodeControl, v.column, "holds a control character or a line break")
		case n > longestField:
			c.fail(CodeTooLong, v.column, "has %d characters, at most %d are allowed", n, longestField)
		}
	}
	// Two slashes are DeriveKey's own.
	if n := len(postproof.DeriveKey("", r.ContactID, "")) - 2; n > longestContact {
		c.fail(CodeTooLong, ColumnContactID, "takes %d bytes in a key, at most %d are allowed", n, longestContact)
	}
	// A key may not hold the replacement character, which stands for a byte
	// that somebody's export has already lost.
	if strings.ContainsRune(r.ContactID, utf8.RuneError) && utf8.ValidString(r.ContactID) {
		c.fail(CodeNotUTF8, ColumnContactID, "holds the replacement character U+FFFD")
	}
}

// isControl matches what [postproof.Address.Validate] refuses.
func isControl(r rune) bool { return r < ' ' || (r >= 0x7f && r < 0xa0) }

func (c *checker) required(r Row) {
	a := &r.Address
	for _, v := range []cell{
		{ColumnContactID, r.ContactID},
		{ColumnAddressLine1, a.Line1},
		{ColumnCity, a.City},
	} {
		if v.value == "" {
			c.fail(CodeMissing, v.column, "missing")
		}
	}
	if a.Name == "" && a.Company == "" {
		c.fail(CodeMissing, ColumnName, "missing, and so is a company (the option DefaultName fills it in)")
	}
}

// form checks country, state and ZIP code.
func (c *checker) form(a *postproof.Address) {
	if n := a.Country; len(n) != 2 || n[0] < 'A' || n[0] > 'Z' || n[1] < 'A' || n[1] > 'Z' {
		c.fail(CodeCountry, ColumnCountry, "is not an ISO 3166 code of two letters")
		return
	}
	if a.Country != "US" {
		return
	}
	switch {
	case a.Region == "":
		c.fail(CodeMissing, ColumnState, "missing")
	case !postproof.USRegion(a.Region):
		c.fail(CodeState, ColumnState, "is not a US state, territory or military code of two letters")
	}
	switch zip := a.PostalCode; {
	case zip == "":
		c.fail(CodeMissing, ColumnPostalCode, "missing")
	case postproof.USPostalCode(zip):
	case len(zip) < 5 && postproof.USPostalCode(strings.Repeat("0", 5-len(zip))+zip):
		c.fail(CodePostalCode, ColumnPostalCode, "has %d digits, a spreadsheet may have dropped the leading zero", len(zip))
	default:
		c.fail(CodePostalCode, ColumnPostalCode, "is not a ZIP code: 12345 or 12345-6789")
	}
}

// agree lets the root package have the last word, so that an accepted row
// always makes a valid address.
func (c *checker) agree(a postproof.Address) {
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

// fit checks the address against the vendors. It reports every vendor that
// cannot take it: as an error, or as a warning when another one can and that
// is enough.
func (h *hygiene) fit(c *checker, a *postproof.Address) {
	var misfits []cell // a column and what is wrong with it
	fitting := 0
	for _, v := range h.vendors {
		before := len(misfits)
		misfits = append(misfits, misfit(v, a)...)
		if len(misfits) == before {
			fitting++
		}
	}
	severity := SeverityError
	if h.anyVendor && fitting > 0 {
		severity = SeverityWarning
	}
	for _, m := range misfits {
		c.add(severity, CodeVendorLimit, m.column, "%s", m.value)
	}
}

func misfit(v *postproof.Capabilities, a *postproof.Address) []cell {
	var out []cell
	if !slices.Contains(v.Countries, a.CountryCode()) {
		out = append(out, cell{ColumnCountry, v.Vendor + " does not mail to this country"})
	}
	l, n := &v.Limits, utf8.RuneCountInString
	for _, f := range []struct {
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
			out = append(out, cell{f.column, fmt.Sprintf("has %d characters%s, %s takes %d", f.n, f.what, v.Vendor, f.longest)})
		}
	}
	return out
}
