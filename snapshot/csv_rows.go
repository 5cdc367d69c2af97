package snapshot

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// csvRows reads the rows of a chunk.
type csvRows struct {
	source *csvSource
	scan   scanner
	failed error // behind the chunk

	row     Row   // its values are the scanner's
	class   class // of all that the row holds
	partial *RowError
	err     error // that ends the reading
}

// rows may be called for several chunks at a time, once the header was read.
func (s *csvSource) rows(c chunk) *csvRows {
	r := &csvRows{source: s}
	r.reset(c)
	return r
}

// reset takes another chunk.
func (r *csvRows) reset(c chunk) {
	s := r.source
	r.scan = scanner{
		text: c.text, line: c.line, final: c.final, separator: s.separator, table: s.table,
		last: c.line - 1, fields: r.scan.fields, scratch: r.scan.scratch,
	}
	r.failed, r.err = c.err, nil
}

// next reports false at the end, and when err says why there is no more.
func (r *csvRows) next() bool {
	s := r.source
	for {
		ok, bad := r.scan.next()
		switch {
		case bad != nil:
			r.err = s.syntax(bad, r.scan.last)
			return false
		case !ok && r.failed != nil:
			r.err = s.readError(r.failed, r.scan.last)
			return false
		case !ok:
			return false
		}
		if blank(r.scan.fields) {
			continue
		}
		r.class = r.scan.class
		r.make()
		return true
	}
}

// blank reports whether a row has nothing but separators and spaces.
func blank(fields []string) bool {
	for _, f := range fields {
		if f != "" && (!outer(f[0]) || strings.TrimSpace(f) != "") {
			return false
		}
	}
	return true
}

// make fills in the row from the scanner's fields.
func (r *csvRows) make() {
	s, values := r.source, r.scan.fields
	r.partial = nil
	r.row.note = 0
	if r.class&classHigh != 0 && s.fallback != "" {
		r.recode(values)
	}
	r.row.Number, r.row.columns, r.row.values = r.scan.row, s.columns, values
	if s.number >= 0 {
		r.ownNumber(values)
	}
	get := func(i int) string {
		if at := s.fields[i].index; at >= 0 && at < len(values) {
			return values[at]
		}
		return ""
	}
	r.row.ContactID = get(0)
	name := get(1)
	if (s.fields[2].index >= 0 || s.fields[3].index >= 0) && strings.TrimSpace(name) == "" {
		name = strings.TrimSpace(strings.TrimSpace(get(2)) + " " + strings.TrimSpace(get(3)))
	}
	a := &r.row.Address // field by field: it is no less than all of them
	a.Name, a.Company, a.Line1, a.Line2 = name, get(4), get(5), get(6)
	a.City, a.Region, a.PostalCode, a.Country = get(7), get(8), get(9), get(10)
	if len(values) != s.width && r.partial == nil {
		r.partial = &RowError{
			Code: CodeFieldCount, Column: ColumnContactID,
			Reason: fmt.Sprintf("the row has %d fields, the header has %d", len(values), s.width),
		}
	}
}

// recode reads the fields again that are not UTF-8.
func (r *csvRows) recode(values []string) {
	for i, v := range values {
		if !utf8.ValidString(v) {
			values[i] = recode(r.source.fallback, v)
			r.row.note |= noteRecoded
		}
	}
}

// ownNumber takes the number that the row has in the list that it comes from.
func (r *csvRows) ownNumber(values []string) {
	if at := r.source.number; at < len(values) {
		n, err := strconv.ParseUint(strings.TrimSpace(values[at]), 10, 32)
		if err == nil && n > 0 {
			r.row.Number = int(n)
			return
		}
	}
	r.err = nil
	r.partial = &RowError{Code: CodeInvalid, Column: "row", Reason: "is not the number of a row"}
}

func (r *csvRows) partialError() error {
	if r.partial == nil {
		return nil
	}
	return r.partial
}

// batches hands the list out in pieces that can be worked on at a time.
func (s *csvSource) batches(ctx context.Context, use func(*batch) bool) error {
	return s.chunks(ctx, func(c chunk) bool { return use(&batch{csv: s, chunk: c}) })
}
