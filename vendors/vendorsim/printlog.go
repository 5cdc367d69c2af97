package vendorsim

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// The events of a [PrintLine].
const (
	// Printed: the vendor accepted the piece and will put it on paper.
	Printed = "printed"
	// Voided: the piece printed before will never be mailed.
	Voided = "voided"
)

// PrintLine is a line of the print log.
type PrintLine struct {
	// Ref is the sender's reference: Lob's metadata value under
	// [LobConfig.RefKeys], PCM's extRefNbr, PostGrid's metadata value under
	// [PostGridConfig.RefKeys] or its description. Empty when the order had none.
	Ref string `json:"ref"`
	// Vendor is the name of the simulated vendor, VendorID its id of the order.
	Vendor   string `json:"vendor"`
	VendorID string `json:"vendor_id"`
	// Time is the simulator's, in UTC.
	Time time.Time `json:"time"`
	// Recipient is the [RecipientDigest].
	Recipient string         `json:"recipient"`
	Mode      postproof.Mode `json:"mode"`
	// Event is [Printed] or [Voided].
	Event string `json:"event"`
	// Reason says why a piece was voided: "canceled", or the vendor's reason.
	Reason string `json:"reason,omitempty"`
	// Copy counts the pieces of an order with several recipients, from 0.
	Copy int `json:"copy,omitempty"`
}

// RecipientDigest returns the first 16 hexadecimal digits of the SHA-256 over
//
//	LINE1|LINE2|CITY|REGION|ZIP5
//
// in UTF-8, where each part is upper-cased (Unicode), has white space trimmed
// from both ends and inner runs of it replaced by one space, and ZIP5 is the
// first five characters of the postal code treated so. A missing part is
// empty; the four bars are always there; names do not take part.
func RecipientDigest(line1, line2, city, region, postalCode string) string {
	parts := []string{line1, line2, city, region, postalCode}
	for i, p := range parts {
		parts[i] = strings.ToUpper(strings.Join(strings.Fields(p), " "))
	}
	if zip := []rune(parts[4]); len(zip) > 5 {
		parts[4] = string(zip[:5])
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "|")))
	return hex.EncodeToString(sum[:8])
}

// lines returns the print lines that a record stands for.
func (r *record) lines(o *order) []PrintLine {
	event, reason := Printed, ""
	switch {
	case r.Void != nil:
		event, reason = Voided, r.Void.Reason
	case r.Order == nil:
		return nil
	}
	lines := make([]PrintLine, 0, len(o.Recipients))
	for i, digest := range o.Recipients {
		lines = append(lines, PrintLine{
			Ref: o.Ref, Vendor: r.Vendor, VendorID: o.ID, Time: r.At, Recipient: digest,
			Mode: o.Mode, Event: event, Reason: reason, Copy: i,
		})
	}
	return lines
}
