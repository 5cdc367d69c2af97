package signature

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Verifier verifies callbacks of one scheme with the secrets that are active.
// Make one with the NewVerifier of a scheme; a nil or zero Verifier refuses
// everything. It is immutable, safe for concurrent use, and prints without
// its secrets.
type Verifier struct {
	// check is a closure, not an interface: what it holds cannot be reached by
	// reflection, so that nothing that prints structs prints secrets.
	check func(header http.Header, body []byte, receivedAt time.Time) error
	text  string
}

func newVerifier(scheme string, secrets int, check func(http.Header, []byte, time.Time) error) *Verifier {
	noun := "secrets"
	if secrets == 1 {
		noun = "secret"
	}
	return &Verifier{check: check, text: fmt.Sprintf("signature.Verifier(%s, %d %s)", scheme, secrets, noun)}
}

// Verify returns nil when one of the secrets signed the callback and the time
// in it, where the scheme has one, is within the tolerance of receivedAt. Else
// it returns an error that wraps [ErrMalformed], [ErrSignature], [ErrStale] or
// [ErrFuture].
//
// The body is raw, as it came: parsed and written anew it does not verify.
// The header's names are canonical, as net/http makes them. Verify neither
// changes nor keeps either.
func (v *Verifier) Verify(header http.Header, body []byte, receivedAt time.Time) error {
	if v == nil || v.check == nil {
		return refuse(ErrSignature, "the verifier was not made by a scheme and has no secret")
	}
	return v.check(header, body, receivedAt)
}

// String names the scheme and counts the secrets.
func (v *Verifier) String() string {
	if v == nil || v.check == nil {
		return "signature.Verifier(none)"
	}
	return v.text
}

// GoString is String, for %#v.
func (v *Verifier) GoString() string { return v.String() }

// LogValue implements [slog.LogValuer] with String.
func (v *Verifier) LogValue() slog.Value { return slog.StringValue(v.String()) }
