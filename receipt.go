package postproof

import (
	"log/slog"
	"time"
)

// Receipt is a vendor's acceptance of a piece.
type Receipt struct {
	// Vendor is the vendor's name; VendorID its id of the piece.
	Vendor   string `json:"vendor"`
	VendorID string `json:"vendor_id"`
	// Ref is our reference, as the vendor has it.
	Ref Ref `json:"ref"`
	// TrackingID is the postal tracking number, where the vendor gives one.
	TrackingID string `json:"tracking_id,omitempty"`
	// ExpectedDelivery is the vendor's estimate, to the day.
	ExpectedDelivery time.Time `json:"expected_delivery,omitzero"`
	// ProofURL shows what is printed. It shows the recipient as well, may
	// carry a signature, and expires (Lob: 30 days); it is not logged.
	ProofURL string `json:"proof_url,omitempty"`
	// AcceptedAt is the vendor's time of acceptance, ours when it gives none.
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
}

// IsZero reports whether there is no receipt.
func (r Receipt) IsZero() bool { return r == Receipt{} }

// String returns a form without the proof's URL.
func (r Receipt) String() string { return "receipt(" + r.Vendor + " " + r.VendorID + ")" }

// GoString keeps %#v from printing the proof's URL.
func (r Receipt) GoString() string { return "postproof.Receipt{" + r.String() + "}" }

// LogValue implements [slog.LogValuer] without the proof's URL.
func (r Receipt) LogValue() slog.Value {
	return slog.GroupValue(slog.String("vendor", r.Vendor), slog.String("vendor_id", r.VendorID), slog.String("ref", string(r.Ref)))
}
