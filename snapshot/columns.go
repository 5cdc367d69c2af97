package snapshot

import (
	"slices"
	"strings"
)

// Columns are the columns that a list has beside the ones of this package, for
// example a date or a discount code. The rows of a list share one value. It is
// immutable and safe for concurrent use.
type Columns struct {
	names    []string
	at       map[string]int // by folded name
	place    []int          // of each in a row's values; nil when in this order
	standard map[string]int // standard columns by the folded names that the list gives them
}

// NewColumns returns columns of these names. Case, spaces, hyphens,
// underscores and dots do not tell two names apart; of two equal ones the first
// counts.
func NewColumns(names ...string) *Columns {
	c := &Columns{names: make([]string, len(names)), at: make(map[string]int, len(names))}
	for i, n := range names {
		c.names[i] = strings.TrimSpace(n)
		if _, ok := c.at[fold(n)]; !ok {
			c.at[fold(n)] = i
		}
	}
	return c
}

// newListColumns returns the columns of a header that no field of the address
// has taken. Rows carry all values, the taken ones as well.
func newListColumns(header []string, fields []field) *Columns {
	standard := map[string]int{}
	for _, f := range fields {
		if i := standardColumn(f.name); i >= 0 && f.index >= 0 {
			standard[fold(header[f.index])] = i
		}
	}
	var names []string
	var place []int
	for i, h := range header {
		if _, taken := standard[fold(h)]; !taken && fold(h) != "" {
			names, place = append(names, h), append(place, i)
		}
	}
	c := NewColumns(names...)
	c.standard, c.place = standard, place
	return c
}

// Names returns a copy of the names, in the order of the values.
func (c *Columns) Names() []string {
	if c == nil {
		return nil
	}
	return slices.Clone(c.names)
}

// index returns the place of a column, or -1.
func (c *Columns) index(name string) int {
	if c == nil {
		return -1
	}
	if i, ok := c.at[fold(name)]; ok {
		return i
	}
	return -1
}

// standardIndex returns the standard column that a name of the list's stands
// for, or -1.
func (c *Columns) standardIndex(name string) int {
	if i := standardColumn(name); i >= 0 || c == nil {
		return i
	}
	if i, ok := c.standard[fold(name)]; ok {
		return i
	}
	return -1
}

// WithFields returns a row that carries the values of further columns as well.
// Values that are missing at the end are empty. The values are not copied and
// must not be changed afterwards.
func (r Row) WithFields(c *Columns, values ...string) Row {
	r.columns, r.values = c, values
	return r
}

// Columns returns the further columns that the row has, or nil.
func (r Row) Columns() *Columns { return r.columns }

// Field returns the value of a column: one of this package's, such as
// [ColumnState], or one of the list's own, by its header as in [NewColumns].
// It reports false when the list has no such column.
func (r Row) Field(column string) (string, bool) {
	if i := r.columns.standardIndex(column); i >= 0 {
		return standardOf(&r, i), true
	}
	if i := r.columns.index(column); i >= 0 {
		return valueOf(&r, i), true
	}
	return "", false
}

// valueOf returns a further column's value, trimmed as the others are.
func valueOf(r *Row, i int) string {
	if r.columns != nil && r.columns.place != nil {
		i = r.columns.place[i]
	}
	if i < len(r.values) {
		return trim(r.values[i])
	}
	return ""
}

// Equal reports whether two rows are the same, their further columns
// included. Columns that a row has no value for are the same as empty ones.
func (r Row) Equal(o Row) bool {
	if r.Number != o.Number || r.ContactID != o.ContactID || r.Address != o.Address {
		return false
	}
	a, b := r.columns.Names(), o.columns.Names()
	if !slices.Equal(a, b) {
		return false
	}
	for i := range a {
		if valueOf(&r, i) != valueOf(&o, i) {
			return false
		}
	}
	return true
}

// standardColumns are this package's, in the order of rows.csv.
func standardColumns() [standardCount]string {
	return [...]string{
		ColumnContactID, ColumnName, ColumnCompany, ColumnAddressLine1, ColumnAddressLine2,
		ColumnCity, ColumnState, ColumnPostalCode, ColumnCountry,
	}
}

const standardCount = 9

func standardColumn(name string) int {
	for i, c := range standardColumns() {
		if c == name {
			return i
		}
	}
	return -1
}

// standardOf returns the value of a standard column.
func standardOf(r *Row, i int) string {
	switch a := &r.Address; i {
	case 0:
		return r.ContactID
	case 1:
		return a.Name
	case 2:
		return a.Company
	case 3:
		return a.Line1
	case 4:
		return a.Line2
	case 5:
		return a.City
	case 6:
		return a.Region
	case 7:
		return a.PostalCode
	default:
		return a.Country
	}
}
