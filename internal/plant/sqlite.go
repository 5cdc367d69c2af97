// Package plant writes rows that this version of the library would not, past
// the store: what a newer version has left in a ledger that both use.
package plant

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"

	"github.com/postproof/postproof/idempotency"
)

// SQLite writes the record into the ledger that is open by any driver. The
// row's own version is what the record says, and it may be claimed and pruned.
func SQLite(ctx context.Context, db *sql.DB, r *idempotency.Record) error {
	bare := *r
	bare.Job = nil
	data, err := json.Marshal(bare)
	if err != nil {
		return err
	}
	id, err := hex.DecodeString(string(r.ID))
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	for _, step := range []struct {
		text string
		args []any
	}{
		{"UPDATE ledger SET last_record = last_record + 1, commits = commits + 1", nil},
		{
			`INSERT INTO records (num, key, id, fence, version, state, campaign, priority, planned, due, visible, watched, rare, lease_owner, lease_until, prune_at,
				tail, job_sum, links, data)
			SELECT last_record, ?, ?, ?, ?, ?, ?, ?, ?5 = 'planned', 0, 0, 0, ?5, '', ?, 0, 0, 1, '', ? FROM ledger`,
			[]any{int64(binary.BigEndian.Uint64(id) ^ 1<<63), id, int64(r.Fence), r.Version, string(r.State), r.Campaign, r.Priority, int64(-1 << 63), data},
		},
		{"INSERT INTO jobs SELECT last_record, ? FROM ledger", []any{[]byte(r.Job)}},
		{"INSERT INTO depth VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1", []any{r.Campaign, string(r.State), r.Priority}},
	} {
		if _, err := tx.ExecContext(ctx, step.text, step.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
