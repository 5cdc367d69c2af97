package snapshot

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Code names the rule that a row broke.
type Code string

// The rules. See the package comment for what each of them means.
const (
	CodeMissing          Code = "missing"
	CodeNotUTF8          Code = "not_utf8"
	CodeRecoded          Code = "recoded"
	CodeComposed         Code = "composed"
	CodeShortened        Code = "shortened"
	CodeControl          Code = "control_character"
	CodeUnprintable      Code = "unprintable"
	CodeScript           Code = "other_script"
	CodeFormula          Code = "formula"
	CodePlaceholder      Code = "placeholder"
	CodeState            Code = "bad_state"
	CodePostalCode       Code = "bad_postal_code"
	CodePostalRegion     Code = "postal_code_elsewhere"
	CodeCountry          Code = "bad_country"
	CodeMilitary         Code = "military"
	CodePOBox            Code = "po_box"
	CodePOBoxStreet      Code = "po_box_and_street"
	CodeTooLong          Code = "too_long"
	CodeVendorLimit      Code = "vendor_limit"
	CodeDuplicateContact Code = "duplicate_contact"
	CodeContactConflict  Code = "contact_conflict"
	CodeDuplicateAddress Code = "duplicate_address"
	CodeFieldCount       Code = "field_count"
	CodeNumber           Code = "bad_number"
	CodeDate             Code = "bad_date"
	CodeDoNotMail        Code = "do_not_mail"
	CodeMailedRecently   Code = "mailed_recently"
	CodeInvalid          Code = "invalid"
)

// Severity says what a finding does to its row.
type Severity string

// The severities.
const (
	// SeverityError rejects the row.
	SeverityError Severity = "error"
	// SeverityWarning lets the row pass.
	SeverityWarning Severity = "warning"
)

// Finding is one thing that is wrong with a row. It prints without the
// suggestion, so that it may stand in logs.
type Finding struct {
	Code     Code
	Severity Severity
	// Row is the number of the row, see [Row].
	Row int
	// Column is one of the columns of this package.
	Column string
	// Message says what is wrong and what is wanted. It never quotes the value.
	Message string
	// Suggestion is a corrected value, where one suggests itself. It is
	// personal data: it stands in rejects.csv and in no text that this type
	// prints.
	Suggestion string
}

// String returns a line such as
// "row 12: error[missing] city: missing".
func (f Finding) String() string { return fmt.Sprintf("row %d: %s", f.Row, f.cell()) }

// GoString keeps %#v from printing the suggestion.
func (f Finding) GoString() string { return "snapshot.Finding{" + f.String() + "}" }

// LogValue implements [slog.LogValuer] without the suggestion.
func (f Finding) LogValue() slog.Value { return slog.StringValue(f.String()) }

// cell is the form in which the frozen files keep a finding.
func (f Finding) cell() string {
	return fmt.Sprintf("%s[%s] %s: %s", f.Severity, f.Code, f.Column, f.Message)
}

// findingSeparator stands between the findings of a row.
const findingSeparator = "; "

// joinFindings writes the findings of a row for people and for splitFindings:
// a message that holds the separator loses it.
func joinFindings(all []Finding) string {
	cells := make([]string, len(all))
	for i, f := range all {
		f.Message = strings.ReplaceAll(f.Message, findingSeparator, ", ")
		cells[i] = f.cell()
	}
	return strings.Join(cells, findingSeparator)
}

// splitFindings reads what joinFindings wrote.
func splitFindings(row int, s string) ([]Finding, bool) {
	if s == "" {
		return nil, true
	}
	var all []Finding
	for part := range strings.SplitSeq(s, findingSeparator) {
		severity, rest, ok1 := strings.Cut(part, "[")
		code, rest, ok2 := strings.Cut(rest, "] ")
		column, message, ok3 := strings.Cut(rest, ": ")
		if !ok1 || !ok2 || !ok3 {
			return nil, false
		}
		all = append(all, Finding{Code: Code(code), Severity: Severity(severity), Row: row, Column: column, Message: message})
	}
	return all, true
}

// joinSuggestions writes the corrected values, each behind its column.
func joinSuggestions(all []Finding) string {
	var b strings.Builder
	for _, f := range all {
		if f.Suggestion == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(findingSeparator)
		}
		b.WriteString(f.Column + ": " + strings.ReplaceAll(printableText(f.Suggestion), findingSeparator, ", "))
	}
	return b.String()
}

// addSuggestions gives the findings what joinSuggestions wrote: each to the
// first of its column that has none.
func addSuggestions(all []Finding, s string) bool {
	if s == "" {
		return true
	}
	for part := range strings.SplitSeq(s, findingSeparator) {
		column, value, ok := strings.Cut(part, ": ")
		i := slices.IndexFunc(all, func(f Finding) bool { return f.Column == column && f.Suggestion == "" })
		if !ok || i < 0 {
			return false
		}
		all[i].Suggestion = value
	}
	return true
}

// RowError is what a [Source] yields beside a row that it could read only in
// part. The row is rejected, and reading goes on.
type RowError struct {
	// Code and Column are as in a [Finding].
	Code   Code
	Column string
	// Reason becomes the finding's message. It must not quote a value.
	Reason string
}

// Error returns "column: reason".
func (e *RowError) Error() string { return e.Column + ": " + e.Reason }

// finding turns what a source says, which may be anything, into a finding that
// survives joinFindings.
func (e *RowError) finding(row int) Finding {
	word := func(s string) string {
		return strings.Map(func(r rune) rune {
			if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
				return r
			}
			return '_'
		}, strings.ToLower(s))
	}
	f := Finding{Code: Code(word(string(e.Code))), Severity: SeverityError, Row: row, Column: word(e.Column), Message: e.Reason}
	if f.Code == "" {
		f.Code = CodeInvalid
	}
	// As in a frozen row: no line break, and UTF-8.
	f.Message = printableText(cutText(f.Message))
	f.Code, f.Column = Code(cutText(string(f.Code))), cutText(f.Column)
	return f
}
