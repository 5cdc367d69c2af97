package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/postproof/postproof"
)

// Suppressor knows whom not to mail. It is safe for concurrent use.
//
// [Take] asks it for every row that passed the other checks; a replay may ask
// it again for what was not sent yet, since people ask to be left alone on any
// day.
type Suppressor interface {
	// Contains reports whether the contact or the place is listed. An id that is
	// not ASCII is asked for in each of its Unicode forms, see [ContactForms]. An
	// error ends the taking; it must not quote its arguments.
	Contains(ctx context.Context, contactID string, address AddressKey) (bool, error)
}

// SuppressorFunc is a function as a [Suppressor], for example a query.
type SuppressorFunc func(ctx context.Context, contactID string, address AddressKey) (bool, error)

// Contains implements [Suppressor].
func (f SuppressorFunc) Contains(ctx context.Context, contactID string, address AddressKey) (bool, error) {
	return f(ctx, contactID, address)
}

// Suppression is a list of whom not to mail, and why.
type Suppression struct {
	// Code is what rows are rejected with: [CodeDoNotMail], which is the
	// default, or [CodeMailedRecently].
	Code Code
	List Suppressor
}

func (s *Suppression) validate() error {
	switch {
	case s.List == nil:
		return invalid("suppress", "a list is nil")
	case s.Code != "" && s.Code != CodeDoNotMail && s.Code != CodeMailedRecently:
		return invalid("suppress", "the code is neither %s nor %s", CodeDoNotMail, CodeMailedRecently)
	default:
		return nil
	}
}

// contains asks the list for each form of the contact's id: another system compares
// byte by byte.
func (s *Suppression) contains(ctx context.Context, contactID string, address AddressKey) (bool, error) {
	for _, form := range ContactForms(contactID) {
		if has, err := s.List.Contains(ctx, form, address); has || err != nil {
			return has, err
		}
	}
	return false, nil
}

func (s *Suppression) code() Code { return cmp.Or(s.Code, CodeDoNotMail) }

func (s *Suppression) finding(row int) Finding {
	f := Finding{Code: s.code(), Severity: SeverityError, Row: row, Column: ColumnContactID, Message: "the contact or the address is on a list not to be mailed"}
	if f.Code == CodeMailedRecently {
		f.Message = "the contact or the address got mail too short a time ago"
	}
	return f
}

// SuppressionList is a [Suppressor] in memory: sixteen bytes for each contact
// and each address. It is immutable and safe for concurrent use.
//
// A contact id is on it in any spelling that can be meant: see "Texts of people" in
// the package comment.
type SuppressionList struct {
	contacts  []listedID   // sorted
	addresses []AddressKey // sorted
}

// SuppressionOptions say how a list is read.
type SuppressionOptions struct {
	// Mapping is as in [CSV]. The list needs the contact ids or the addresses;
	// a row may have both.
	Mapping Mapping
	// MailedOn is the column with the day on which the contact was mailed, and
	// Layout its form as of [time.Parse], by default "2006-01-02". A row counts when
	// that day is less than Within before Now, both of which are then required;
	// every row counts when MailedOn is empty.
	MailedOn string
	Layout   string
	Within   time.Duration
	Now      time.Time
	// ContactsOnly leaves the addresses of the list alone: only those who are
	// named by their contact id are meant, not others in their households.
	ContactsOnly bool
}

// ReadSuppression reads a list from a CSV file. A row that has neither a
// contact id nor an address, or that cannot be read, is an error that names the
// row: who is meant by it must not get mail by mistake. So is an id that a
// spreadsheet has shortened ("1.2E+15"), and in the United States an address without
// a ZIP code beside no id. A ZIP code that has lost its leading zeros gets them back.
//
// In a history of what was mailed (MailedOn) a row is passed over whose day is not
// recent, even if nobody can say who is meant: it would keep nobody from mail. A
// row without a readable day is an error, and so is one with too many or too few
// fields, of which any may stand in the place of the day.
func ReadSuppression(ctx context.Context, r io.Reader, opts SuppressionOptions, csv ...CSVOption) (*SuppressionList, error) {
	if opts.MailedOn != "" && (opts.Within <= 0 || opts.Now.IsZero()) {
		return nil, invalid("suppression", "the column MailedOn wants a time Within and a Now")
	}
	s, ok := CSV(r, opts.Mapping, csv...).(*csvSource)
	if !ok {
		return nil, invalid("suppression", "is not a CSV file")
	}
	s.partial, s.named = true, true
	words := abbreviationTable()
	check := checker{rules: newRules(&Options{})}
	list := &SuppressionList{}
	for row, err := range s.Rows(ctx) {
		if err != nil {
			if partial, ok := errors.AsType[*RowError](err); ok {
				err = invalid(fmt.Sprintf("row %d", row.Number), "%s", partial.Error())
			}
			return nil, err
		}
		meant, err := opts.meant(&row)
		if err != nil {
			return nil, err
		}
		if !meant {
			continue // whatever else is wrong with it: nobody is kept from mail by it
		}
		check.normalize(&row)
		a := &row.Address
		hasAddress, wrong := opts.place(a, row.ContactID != "")
		if wrong == "" {
			wrong = unreadable(&row, opts.ContactsOnly)
		}
		if wrong == "" && row.ContactID == "" && !hasAddress {
			wrong = "has neither a contact id nor an address: say who is meant, or take the row out"
		}
		if wrong != "" {
			return nil, invalid(fmt.Sprintf("row %d", row.Number), "%s", wrong)
		}
		if row.ContactID != "" {
			list.contacts = append(list.contacts, listedOf(row.ContactID))
		}
		if hasAddress {
			list.addresses = append(list.addresses, keyOf(words.appendKey(nil, a)))
		}
	}
	list.sort()
	return list, nil
}

// place reports whether the row's address says where not to mail, which it may leave
// open beside a contact id, and brings it into the form that rows of a list have.
func (o *SuppressionOptions) place(a *postproof.Address, named bool) (_ bool, wrong string) {
	if o.ContactsOnly || a.Line1 == "" || a.PostalCode == "" && a.City == "" {
		return false, ""
	}
	a.PostalCode = norm.NFKC.String(a.PostalCode)
	if !isCountry(a.Country) {
		a.Country = countryByName(a.Country)
	}
	if a.Country == "US" {
		if n := len(a.PostalCode); n == 3 || n == 4 {
			a.PostalCode = "00"[:5-n] + a.PostalCode
		}
		if !postproof.USPostalCode(a.PostalCode) {
			a.PostalCode = looseZIP(a.PostalCode)
		}
	}
	switch known := a.Country != "" && (a.Country != "US" || a.PostalCode != ""); {
	case known:
		return true, ""
	case named:
		return false, ""
	case a.Country == "":
		return false, "has a country that is not an ISO 3166 code of two letters, so that its address would match nobody's"
	default:
		return false, "has no ZIP code (12345 or 12345-6789), so that its address would match nobody's"
	}
}

// unreadable says what of a row matches nobody because it was damaged on the way.
func unreadable(r *Row, idOnly bool) string {
	for i, column := range standardColumns() {
		v := standardOf(r, i)
		if column == ColumnName || column == ColumnCompany || idOnly && i > 0 {
			continue // nobody is known by it
		}
		if strings.ContainsRune(v, utf8.RuneError) {
			return fmt.Sprintf("is not UTF-8 in the column %s, or has lost a character there: save it as UTF-8, or say what it is with WithEncoding or WithFallback, for example %s", column, Windows1252)
		}
		if i == 0 && shortened(v) {
			return "has a contact id that a spreadsheet has shortened, as in 1.2E+15: export the list with the column as text"
		}
	}
	return ""
}

// shortened reports a number of which a spreadsheet kept the first digits only.
func shortened(id string) bool {
	digits, exponent, ok := strings.Cut(id, "E+")
	return ok && digits != "" && exponent != "" && strings.Trim(digits, "0123456789.,") == "" && strings.Trim(exponent, "0123456789") == ""
}

// meant reports whether the row's day is recent.
func (o *SuppressionOptions) meant(row *Row) (bool, error) {
	if o.MailedOn == "" {
		return true, nil
	}
	bad := func(reason string) error { return invalid(fmt.Sprintf("row %d", row.Number), "%s", reason) }
	value, ok := row.Field(o.MailedOn)
	if !ok {
		return false, bad("the list has no column of the name that MailedOn gives")
	}
	layout := o.Layout
	if layout == "" {
		layout = time.DateOnly
	}
	day, err := time.ParseInLocation(layout, value, o.Now.Location())
	if err != nil {
		return false, bad("the day in the column that MailedOn gives is not in the form of the Layout, or not in the calendar, so that nobody knows whether it is recent: write the day; where nothing was mailed, take the row out")
	}
	return o.Now.Sub(day) < o.Within, nil
}

// NewSuppressionList returns a list of contact ids and places.
func NewSuppressionList(contactIDs []string, addresses []AddressKey) *SuppressionList {
	list := &SuppressionList{addresses: slices.Clone(addresses)}
	for _, id := range contactIDs {
		list.contacts = append(list.contacts, listedOf(id))
	}
	list.sort()
	return list
}

func compareKeys(a, b AddressKey) int { return bytes.Compare(a[:], b[:]) }

func (l *SuppressionList) sort() {
	slices.SortFunc(l.addresses, compareKeys)
	l.addresses = slices.Clip(slices.Compact(l.addresses))
	slices.SortFunc(l.contacts, func(a, b listedID) int { return bytes.Compare(a[:], b[:]) })
	l.contacts = slices.Clip(slices.Compact(l.contacts))
}

// Contains implements [Suppressor].
func (l *SuppressionList) Contains(_ context.Context, contactID string, address AddressKey) (bool, error) {
	if _, ok := slices.BinarySearchFunc(l.addresses, address, compareKeys); ok {
		return true, nil
	}
	if contactID == "" || len(l.contacts) == 0 {
		return false, nil
	}
	id := listedOf(contactID)
	at, _ := slices.BinarySearchFunc(l.contacts, id[:8], func(a listedID, like []byte) int { return bytes.Compare(a[:8], like) })
	for ; at < len(l.contacts) && l.contacts[at].likeness() == id.likeness(); at++ {
		if id.matches(l.contacts[at]) {
			return true, nil
		}
	}
	return false, nil
}

// Len returns the number of contacts and of addresses.
func (l *SuppressionList) Len() (contacts, addresses int) { return len(l.contacts), len(l.addresses) }

func keyOf(text []byte) AddressKey {
	sum := sha256.Sum256(text)
	return AddressKey(sum[:16])
}

// Suppressed asks the lists for a row, for example before a replay. It returns
// the code of the first list that has it, or "".
func Suppressed(ctx context.Context, lists []Suppression, contactID string, address postproof.Address) (Code, error) {
	key := KeyOf(address)
	for i := range lists {
		if err := lists[i].validate(); err != nil {
			return "", err
		}
		has, err := lists[i].contains(ctx, contactID, key)
		if err != nil {
			return "", wrap(opSuppress, err)
		}
		if has {
			return lists[i].code(), nil
		}
	}
	return "", nil
}
