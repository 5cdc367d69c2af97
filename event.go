package postproof

import (
	"encoding/json"
	"fmt"
	"log/slog"
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

// String returns a form without the payload.
func (e Event) String() string {
	return fmt.Sprintf("event(%s %s %s)", e.Vendor, e.ID, e.Status.Stage)
}

// GoString keeps %#v from printing the payload.
func (e Event) GoString() string { return "postproof.Event{" + e.String() + "}" }

// LogValue implements [slog.LogValuer] without the payload.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("vendor", e.Vendor), slog.String("id", e.ID), slog.String("vendor_id", e.VendorID),
		slog.String("ref", string(e.Ref)), slog.String("stage", string(e.Status.Stage)),
	)
}
