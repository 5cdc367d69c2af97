package postgres

import (
	"context"
	"fmt"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

var errNoRow = fmt.Errorf("%w: the ledger has lost its row", idempotency.ErrCorrupt)

// checkHistory compares the ledger's row with the server, and begins a new
// epoch, which it returns, when the one is not the other's history. The
// session's transaction holds the ledger's lock.
func (s *Store) checkHistory(ctx context.Context, c *session) (changed string, err error) {
	var now, have string
	var own bool
	found, err := c.queryRow(ctx, []any{&now, &have, &own}, s.text.history0)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", errNoRow
	}
	var reason string
	switch {
	case have != now && own:
		reason = "the ledger is of another server, timeline or database: a standby was promoted, a backup restored, or the database copied"
	case !own:
		reason = "the ledger's row was not written by the ledger: a dump was loaded, or the row changed by hand"
	default:
		return "", nil
	}
	return s.breakHistory(ctx, c, reason)
}

// breakHistory begins a new epoch, which it returns, and tells people why.
func (s *Store) breakHistory(ctx context.Context, c *session, reason string) (epoch string, err error) {
	epoch = newEpoch()
	if _, err := c.exec(ctx, s.text.breakHistory, epoch); err != nil {
		return "", err
	}
	entry := idempotency.Entry{At: s.clock.Now(), Kind: idempotency.EntryEpochChanged, Note: reason}
	_, err = c.exec(ctx, s.text.addEntry, codec.EncodeEntry(&entry, true))
	return epoch, err
}

const (
	historyRowText   = `SELECT ` + identityText + `, server, ` + ownText + ` FROM @ledger`
	breakHistoryText = `UPDATE @ledger SET epoch = $1, server = ` + identityText + `, touched = ` + touchText
	addEntryText     = `INSERT INTO @entries (seq, num, data) VALUES (nextval('@places'), 0, $1)`
)
