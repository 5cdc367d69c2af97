package postproof

import (
	"log/slog"
	"strings"
)

// Address is where a piece goes, or comes back to. It is personal data: it
// prints as its region and country only; read the fields to see more.
type Address struct {
	// Name is the person; Company the organization. One of them is required.
	Name    string `json:"name,omitempty"`
	Company string `json:"company,omitempty"`
	// Line1 is the delivery address line, Line2 the secondary one.
	Line1 string `json:"line1"`
	Line2 string `json:"line2,omitempty"`
	City  string `json:"city"`
	// Region is the state, territory or province; in the US two letters.
	Region string `json:"region,omitempty"`
	// PostalCode is, in the US, "12345" or "12345-6789".
	PostalCode string `json:"postal_code"`
	// Country is the ISO 3166-1 alpha-2 code; empty means US.
	Country string `json:"country,omitempty"`
}

// CountryCode returns the country, US when none is set.
func (a Address) CountryCode() string {
	if a.Country == "" {
		return "US"
	}
	return strings.ToUpper(a.Country)
}

// IsZero reports whether nothing is set.
func (a Address) IsZero() bool { return a == Address{} }

// String returns a form without personal data.
func (a Address) String() string { return "address(" + a.coarse() + ")" }

// GoString keeps %#v from printing personal data.
func (a Address) GoString() string { return "postproof.Address{" + a.coarse() + "}" }

// LogValue implements [slog.LogValuer] without personal data.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

func (a Address) coarse() string {
	if !twoCapitals(a.Region) { // anything else may be a misplaced line of the address
		return a.safeCountry()
	}
	return a.Region + ", " + a.safeCountry()
}

func (a Address) safeCountry() string {
	if a.Country == "" || twoCapitals(a.Country) {
		return a.CountryCode()
	}
	return "?"
}

func twoCapitals(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
