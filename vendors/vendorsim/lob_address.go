package vendorsim

import (
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	lobState = regexp.MustCompile(`^[A-Z]{2}$`)
	lobZip   = regexp.MustCompile(`^\d{5}(-\d{4})?$`)
)

// lobUnitedStates is the country of a domestic address, as Lob writes it.
const lobUnitedStates = "UNITED STATES"

// lobAddress is an address as Lob gives it back: in upper case.
type lobAddress struct {
	Name    *string `json:"name"`
	Company *string `json:"company"`
	Phone   *string `json:"phone"`
	Email   *string `json:"email"`
	Line1   string  `json:"address_line1"`
	Line2   *string `json:"address_line2"`
	City    string  `json:"address_city"`
	State   string  `json:"address_state"`
	Zip     string  `json:"address_zip"`
	Country string  `json:"address_country"`
}

// digest returns the recipient's digest for the print log.
func (a *lobAddress) digest() string {
	line2 := ""
	if a.Line2 != nil {
		line2 = *a.Line2
	}
	return RecipientDigest(a.Line1, line2, a.City, a.State, a.Zip)
}

func (c *lobCheck) addresses() {
	c.data.To = c.address("to")
	if c.data.To == nil {
		c.fail("to is required")
		return
	}
	line2 := ""
	if c.data.To.Line2 != nil {
		line2 = *c.data.To.Line2
	}
	if utf8.RuneCountInString(c.data.To.Line1)+utf8.RuneCountInString(line2) > 50 {
		c.failCode("address_length_exceeds_limit",
			"the sum of to.address_line1 and to.address_line2 cannot surpass 50 characters")
	}
	if unverifiable(c.data.To.Line1, c.data.To.Zip) {
		c.failCode("failed_deliverability_strictness", "the to address doesn't meet strictness requirements")
	}
	c.data.From = c.address("from")
}

// address reads an inline address; nil when it is absent. No address book is
// kept, so that an address id is never found.
func (c *lobCheck) address(field string) *lobAddress {
	if id, ok := c.f.top[field].(string); ok {
		if strings.HasPrefix(id, "adr_") && c.problem == nil {
			c.problem = lobProblem(http.StatusNotFound, "not_found", field+" address not found")
		}
		c.fail("%s must be an address id or an object", field)
		return nil
	}
	in := c.object(field)
	if in == nil {
		return nil
	}
	get := func(name string, most int) string {
		v, p := lobText(in, field+".", name)
		if p != nil && c.problem == nil {
			c.problem = p
		}
		if utf8.RuneCountInString(v) > most {
			c.fail("%s.%s length must be less than or equal to %d characters long", field, name, most)
		}
		return strings.ToUpper(strings.TrimSpace(v))
	}
	optional := func(name string, most int) *string {
		if v := get(name, most); v != "" {
			return &v
		}
		return nil
	}
	code := get("address_country", 2)
	if code == "" {
		code = "US"
	}
	country, known := lobCountry(code)
	if !known {
		c.fail("%s.address_country is not a country that is served", field)
	}
	line, rest := 64, 200
	if code != "US" {
		line = 200
	}
	a := &lobAddress{
		Name: optional("name", 40), Company: optional("company", 40), Phone: optional("phone", 40), Email: optional("email", 100),
		Line1: get("address_line1", line), Line2: optional("address_line2", line),
		City: get("address_city", rest), State: get("address_state", rest), Zip: get("address_zip", 40), Country: country,
	}
	c.require(field, code == "US", a)
	return a
}

func (c *lobCheck) require(field string, domestic bool, a *lobAddress) {
	if a.Name == nil && a.Company == nil {
		c.fail("%s.name or %s.company is required", field, field)
	}
	if a.Line1 == "" {
		c.fail("%s.address_line1 is required", field)
	}
	if !domestic {
		if a.Zip == "" && (a.City == "" || a.State == "") {
			c.fail("%s.address_zip, or %s.address_city and %s.address_state, are required", field, field, field)
		}
		return
	}
	if a.City == "" {
		c.fail("%s.address_city is required", field)
	}
	if !lobState.MatchString(a.State) {
		c.fail("%s.address_state must be a 2-letter state short-name code", field)
	}
	if !lobZip.MatchString(a.Zip) {
		c.fail("%s.address_zip must be in a valid zip format", field)
	}
}

// lobCountry returns the name that Lob writes for a country code. The list is
// that of the larger mail destinations, not Lob's whole one.
func lobCountry(code string) (string, bool) {
	if code == "US" {
		return lobUnitedStates, true
	}
	names := map[string]string{
		"AT": "AUSTRIA", "AU": "AUSTRALIA", "BE": "BELGIUM", "BR": "BRAZIL", "CA": "CANADA",
		"CH": "SWITZERLAND", "DE": "GERMANY", "DK": "DENMARK", "ES": "SPAIN", "FI": "FINLAND", "FR": "FRANCE",
		"GB": "UNITED KINGDOM", "IE": "IRELAND", "IL": "ISRAEL", "IN": "INDIA", "IT": "ITALY", "JP": "JAPAN",
		"MX": "MEXICO", "NL": "NETHERLANDS", "NO": "NORWAY", "NZ": "NEW ZEALAND", "PL": "POLAND", "PT": "PORTUGAL",
		"SE": "SWEDEN", "SG": "SINGAPORE", "ZA": "SOUTH AFRICA",
	}
	name, ok := names[code]
	return name, ok
}
