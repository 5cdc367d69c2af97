package codec

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// MessageColumns are what [ScanMessage] reads.
const MessageColumns = `id, vendor, account, mode, dedupe, received, state, fence, due, lease_owner, lease_until, tries, last_error, header, body`

// BareMessageColumns are the same without the body, which a database then need not read.
const BareMessageColumns = `id, vendor, account, mode, dedupe, received, state, fence, due, lease_owner, lease_until, tries, last_error, header, NULL`

// ScanMessage reads a row of an inbox. With an [idempotency.DamagedError] it returns
// the message without what cannot be read of it: where only its header is damaged it
// has an id and a lease all the same, else it is nil.
func ScanMessage(rows *sql.Rows) (*idempotency.Message, error) {
	var m idempotency.Message
	var mode, state string
	var received, due, until int64
	var header []byte
	if err := rows.Scan(&m.ID, &m.Vendor, &m.Account, &mode, &m.Dedupe, &received, &state, &m.Fence, &due,
		&m.Lease.Owner, &until, &m.Tries, &m.LastError, &header, &m.Body); err != nil {
		return nil, damagedRow(rows, err)
	}
	m.Mode, m.State = postproof.Mode(mode), idempotency.MessageState(state)
	m.ReceivedAt, m.Due, m.Lease.Until = FromNanos(received), FromNanos(due), FromNanos(until)
	if header != nil {
		var err error
		if m.Header, err = decodeHeader(header); err != nil { // which may quote a value
			m.Header = nil
			return &m, &idempotency.DamagedError{Message: m.ID, Err: errHeader}
		}
	}
	return &m, nil
}

// damagedRow is the error of a message of which a column is not what it can be. Its
// id can be read for all that, or the row was not.
func damagedRow(rows *sql.Rows, err error) error {
	var id uint64
	dest := make([]any, 1+strings.Count(MessageColumns, ","))
	for i := range dest {
		dest[i] = new(any)
	}
	dest[0] = &id
	if rows.Scan(dest...) != nil || id == 0 {
		return err
	}
	return &idempotency.DamagedError{Message: id, Err: errColumn}
}

var errHeader = errors.New("its header cannot be read")

// errColumn stands for what the driver says of a value, which it quotes.
var errColumn = errors.New("a column has a value that it cannot have")
