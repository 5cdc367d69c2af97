package verify

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Report is what became of a campaign. It holds no personal data.
type Report struct {
	// Expected is the number of pieces that the list asks for.
	Expected int `json:"expected"`
	// Printed is the number of pieces on paper: printed and not voided.
	Printed int `json:"printed"`
	// PrintedTwice is the number of pieces too many, to recipients of the list.
	PrintedTwice int `json:"printed_twice"`
	// Lost is the number of pieces asked for that are not on paper.
	Lost int `json:"lost"`
	// Stray is the number of pieces to recipients who are not on the list.
	Stray int `json:"stray"`
	// Voided is the number of pieces printed and taken back. VoidedOnly is the
	// number of those taken back of which the log has no printing.
	Voided     int `json:"voided"`
	VoidedOnly int `json:"voided_only"`
	// ByVendor and ByMode split Printed.
	ByVendor map[string]int `json:"by_vendor"`
	ByMode   map[string]int `json:"by_mode"`
	// Torn lists the logs, counted from 0, whose last line is incomplete: what
	// stood there is not counted.
	Torn []int `json:"torn,omitempty"`
	// Duplicates has one entry for each recipient with pieces too many, with
	// all pieces of that recipient.
	Duplicates []Duplicate `json:"duplicates,omitempty"`
	// LostRecipients are the digests of those who wait in vain.
	LostRecipients []string `json:"lost_recipients,omitempty"`
}

// Duplicate is a recipient with more pieces than the list asks for.
type Duplicate struct {
	// Recipient is the digest, Expected what the list asks for, Excess what
	// came on top.
	Recipient string  `json:"recipient"`
	Expected  int     `json:"expected"`
	Excess    int     `json:"excess"`
	Pieces    []Piece `json:"pieces"`
}

// Piece is one on paper.
type Piece struct {
	Ref      string    `json:"ref"`
	Vendor   string    `json:"vendor"`
	VendorID string    `json:"vendor_id"`
	Copy     int       `json:"copy"`
	Time     time.Time `json:"time"`
}

// Err returns nil when the promise was kept and the logs can be trusted to
// say so: each piece once, none lost, none to strangers, one mode, no torn
// log, nothing voided that was not printed.
func (r Report) Err() error {
	var errs []error
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.PrintedTwice, "printed twice"},
		{r.Lost, "lost"},
		{r.Stray, "printed for someone who is not on the list"},
		{r.VoidedOnly, "voided but never printed"},
		{len(r.Torn), "logs torn"},
		{max(0, len(r.ByMode)-1), "modes too many"},
	} {
		if c.n > 0 {
			errs = append(errs, fmt.Errorf("verify: %d %s", c.n, c.what))
		}
	}
	return errors.Join(errs...)
}

// Campaign compares the list with the print logs of all vendors that may have
// printed it. The order of the logs, and of the lines in them, does not
// matter. An error means that something could not be read; what was found
// wrong is in the report, see [Report.Err].
func Campaign(csv io.Reader, logs ...io.Reader) (Report, error) {
	owed, err := readList(csv)
	if err != nil {
		return Report{}, err
	}
	t := tally{owed: owed, pieces: map[pieceKey]*count{}}
	report := Report{ByVendor: map[string]int{}, ByMode: map[string]int{}}
	for i, log := range logs {
		torn, err := readLog(log, t.put)
		if err != nil {
			return Report{}, fmt.Errorf("verify: log %d: %w", i, err)
		}
		if torn {
			report.Torn = append(report.Torn, i)
		}
	}
	t.fill(&report)
	return report, nil
}

// pieceKey names a piece at its vendor.
type pieceKey struct {
	vendor, id string
	copy       int
	recipient  string
}

type count struct {
	printed, voided int
	first           line
}

type tally struct {
	owed   map[string]int
	pieces map[pieceKey]*count
}

func (t *tally) put(l line) error {
	if l.Vendor == "" || l.VendorID == "" || l.Recipient == "" || l.Mode == "" {
		return errors.New("a field is missing")
	}
	k := pieceKey{l.Vendor, l.VendorID, l.Copy, l.Recipient}
	c := t.pieces[k]
	if c == nil {
		c = &count{first: l}
		t.pieces[k] = c
	}
	switch l.Event {
	case "printed":
		c.printed++
	case "voided":
		c.voided++
	default:
		return errors.New("the event is neither printed nor voided")
	}
	return nil
}

// fill counts what is on paper.
func (t *tally) fill(r *Report) {
	paper := map[string][]Piece{} // by recipient
	for k, c := range t.pieces {
		r.Voided += min(c.printed, c.voided)
		r.VoidedOnly += max(0, c.voided-c.printed)
		for range c.printed - c.voided {
			paper[k.recipient] = append(paper[k.recipient], Piece{c.first.Ref, k.vendor, k.id, k.copy, c.first.Time})
			r.Printed++
			r.ByVendor[k.vendor]++
			r.ByMode[c.first.Mode]++
		}
	}
	for who, n := range t.owed {
		r.Expected += n
		judge(r, who, n, paper[who])
	}
	for who, pieces := range paper {
		if t.owed[who] == 0 {
			r.Stray += len(pieces)
		}
	}
	slices.Sort(r.LostRecipients)
	slices.SortFunc(r.Duplicates, func(a, b Duplicate) int { return strings.Compare(a.Recipient, b.Recipient) })
}

// judge compares the pieces of a recipient with the number owed. Two pieces
// of one order and one copy are for the same contact, so one of them neither
// counts for another contact at the address nor may it exist.
func judge(r *Report, who string, owed int, pieces []Piece) {
	type order struct {
		ref  string
		copy int
	}
	orders := map[order]bool{}
	for _, p := range pieces {
		ref := p.Ref
		if ref == "" {
			ref = p.Vendor + "/" + p.VendorID
		}
		orders[order{ref, p.Copy}] = true
	}
	if lost := owed - len(orders); lost > 0 {
		r.Lost += lost
		r.LostRecipients = append(r.LostRecipients, who)
	}
	if excess := max(len(pieces)-owed, len(pieces)-len(orders)); excess > 0 {
		r.PrintedTwice += excess
		slices.SortFunc(pieces, func(a, b Piece) int {
			return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Vendor, b.Vendor), strings.Compare(a.VendorID, b.VendorID), a.Copy-b.Copy)
		})
		r.Duplicates = append(r.Duplicates, Duplicate{Recipient: who, Expected: owed, Excess: excess, Pieces: pieces})
	}
}
