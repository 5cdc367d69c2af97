package signature

import (
	"errors"
	"fmt"
)

// The reasons why a callback is refused, for errors.Is.
var (
	// ErrMalformed: a header is missing, stands there twice or cannot be read,
	// or the body is no token. Nobody can say who sent it.
	ErrMalformed = errors.New("signature: the callback cannot be read")
	// ErrSignature: it can be read, and none of the active secrets signed it.
	ErrSignature = errors.New("signature: none of the active secrets signed the callback")
	// ErrStale: it was signed, longer ago than the tolerance allows.
	ErrStale = errors.New("signature: the callback was signed too long ago")
	// ErrFuture: it was signed, further ahead than the tolerance allows.
	ErrFuture = errors.New("signature: the callback was signed in the future")
)

// refuse gives a reason its details, which never hold what the sender wrote.
func refuse(reason error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", reason, fmt.Sprintf(format, args...))
}

// invalid is an error of a constructor or of Sign: the caller's own mistake.
func invalid(format string, args ...any) error {
	return fmt.Errorf("signature: "+format, args...)
}
