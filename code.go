package postproof

import "fmt"

// Code says what went wrong, in the classes a caller can act on. Whether
// paper may be in the mail is the business of [Delivery].
type Code int

// The codes. The numbers never change: they stand in metrics. There is no
// code for success.
const (
	// CodeInvalidArgument: the job, the piece or a setting is wrong, and will
	// be wrong next time.
	CodeInvalidArgument Code = 1
	// CodeUnauthenticated: the vendor does not accept the credentials.
	CodeUnauthenticated Code = 2
	// CodePermissionDenied: the account may not do this (also: unpaid).
	CodePermissionDenied Code = 3
	// CodeNotFound: no such job, piece, snapshot or vendor.
	CodeNotFound Code = 4
	// CodeConflict: a key, reference or record is used in another way.
	CodeConflict Code = 5
	// CodeRateLimited: too many requests, or a cap was reached.
	CodeRateLimited Code = 6
	// CodeUnavailable: the vendor, the network or the store does not work now.
	CodeUnavailable Code = 7
	// CodeDeadlineExceeded: the time given ran out.
	CodeDeadlineExceeded Code = 8
	// CodeCanceled: the caller gave up.
	CodeCanceled Code = 9
	// CodeUnsupported: the vendor or the store cannot do this.
	CodeUnsupported Code = 10
	// CodeInternal: a defect of this library or of an adapter.
	CodeInternal Code = 11
	// CodeUnknown: nothing more is known.
	CodeUnknown Code = 12
)

// String returns the code as it appears in logs and metrics.
func (c Code) String() string {
	switch c {
	case CodeInvalidArgument:
		return "invalid_argument"
	case CodeUnauthenticated:
		return "unauthenticated"
	case CodePermissionDenied:
		return "permission_denied"
	case CodeNotFound:
		return "not_found"
	case CodeConflict:
		return "conflict"
	case CodeRateLimited:
		return "rate_limited"
	case CodeUnavailable:
		return "unavailable"
	case CodeDeadlineExceeded:
		return "deadline_exceeded"
	case CodeCanceled:
		return "canceled"
	case CodeUnsupported:
		return "unsupported"
	case CodeInternal:
		return "internal"
	case CodeUnknown:
		return "unknown"
	default:
		return fmt.Sprintf("code(%d)", int(c))
	}
}

// MarshalText implements [encoding.TextMarshaler].
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. A number written by a
// newer version survives the round trip.
func (c *Code) UnmarshalText(text []byte) error {
	for v := CodeInvalidArgument; v <= CodeUnknown; v++ {
		if string(text) == v.String() {
			*c = v
			return nil
		}
	}
	var n int
	if _, err := fmt.Sscanf(string(text), "code(%d)", &n); err != nil || Code(n).String() != string(text) {
		return fmt.Errorf("postproof: code %q is not known", text)
	}
	*c = Code(n)
	return nil
}
