package snapshot

import (
	"crypto/sha256"
	"strings"

	"github.com/postproof/postproof"
)

// digest stands for a contact id or an address in the search for duplicates.
// Sixteen bytes keep the memory for a million rows in about 240 MB, both maps
// and their growth included, and a false match out of reach.
type digest [16]byte

func digestOf(parts ...string) digest {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return digest(h.Sum(nil)[:16])
}

// addressDigest is the same for spellings that differ in case and spaces, and
// with and without the last four digits of a ZIP code. It leaves the name
// out: two people at one address get two pieces, and a warning.
func addressDigest(a *postproof.Address) digest {
	zip := a.PostalCode
	if a.Country == "US" && len(zip) > 5 {
		zip = zip[:5]
	}
	parts := []string{a.Line1, a.Line2, a.City, a.Region, zip, a.Country}
	for i, p := range parts {
		parts[i] = strings.ToUpper(strings.Join(strings.Fields(p), " "))
	}
	return digestOf(parts...)
}

// seen remembers the rows so far.
type seen struct {
	contacts  map[digest]sighting
	addresses map[digest]int
}

type sighting struct {
	row     int
	address digest
}

func newSeen() seen {
	return seen{contacts: map[digest]sighting{}, addresses: map[digest]int{}}
}

// duplicates compares the row with the earlier ones and remembers it.
func (h *hygiene) duplicates(c *checker, r Row) {
	address := addressDigest(&r.Address)
	if r.ContactID != "" {
		id := digestOf(r.ContactID)
		first, again := h.seen.contacts[id]
		switch {
		case !again:
			h.seen.contacts[id] = sighting{r.Number, address}
		case first.address == address:
			c.fail(CodeDuplicateContact, ColumnContactID, "rows %d and %d are the same contact", first.row, r.Number)
		default:
			c.fail(CodeContactConflict, ColumnContactID, "rows %d and %d are the same contact at two addresses", first.row, r.Number)
		}
	}
	if c.failed() {
		return // it gets no piece, so nothing is doubled
	}
	if first, again := h.seen.addresses[address]; again {
		c.add(SeverityWarning, CodeDuplicateAddress, ColumnAddressLine1, "rows %d and %d have the same address", first, r.Number)
		return
	}
	h.seen.addresses[address] = r.Number
}
