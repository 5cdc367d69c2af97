package snapshot

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postproof/postproof"
)

// The files of a snapshot.
const (
	manifestFile = "manifest.json"
	rowsFile     = "rows.csv"
	rejectsFile  = "rejects.csv"
)

// The columns of our files beside those of the address.
const (
	rowColumn         = "row"
	findingsColumn    = "findings"
	suggestionsColumn = "suggestions"
)

// frozenHeader returns the header of rows.csv, or of rejects.csv, which has
// suggestions as well.
func frozenHeader(extra []string, rejects bool) string {
	line := []byte(rowColumn)
	names := standardColumns()
	for _, c := range slices.Concat(names[:], extra, []string{findingsColumn}) {
		line = appendCell(append(line, ','), c)
	}
	if rejects {
		line = append(line, ","+suggestionsColumn...)
	}
	return string(append(line, '\n'))
}

// appendRow appends a line of rows.csv or rejects.csv. The encoding is the
// package's own, because the id is made of these bytes: it must not change with
// encoding/csv.
func appendRow(line []byte, r *Row, extra []string, found []Finding, reject bool) []byte {
	line = strconv.AppendInt(line, int64(r.Number), 10)
	for i := range standardCount {
		line = appendCell(append(line, ','), standardOf(r, i))
	}
	for _, v := range extra {
		line = appendCell(append(line, ','), v)
	}
	line = append(line, ',')
	if len(found) > 0 {
		line = appendCell(line, joinFindings(found))
	}
	if reject {
		line = appendCell(append(line, ','), joinSuggestions(found))
	}
	return append(line, '\n')
}

// counter writes the numbers of rows, most of which differ from the last in their
// last digit only.
type counter struct {
	tens   int
	digits []byte // of the tens
}

func (c *counter) append(b []byte, n int) []byte {
	if tens := n / 10; tens != c.tens {
		c.tens, c.digits = tens, c.digits[:0]
		if tens > 0 {
			c.digits = strconv.AppendInt(c.digits, int64(tens), 10)
		}
	}
	return append(append(b, c.digits...), '0'+byte(n%10))
}

// appendPlain appends what appendRow does behind the row's number, for a row of
// which no value needs quotes, without anything further.
func appendPlain(line []byte, r *Row) []byte {
	a := &r.Address
	line = append(line, ',')
	line = append(line, r.ContactID...)
	line = append(line, ',')
	line = append(line, a.Name...)
	line = append(line, ',')
	if a.Company != "" {
		line = append(line, a.Company...)
	}
	line = append(line, ',')
	line = append(line, a.Line1...)
	line = append(line, ',')
	if a.Line2 != "" {
		line = append(line, a.Line2...)
	}
	line = append(line, ',')
	line = append(line, a.City...)
	line = append(line, ',')
	line = append(line, a.Region...)
	line = append(line, ',')
	line = append(line, a.PostalCode...)
	line = append(line, ',')
	line = append(line, a.Country...)
	return append(line, ',', '\n')
}

// appendCell quotes only what has to be quoted.
func appendCell(line []byte, s string) []byte {
	if !strings.ContainsAny(s, "\",\n\r") {
		return append(line, s...)
	}
	line = append(line, '"')
	for i := range len(s) {
		if s[i] == '"' {
			line = append(line, '"')
		}
		line = append(line, s[i])
	}
	return append(line, '"')
}

var errLine = errors.New("snapshot: a drafted line cannot be read")

// parseLine reads a line that appendRow wrote.
func parseLine(line string, extra int, reject bool) (Reject, error) {
	s := scanner{text: line, line: 1, final: true, separator: ',', table: newClasses(',')}
	if ok, bad := s.next(); !ok || bad != nil {
		return Reject{}, errLine
	}
	r, ok := parseFrozen(s.fields, extra, nil, reject)
	if !ok {
		return Reject{}, errLine
	}
	return r, nil
}

// frozenColumns is the number of fields of a line.
func frozenColumns(extra int, reject bool) int {
	n := 1 + standardCount + extra + 1
	if reject {
		n++
	}
	return n
}

// parseFrozen reads the fields of a line. The row keeps those of further
// columns.
func parseFrozen(record []string, extra int, columns *Columns, reject bool) (Reject, bool) {
	if len(record) != frozenColumns(extra, reject) {
		return Reject{}, false
	}
	number, err := strconv.Atoi(record[0])
	behind := record[1+standardCount+extra:]
	found, ok := splitFindings(number, behind[0])
	if reject {
		ok = ok && addSuggestions(found, behind[1])
	}
	row := Row{Number: number, ContactID: record[1], Address: postproof.Address{
		Name: record[2], Company: record[3], Line1: record[4], Line2: record[5],
		City: record[6], Region: record[7], PostalCode: record[8], Country: record[9],
	}}
	if extra > 0 {
		row.columns, row.values = columns, slices.Clone(record[1+standardCount:1+standardCount+extra])
	}
	return Reject{Findings: found, Row: row}, ok && err == nil
}

// printable makes a rejected row safe to keep and to look at.
func printable(r Row) Row {
	for _, s := range values(&r) {
		*s = printableText(*s)
	}
	return r
}

// values returns the values of the standard columns.
func values(r *Row) [standardCount]*string {
	a := &r.Address
	return [...]*string{&r.ContactID, &a.Name, &a.Company, &a.Line1, &a.Line2, &a.City, &a.Region, &a.PostalCode, &a.Country}
}

// printableText puts U+FFFD for what is not UTF-8 or a control character.
func printableText(s string) string {
	return strings.Map(func(c rune) rune {
		if isControl(c) {
			return utf8.RuneError
		}
		return c
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}
