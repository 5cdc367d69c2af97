package snapshot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// Suppressor knows whom not to mail. It is safe for concurrent use.
//
// [Take] asks it for every row that passed the other checks; a replay may ask
// it again for what was not sent yet, since people ask to be left alone on any
// day.
type Suppressor interface {
	// Contains reports whether the contact or the place is listed. An error
	// ends the taking; it must not quote its arguments.
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

func (s *Suppression) finding(row int) Finding {
	f := Finding{Code: CodeDoNotMail, Severity: SeverityError, Row: row, Column: ColumnContactID, Message: "the contact or the address is on a list not to be mailed"}
	if s.Code == CodeMailedRecently {
		f.Code, f.Message = CodeMailedRecently, "the contact or the address got mail too short a time ago"
	}
	return f
}

// SuppressionList is a [Suppressor] in memory: sixteen bytes for each contact
// and each address. It is immutable and safe for concurrent use.
type SuppressionList struct {
	contacts  []AddressKey // digests of ids, sorted
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
// contact id nor an address, or whose day cannot be read, is an error that
// names the row: who is meant by it must not get mail by mistake.
func ReadSuppression(ctx context.Context, r io.Reader, opts SuppressionOptions, csv ...CSVOption) (*SuppressionList, error) {
	if opts.MailedOn != "" && (opts.Within <= 0 || opts.Now.IsZero()) {
		return nil, invalid("suppression", "the column MailedOn wants a time Within and a Now")
	}
	s, ok := CSV(r, opts.Mapping, csv...).(*csvSource)
	if !ok {
		return nil, invalid("suppression", "is not a CSV file")
	}
	s.partial = true
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
		check.normalize(&row)
		a := &row.Address
		hasAddress := a.Line1 != "" && (a.PostalCode != "" || a.City != "") && !opts.ContactsOnly
		if row.ContactID == "" && !hasAddress {
			return nil, invalid(fmt.Sprintf("row %d", row.Number), "has neither a contact id nor an address")
		}
		if !meant {
			continue
		}
		if row.ContactID != "" {
			list.contacts = append(list.contacts, keyOf([]byte(row.ContactID)))
		}
		if hasAddress {
			list.addresses = append(list.addresses, keyOf(words.appendKey(nil, a)))
		}
	}
	list.sort()
	return list, nil
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
		return false, bad("the day in the column that MailedOn gives is not in the form of the layout")
	}
	return o.Now.Sub(day) < o.Within, nil
}

// NewSuppressionList returns a list of contact ids and places.
func NewSuppressionList(contactIDs []string, addresses []AddressKey) *SuppressionList {
	list := &SuppressionList{addresses: slices.Clone(addresses)}
	for _, id := range contactIDs {
		list.contacts = append(list.contacts, keyOf([]byte(strings.TrimSpace(id))))
	}
	list.sort()
	return list
}

func compareKeys(a, b AddressKey) int { return bytes.Compare(a[:], b[:]) }

func (l *SuppressionList) sort() {
	for _, keys := range []*[]AddressKey{&l.contacts, &l.addresses} {
		slices.SortFunc(*keys, compareKeys)
		*keys = slices.Clip(slices.Compact(*keys))
	}
}

// Contains implements [Suppressor].
func (l *SuppressionList) Contains(_ context.Context, contactID string, address AddressKey) (bool, error) {
	if _, ok := slices.BinarySearchFunc(l.addresses, address, compareKeys); ok {
		return true, nil
	}
	if contactID == "" || len(l.contacts) == 0 {
		return false, nil
	}
	_, ok := slices.BinarySearchFunc(l.contacts, keyOf([]byte(contactID)), compareKeys)
	return ok, nil
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
		has, err := lists[i].List.Contains(ctx, contactID, key)
		if err != nil {
			return "", wrap(opSuppress, err)
		}
		if has {
			return lists[i].finding(0).Code, nil
		}
	}
	return "", nil
}
