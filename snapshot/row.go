package snapshot

import (
	"fmt"
	"log/slog"

	"github.com/postproof/postproof"
)

// The columns of a list, as findings name them and as rows.csv has them.
const (
	ColumnContactID    = "contact_id"
	ColumnName         = "name"
	ColumnCompany      = "company"
	ColumnAddressLine1 = "address_line1"
	ColumnAddressLine2 = "address_line2"
	ColumnCity         = "city"
	ColumnState        = "state"
	ColumnPostalCode   = "postal_code"
	ColumnCountry      = "country"
)

// Row is one recipient of a list. It holds personal data, so it prints as its
// number only; read the fields to see more.
type Row struct {
	// Number says where the row stands in its source, and grows from row to
	// row, up to four billion. In a CSV file it is the line on which the row
	// begins; the header is line 1. A source that leaves it 0 has its rows
	// counted from 1.
	Number int
	// ContactID names the recipient in the caller's own system. Required,
	// unique in a list, at most 128 bytes. A snapshot has it in Unicode's composed
	// form (NFC).
	ContactID string
	// Address is where the piece goes.
	Address postproof.Address

	columns *Columns
	values  []string
	was     []Finding // of a row with noteRejected
	note    note
}

// note is what a source of this package knows of a row beside its values.
type note uint8

const (
	// noteRecoded: the row was not UTF-8 and was read as [WithFallback] says.
	noteRecoded note = 1 << iota
	// noteTaken: the row passed in an earlier snapshot.
	noteTaken
	// noteRejected: the row was rejected in an earlier snapshot and was not
	// changed since.
	noteRejected
	// noteComposed: the contact id was in another Unicode form than it is kept in.
	noteComposed
)

// KeyPart returns what identifies the row from one taking of the list to the
// next: the contact's part of [postproof.DeriveKey]. It does not depend on the
// row's number or on the address.
func (r Row) KeyPart() string { return r.ContactID }

// String returns a form without personal data.
func (r Row) String() string { return fmt.Sprintf("row(%d)", r.Number) }

// GoString keeps %#v from printing personal data.
func (r Row) GoString() string { return fmt.Sprintf("snapshot.Row{%d}", r.Number) }

// LogValue implements [slog.LogValuer] without personal data.
func (r Row) LogValue() slog.Value { return slog.IntValue(r.Number) }

// Reject is a row that cannot be mailed.
type Reject struct {
	// Row is the row after normalization. Control characters and bytes that
	// are not UTF-8 stand as U+FFFD. Of a row that is too large to be kept, the
	// fields are cut to 200 characters, and its further columns are empty.
	Row Row
	// Findings are the reasons; at least one of them is an error. Corrected
	// values that suggest themselves stand with them.
	Findings []Finding
}

// LogValue implements [slog.LogValuer] without personal data.
func (r Reject) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("row", r.Row), slog.String("findings", fmt.Sprint(r.Findings)))
}
