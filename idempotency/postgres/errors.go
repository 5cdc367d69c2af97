package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// ErrInDoubt says that the connection was lost while a change was being
// committed, and that the server could not be asked in time whether it was
// made. Read again before anything is concluded. The error that ended the
// connection is wrapped, too, and so is [idempotency.ErrInDoubt].
var ErrInDoubt = fmt.Errorf("postgres: the connection was lost at the commit: %w", idempotency.ErrInDoubt)

// stateOf returns the SQLSTATE of an error; empty when it is not the server's.
// Drivers have a method for it, so that none has to be named here.
func stateOf(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

// lost reports whether the error means that the connection is gone, or of no
// more use: what was asked may or may not have been carried out.
func lost(err error) bool {
	if state := stateOf(err); state != "" {
		switch state {
		case "57P01", "57P02", "57P03", "57P04", "57P05", // shut down, crashed, starting, dropped, idle
			"25P03", // idle in a transaction for too long
			"25006": // read only: it has become, or always was, a standby
			return true
		}
		return state[:2] == "08"
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// passing reports whether the same transaction may go well if it is tried
// again: it met another, or the connection was lost.
func passing(err error) bool {
	if blocked := (*blockedError)(nil); errors.As(err, &blocked) || errors.Is(err, ErrInDoubt) {
		return false
	}
	switch stateOf(err) {
	case "40001", "40P01", // serialization failure, deadlock
		stateLockTimeout,
		"53300", "57014": // too many connections, statement timeout
		return true
	}
	return errors.Is(err, errStandby) || lost(err)
}

// explain adds to an error what was being done, and what it means here.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("postgres: %s: %w", doing, meaning(err))
}

// meaning adds to an error what it means here.
func meaning(err error) error {
	switch stateOf(err) {
	case "42501":
		return fmt.Errorf("the role lacks a permission (the package documentation lists them): %w", err)
	case "53100":
		return fmt.Errorf("the server's disk is full: nothing of this was written: %w", err)
	case "XX001", "XX002":
		return fmt.Errorf("the database is damaged: keep a copy of it, restore a backup, then recover: %w: %w", idempotency.ErrCorrupt, err)
	}
	return err
}

// notOpened is the error of a ledger that could not be opened: it says what class
// it is of, and that nothing was sent.
func notOpened(err error) error {
	out := &postproof.Error{Code: postproof.CodeOf(err), Delivery: postproof.NotSent, Op: "postgres: open", Err: meaning(err)}
	if e, ok := err.(*postproof.Error); ok { //nolint:errorlint // what wraps one has more to say
		out.Err = e.Err
	}
	if out.Code != postproof.CodeUnknown {
		return out
	}
	state := stateOf(err)
	switch {
	case errors.Is(err, ErrUnsafe):
		out.Code = postproof.CodeInvalidArgument
	case errors.Is(err, idempotency.ErrNewer):
		out.Code = postproof.CodeUnsupported
	case errors.Is(out.Err, idempotency.ErrCorrupt):
		out.Code = postproof.CodeInternal
	case state == "42501":
		out.Code = postproof.CodePermissionDenied
	case strings.HasPrefix(state, "28"): // who is asking, and how it is proven
		out.Code = postproof.CodeUnauthenticated
	case state == "3D000": // no such database
		out.Code = postproof.CodeNotFound
	default:
		out.Code = postproof.CodeUnavailable
	}
	return out
}

// cause returns the context's end instead of what it did to a query.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

const stateLockTimeout = "55P03"

// blockedError says that a transaction of somebody else's has enqueued the same
// key, and has not come to its end: whether the key is there is not known yet.
type blockedError struct{ err error }

// Error implements error.
func (e *blockedError) Error() string {
	return "a transaction that is still open works on the same record: try again when it has ended: " + e.err.Error()
}

// Unwrap returns [idempotency.ErrInProgress] and the server's error.
func (e *blockedError) Unwrap() []error { return []error{idempotency.ErrInProgress, e.err} }
