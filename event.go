package postproof

import (
	"encoding/json"
	"time"
)

// Event is one thing that a vendor told us about a piece: by callback, by
// poll, or in a response.
type Event struct {
	// ID is the vendor's id of the event; empty where it gives none.
	ID string
	// Vendor is the vendor's name; Account the fingerprint of the account.
	Vendor  string
	Account string
	Mode    Mode
	// VendorID and Ref name the piece; one of them may be empty.
	VendorID string
	Ref      Ref
	Status   Status
	// Raw is the payload as it came. It may hold personal data.
	Raw json.RawMessage
	// ReceivedAt is our time.
	ReceivedAt time.Time
}
