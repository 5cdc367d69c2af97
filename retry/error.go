package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/postproof/postproof"
)

// The reasons to stop that callers branch on.
var (
	// ErrBudget means that the vendor's retry budget is spent.
	ErrBudget = errors.New("retry: budget exhausted")
	// ErrTooLate means that the request's not-after had passed, or would have
	// before the next send. The send that it names did not happen.
	ErrTooLate = errors.New("retry: not-after has passed")
)

var (
	errURL            = errors.New("retry: Request.URL is not an absolute http or https URL")
	errRepeat         = errors.New("retry: repeated send of an unrepeatable request prevented")
	errOver           = errors.New("retry: write after the end of the attempt prevented")
	errAttemptTimeout = attemptTimeoutError{}
	errUnreadable     = errors.New("retry: answer could not be read to its end")
	errTooLarge       = errors.New("retry: answer is larger than MaxResponseBytes")
	errSwitched       = errors.New("retry: the server switched protocols, which nobody asked for")
	errRedirect       = errors.New("retry: redirects are not followed")
	errBody           = errors.New("retry: Request.Body failed")
	errNoTime         = fmt.Errorf("retry: not enough time before the deadline: %w", context.DeadlineExceeded)
)

// Stop is why a call ended in an error. It is of low cardinality, for metrics.
type Stop string

// The reasons to stop.
const (
	// StopVerdict: the class of the operation and of the failure forbid a
	// repeat, or make it pointless.
	StopVerdict Stop = "verdict"
	// StopInvalid: the request could not be made.
	StopInvalid Stop = "invalid"
	// StopAttempts: MaxAttempts were made.
	StopAttempts Stop = "attempts"
	// StopNested: the call ran inside an attempt of another one, which is the
	// one to retry.
	StopNested Stop = "nested"
	// StopBudget: [ErrBudget].
	StopBudget Stop = "budget"
	// StopHint: the server asked for a longer wait than MaxInlineWait.
	StopHint Stop = "hint"
	// StopDeadline: the context's deadline is too near for the wait and an
	// attempt of typical length.
	StopDeadline Stop = "deadline"
	// StopNotAfter: [ErrTooLate].
	StopNotAfter Stop = "not_after"
	// StopContext: the context ended.
	StopContext Stop = "context"
	// StopGate: something below, such as a breaker, named the time to come
	// back at.
	StopGate Stop = "gate"
)

// AttemptsError keeps what a failed call did. It is the cause of the
// [*postproof.Error] that [Sender.Do] returns.
type AttemptsError struct {
	// Attempts are all attempts, in order. It is empty when the first one was
	// not begun.
	Attempts []Attempt
	// Sends is how many times the request was written to a connection.
	Sends int
	// Stop is why there was no further attempt.
	Stop Stop
	// Cause is the error behind Stop: [ErrBudget], [ErrTooLate] or that of the
	// context. It may be nil.
	Cause error
	// Last is the failure of the last attempt. It may be nil.
	Last error

	// told is true when the error around this one has said what Last is.
	told bool
}

// Error names the number of attempts, the reason to stop and the causes; of Last only
// what the error of [Sender.Do] around it has not said.
func (e *AttemptsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, stop %s", count(len(e.Attempts), "attempt"), count(e.Sends, "send"), e.Stop)
	last := e.Last
	if said, ok := errors.AsType[*postproof.Error](last); ok && e.told {
		last = said.Err
	}
	for _, err := range []error{last, e.Cause} {
		if err != nil {
			b.WriteString(": ")
			b.WriteString(err.Error())
		}
	}
	return b.String()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Unwrap returns the last failure and the cause of the stop.
func (e *AttemptsError) Unwrap() []error {
	switch {
	case e.Last == nil && e.Cause == nil:
		return nil
	case e.Last == nil:
		return []error{e.Cause}
	case e.Cause == nil:
		return []error{e.Last}
	default:
		return []error{e.Last, e.Cause}
	}
}

// Elapsed is the time from the start of the first attempt to the end of the
// last one; 0 when there was none.
func (e *AttemptsError) Elapsed() time.Duration {
	if len(e.Attempts) == 0 {
		return 0
	}
	last := e.Attempts[len(e.Attempts)-1]
	return last.Start.Add(last.Duration).Sub(e.Attempts[0].Start)
}

// quietError gives a foreign error a text that is known to hold nothing of
// the request or the answer. The error itself stays in the chain.
type quietError struct {
	text string
	err  error
}

func (e *quietError) Error() string { return e.text }
func (e *quietError) Unwrap() error { return e.err }

// quiet keeps the texts of errors whose content is known, and replaces those
// of others: net/http quotes malformed answers and header values.
func quiet(err error) error {
	if known := knownError(err); known != nil {
		return &quietError{text: "exchange failed: " + known.Error(), err: err}
	}
	return &quietError{text: fmt.Sprintf("exchange failed (%T)", err), err: err}
}

func knownError(err error) error {
	if e, ok := errors.AsType[*postproof.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	for _, known := range []error{
		errRepeat, errOver, errAttemptTimeout, ErrTooLate, errBody,
		context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded,
		io.ErrUnexpectedEOF, io.EOF, io.ErrClosedPipe, net.ErrClosed,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// isHopeless reports a failure that the next attempt will meet again.
func isHopeless(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	// A plain HTTP server behind an https URL.
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

// attemptTimeoutError is the cause of an attempt's own end. That it calls
// itself a timeout tells a breaker between sender and transport that the
// vendor was too slow, and not that the caller gave up.
type attemptTimeoutError struct{}

// Error implements error.
func (attemptTimeoutError) Error() string { return "retry: attempt timed out" }

// Timeout reports that it is a timeout, as [net.Error] does.
func (attemptTimeoutError) Timeout() bool { return true }
