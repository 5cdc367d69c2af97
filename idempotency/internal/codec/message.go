package codec

import (
	"database/sql"
	"fmt"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// MessageColumns are what [ScanMessage] reads.
const MessageColumns = `id, vendor, account, mode, dedupe, received, state, fence, due, lease_owner, lease_until, tries, last_error, header, body`

// ScanMessage reads a row of an inbox. With an error that is [idempotency.ErrCorrupt]
// it returns the message without its header: it has an id and a lease all the same.
func ScanMessage(rows *sql.Rows) (*idempotency.Message, error) {
	var m idempotency.Message
	var mode, state string
	var received, due, until int64
	var header []byte
	if err := rows.Scan(&m.ID, &m.Vendor, &m.Account, &mode, &m.Dedupe, &received, &state, &m.Fence, &due,
		&m.Lease.Owner, &until, &m.Tries, &m.LastError, &header, &m.Body); err != nil {
		return nil, err
	}
	m.Mode, m.State = postproof.Mode(mode), idempotency.MessageState(state)
	m.ReceivedAt, m.Due, m.Lease.Until = FromNanos(received), FromNanos(due), FromNanos(until)
	if header != nil {
		var err error
		if m.Header, err = decodeHeader(header); err != nil {
			return &m, fmt.Errorf("%w: message %d: its header: %w", idempotency.ErrCorrupt, m.ID, err)
		}
	}
	return &m, nil
}
