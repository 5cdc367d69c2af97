package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/pages"
)

// Inbox implements [idempotency.Engine].
func (s *Store) Inbox() idempotency.Inbox { return inbox{s} }

// inbox has the methods whose names the store needs for records.
type inbox struct{ s *Store }

// putOp stores one message; those of a batch go together.
type putOp struct {
	outcome
	message idempotency.Message
	header  []byte
	fresh   bool
}

// putBytes is how much of a body weighs as much as a change does.
const putBytes = 64 << 10

func (o *putOp) weight() int { return 1 + len(o.message.Body)/putBytes }

// The id is taken under the ledger's lock: ids come in the order in which the
// messages can be seen.
const putText = `WITH i AS (
	INSERT INTO @messages (id, vendor, account, mode, dedupe, received, state, fence, due, visible, lease_owner, lease_until, tries, last_error, header, body)
	SELECT nextval('@receipts'), $1, $2, $3, $4, $5, $6, $7, $8, $8, '', $9, $10, $11, $12, $13
	WHERE NOT EXISTS (SELECT FROM @messages WHERE vendor = $1 AND account = $2 AND dedupe = $4)
	RETURNING id
)
SELECT id, true FROM i UNION ALL SELECT id, false FROM @messages WHERE vendor = $1 AND account = $2 AND dedupe = $4`

func (o *putOp) apply(ctx context.Context, b *batch) error {
	m := &o.message
	found, err := b.c.queryRow(ctx, []any{&m.ID, &o.fresh}, b.s.text.put, clean(m.Vendor), clean(m.Account), clean(string(m.Mode)), clean(m.Dedupe),
		codec.Nanos(m.ReceivedAt), clean(string(m.State)), int64(m.Fence), codec.Nanos(m.Due), int64(codec.Never),
		m.Tries, clean(m.LastError), codec.Nullable(o.header), codec.Nullable(m.Body))
	if err == nil && !found {
		err = fmt.Errorf("%w: a message was neither stored nor there", idempotency.ErrCorrupt)
	}
	if o.fresh {
		b.dirty = true
		b.saw(codec.Nanos(m.ReceivedAt))
	}
	return err
}

// Put implements [idempotency.Inbox].
func (i inbox) Put(ctx context.Context, m *idempotency.Message) (fresh bool, err error) {
	if err := m.Check(); err != nil {
		return false, err
	}
	op := &putOp{message: *m}
	op.message.Prepare(i.s.clock)
	if m.Header != nil {
		text, err := codec.EncodeHeader(m.Header)
		if err != nil {
			return false, err
		}
		op.header = []byte(text)
	}
	if err := i.s.do(ctx, "put message", op, &op.outcome); err != nil {
		return false, err
	}
	if op.fresh {
		*m = op.message
	} else {
		m.ID = op.message.ID
	}
	return op.fresh, nil
}

const claimMessagesText = `WITH picked AS MATERIALIZED (
	SELECT id FROM @messages WHERE state = 'waiting' AND visible <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
	UPDATE @messages AS m SET fence = m.fence + 1, lease_owner = $3, lease_until = $4, visible = greatest(m.due, $4::bigint)
	FROM picked AS p WHERE m.id = p.id RETURNING m.*
)
SELECT ` + codec.MessageColumns + ` FROM claimed ORDER BY id`

// Claim implements [idempotency.Inbox].
func (i inbox) Claim(ctx context.Context, req idempotency.ClaimRequest) (claimed []*idempotency.Message, err error) {
	if req.Limit <= 0 {
		return nil, nil
	}
	var damaged []error
	err = i.s.claiming(ctx, func(c *session) error {
		claimed, damaged = nil, nil
		return c.query(ctx, func(rows *sql.Rows) error {
			m, err := codec.ScanMessage(rows)
			switch {
			case err == nil:
				claimed = append(claimed, m)
			case idempotency.AsDamaged(err) != nil: // it has a lease now, and is out of the way of the others
				damaged = append(damaged, err)
			default:
				return err
			}
			return nil
		}, i.s.text.claimMessages, codec.Nanos(req.Now), req.Limit, clean(req.Owner), codec.Nanos(req.Now.Add(req.Lease)))
	})
	if err != nil {
		return nil, explain("claim message", cause(ctx, err))
	}
	if len(claimed) == 0 { // else whoever lists it learns of it
		return nil, explain("claim message", errors.Join(damaged...))
	}
	return claimed, nil
}

// List implements [idempotency.Inbox].
func (i inbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	texts := &i.s.text.messages
	if q.Bare {
		texts = &i.s.text.messagesBare
	}
	text := texts.of(pages.Few(q))
	return pages.Messages(q, pageSize, func(q idempotency.MessageQuery) ([]pages.Row[*idempotency.Message], error) {
		return readRows(ctx, i.s, "list messages", codec.ScanMessage, text, int64(q.After), clean(q.Vendor), pages.Rows(q, pageSize))
	})
}

// listers are the statements that list messages. Those that wait, and those that are
// parked, have an index of their own: they are few.
type listers struct{ all, waiting, parked, failed string }

func newListers(columns string) listers {
	text := func(where string) string {
		return `SELECT ` + columns + ` FROM @messages WHERE ` + where + `id > $1 AND ($2::text = '' OR vendor = $2::text) ORDER BY id LIMIT $3`
	}
	waiting, parked := text(`state = 'waiting' AND `), text(`state = 'parked' AND `)
	// In one statement: what is parked meanwhile is in one of them.
	return listers{text(``), waiting, parked, `(` + waiting + `) UNION ALL (` + parked + `) ORDER BY id LIMIT $3`}
}

func (l *listers) of(states []idempotency.MessageState) string {
	switch {
	case len(states) == 0:
		return l.all
	case len(states) > 1:
		return l.failed
	case states[0] == idempotency.MessageWaiting:
		return l.waiting
	default:
		return l.parked
	}
}

const purgeText = `UPDATE @messages SET body = NULL, header = NULL WHERE id IN (SELECT id FROM @messages
	WHERE received < $1 AND state IN ('applied', 'ignored') AND (body IS NOT NULL OR header IS NOT NULL) ORDER BY received LIMIT $2)`

// Purge implements [idempotency.Inbox].
func (i inbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return i.s.bites(ctx, "purge", limit, func(ctx context.Context, b *batch, most int) (int, error) {
		n, err := b.c.exec(ctx, i.s.text.purge, codec.Nanos(before), most)
		return int(n), err
	})
}
