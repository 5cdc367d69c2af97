package snapshot

import (
	"fmt"
	"strings"
)

// Mapping says which column of a list holds which field, by the column's
// header. An empty field means the usual names: for the state, for example,
// "state", "region", "province", "state code" or "st". Case, spaces, hyphens,
// underscores and dots do not matter.
//
// A field that has a column under its own name takes that one; a field with
// two columns under other usual names is an error. Columns that no field
// claims can be asked for by [Row.Field].
type Mapping struct {
	ContactID string `json:"contact_id,omitempty"`
	Name      string `json:"name,omitempty"`
	// FirstName and LastName make up the name where Name is empty.
	FirstName    string `json:"first_name,omitempty"`
	LastName     string `json:"last_name,omitempty"`
	Company      string `json:"company,omitempty"`
	AddressLine1 string `json:"address_line1,omitempty"`
	AddressLine2 string `json:"address_line2,omitempty"`
	City         string `json:"city,omitempty"`
	State        string `json:"state,omitempty"`
	PostalCode   string `json:"postal_code,omitempty"`
	Country      string `json:"country,omitempty"`
}

// field is a field of a list on its way from the header to the rows.
type field struct {
	name     string
	header   *string // in the mapping
	synonyms string  // in folded form, separated by spaces
	required bool
	index    int // of the column, -1 for none
}

// fields lists what can be mapped; makeRow reads them by their place here.
func (m *Mapping) fields() []field {
	return []field{
		{ColumnContactID, &m.ContactID, "id contact customerid recipientid leadid clientid accountid externalid", true, -1},
		{ColumnName, &m.Name, "fullname recipient recipientname contactname customername ownername addressee", false, -1},
		{"first_name", &m.FirstName, "first givenname forename", false, -1},
		{"last_name", &m.LastName, "last surname familyname", false, -1},
		{ColumnCompany, &m.Company, "companyname organization organisation business businessname", false, -1}, //nolint:misspell // what British lists write
		{ColumnAddressLine1, &m.AddressLine1, "address1 line1 address street street1 streetaddress mailingaddress mailingstreet addr1", true, -1},
		{ColumnAddressLine2, &m.AddressLine2, "address2 line2 street2 unit apt apartment suite addr2", false, -1},
		{ColumnCity, &m.City, "town locality mailingcity", true, -1},
		{ColumnState, &m.State, "region province statecode st mailingstate", true, -1},
		{ColumnPostalCode, &m.PostalCode, "zip zipcode postcode postal zip5 mailingzip mailingpostalcode", true, -1},
		{ColumnCountry, &m.Country, "countrycode mailingcountry", false, -1},
	}
}

// resolve finds the columns of a header and writes their names into the
// mapping. Its errors name columns by number, or quote a row that is a header for
// certain: a file without one has somebody's address in this place. Partial says
// that any may be missing.
func (m *Mapping) resolve(header []string, partial bool) ([]field, error) {
	at := map[string]int{}
	for i, h := range header {
		f := fold(h)
		if f == "" {
			continue
		}
		if first, ok := at[f]; ok {
			return nil, fmt.Errorf("columns %d and %d have the same header", first+1, i+1)
		}
		at[f] = i
	}
	all := m.fields()
	var strange, missing []*field
	for i := range all {
		f := &all[i]
		if err := f.find(at); err != nil {
			return nil, err
		}
		if *f.header != "" && f.index < 0 {
			strange = append(strange, f)
		}
	}
	abroad := all[len(all)-1].index >= 0
	for i := range all {
		f := &all[i]
		if f.index >= 0 {
			*f.header = strings.TrimSpace(header[f.index])
			continue
		}
		domestic := f.name == ColumnState || f.name == ColumnPostalCode
		if *f.header == "" && f.required && !partial && (!abroad || !domestic) {
			missing = append(missing, f)
		}
	}
	if len(strange)+len(missing) > 0 {
		return nil, unmapped(all, strange, missing, header)
	}
	return all, nil
}

// find looks for the field's column; its index stays -1 where there is none.
func (f *field) find(at map[string]int) error {
	if *f.header != "" {
		if i, ok := at[fold(*f.header)]; ok {
			f.index = i
		}
		return nil
	}
	if i, ok := at[fold(f.name)]; ok {
		f.index = i
		return nil
	}
	for name := range strings.FieldsSeq(f.synonyms) {
		i, ok := at[name]
		if !ok {
			continue
		}
		if f.index >= 0 {
			return fmt.Errorf("columns %d and %d could both be %s; say which in the mapping", min(f.index, i)+1, max(f.index, i)+1, f.name)
		}
		f.index = i
	}
	return nil
}

// fold brings a header into the form in which headers are compared.
func fold(header string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(" -_.\t\u00a0", r), invisible(r):
			return -1
		default:
			return r
		}
	}, composed(header)))
}
