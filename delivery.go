package postproof

import "fmt"

// Delivery answers the one question about an outcome that matters for paper:
// could the piece be in the mail? It alone decides what may happen next; what
// went wrong is the business of [Code].
//
// The values are ordered: the join of several sends of one submission is the
// largest of them, so that a later, milder answer never hides an earlier
// uncertainty.
type Delivery int

// The deliveries, in the order of the join. The numbers never change.
const (
	// NotSent means that no byte of the request was written: name resolution,
	// dialing, TLS, waiting for a connection, an open breaker, local
	// validation. Anything may follow, another vendor included.
	NotSent Delivery = 1
	// Refused means the vendor's definite no: nothing will be printed for this
	// request. Another vendor, or a corrected job, may follow.
	Refused Delivery = 2
	// Unknown means that nobody can tell from this side: a timeout, a reset or
	// an end of stream after the first byte, a 5xx, a 2xx that cannot be read.
	// Only reconciliation with that same vendor may follow.
	Unknown Delivery = 3
	// Accepted means that the vendor has the piece. Only status follows.
	Accepted Delivery = 4
)

// Join returns the delivery of two sends of the same submission to the same
// vendor, Accepted > Unknown > Refused > NotSent. The zero value is neutral.
func (d Delivery) Join(other Delivery) Delivery { return max(d, other) }

// MayBeInTheMail reports whether paper could exist: Unknown, Accepted, and
// every value this version does not know.
func (d Delivery) MayBeInTheMail() bool { return d != NotSent && d != Refused }

// String returns the value as it appears in logs and metrics.
func (d Delivery) String() string {
	switch d {
	case NotSent:
		return "not_sent"
	case Refused:
		return "refused"
	case Unknown:
		return "unknown"
	case Accepted:
		return "accepted"
	default:
		return fmt.Sprintf("delivery(%d)", int(d))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (d Delivery) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. A number written by a
// newer version survives the round trip.
func (d *Delivery) UnmarshalText(text []byte) error {
	for _, v := range []Delivery{NotSent, Refused, Unknown, Accepted} {
		if string(text) == v.String() {
			*d = v
			return nil
		}
	}
	var n int
	if _, err := fmt.Sscanf(string(text), "delivery(%d)", &n); err != nil || Delivery(n).String() != string(text) {
		return fmt.Errorf("postproof: delivery %q: want not_sent, refused, unknown or accepted", text)
	}
	*d = Delivery(n)
	return nil
}
