package breaker

import (
	"errors"
	"time"

	"github.com/postproof/postproof"
)

// ErrOpen is matched by the error of every refused call.
var ErrOpen = errors.New("breaker is open")

// OpenError is the error of a refused call. Nothing was sent.
type OpenError struct {
	// Vendor and Group name the breaker.
	Vendor, Group string
	// Phase is Open, or HalfOpen when all probes are out.
	Phase Phase
	// Reason says why the breaker is in its phase.
	Reason Reason
	// Note is the text of the person who forced it open.
	Note string

	retryAt time.Time
	err     *postproof.Error
}

// RetryAt returns when a call may pass again, on the clock of the [Set]. It
// is zero when only a person knows: the breaker was forced open.
func (e *OpenError) RetryAt() time.Time { return e.retryAt }

// Error returns a line such as "lob: submit: unavailable (not_sent): breaker
// is open (failure_rate)".
func (e *OpenError) Error() string {
	text := e.err.Error() + " (" + string(e.Reason)
	if e.Note != "" {
		text += ": " + e.Note
	}
	return text + ")"
}

// Unwrap returns the [*postproof.Error], which wraps [ErrOpen].
func (e *OpenError) Unwrap() error { return e.err }

func newOpenError(s *State, now, retryAt time.Time) *OpenError {
	e := &OpenError{
		Vendor: s.Vendor, Group: s.Group, Phase: s.Phase, Reason: s.Reason, Note: s.Note,
		retryAt: retryAt,
		err:     postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, ErrOpen),
	}
	e.err.Vendor, e.err.Op = s.Vendor, s.Group
	if !retryAt.IsZero() {
		e.err.RetryAfter = max(0, retryAt.Sub(now))
	}
	return e
}
