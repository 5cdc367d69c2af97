package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

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
	if blocked := (*blockedError)(nil); errors.As(err, &blocked) {
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

// explain adds to an error what was being done.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	switch stateOf(err) {
	case "42501":
		return fmt.Errorf("postgres: %s: the role lacks a permission (the package documentation lists them): %w", doing, err)
	case "53100":
		return fmt.Errorf("postgres: %s: the server's disk is full: nothing of this was written: %w", doing, err)
	case "XX001", "XX002":
		return fmt.Errorf("postgres: %s: the database is damaged: keep a copy of it, restore a backup, then recover: %w: %w", doing, idempotency.ErrCorrupt, err)
	}
	return fmt.Errorf("postgres: %s: %w", doing, err)
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
