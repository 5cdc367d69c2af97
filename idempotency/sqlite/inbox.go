package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/pages"
)

// Inbox implements [idempotency.Engine].
func (s *Store) Inbox() idempotency.Inbox { return inbox{s} }

// inbox has the methods whose names the store needs for records.
type inbox struct{ s *Store }

// Put implements [idempotency.Inbox].
func (i inbox) Put(ctx context.Context, m *idempotency.Message) (fresh bool, err error) {
	if err := cmp.Or(context.Cause(ctx), m.Check()); err != nil {
		return false, err
	}
	in := *m
	in.Prepare(i.s.clock)
	var header any
	if in.Header != nil {
		if header, err = codec.EncodeHeader(in.Header); err != nil {
			return false, err
		}
	}
	op := &putOp{m: &in, header: header}
	if err := i.s.do(ctx, "put message", op, &op.outcome); err != nil {
		return false, err
	}
	if op.fresh {
		*m = in
	} else {
		m.ID = in.ID
	}
	return op.fresh, nil
}

// putOp is one message on its way into the inbox. It looks at nothing that the
// changes of its batch have loaded, and changes nothing of it.
type putOp struct {
	outcome
	m      *idempotency.Message // prepared
	header any
	fresh  bool
}

// putBytes is how much of a body weighs as much as a change does.
const putBytes = 64 << 10

func (o *putOp) weight() int { return 1 + len(o.m.Body)/putBytes }

func (o *putOp) apply(ctx context.Context, b *batch) error {
	m := o.m
	id, n, err := b.c.insert(ctx, `INSERT INTO messages (vendor, account, mode, dedupe, received, state, fence, due, visible,
		lease_owner, lease_until, tries, last_error, header, body)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, '', ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING`,
		m.Vendor, m.Account, string(m.Mode), m.Dedupe, codec.Nanos(m.ReceivedAt), string(m.State), int64(m.Fence), codec.Nanos(m.Due),
		int64(codec.Never), m.Tries, m.LastError, o.header, codec.Nullable(m.Body))
	if err != nil {
		return err
	}
	if o.fresh = n > 0; o.fresh {
		m.ID = uint64(id)
		b.dirty = true
		b.saw(m.ReceivedAt)
		return nil
	}
	_, err = b.c.queryRow(ctx, []any{&m.ID}, "SELECT id FROM messages WHERE vendor = ? AND account = ? AND dedupe = ?", m.Vendor, m.Account, m.Dedupe)
	return err
}

// Claim implements [idempotency.Inbox].
func (i inbox) Claim(ctx context.Context, req idempotency.ClaimRequest) (claimed []*idempotency.Message, err error) {
	if req.Limit <= 0 {
		return nil, nil
	}
	var damaged []error
	err = i.s.direct(ctx, "claim message", func(ctx context.Context, b *batch) error {
		var found []uint64
		claimed, damaged = nil, nil
		until := codec.Nanos(req.Now.Add(req.Lease))
		if err := b.c.query(ctx, func(rows *sql.Rows) error {
			m, err := codec.ScanMessage(rows)
			if one := idempotency.AsDamaged(err); one != nil { // it gets a lease, to be out of the way of the others
				damaged, found = append(damaged, err), append(found, one.Message)
				return nil //nolint:nilerr // it is told where there is nothing else, and where it is listed
			}
			if err != nil {
				return err
			}
			m.Fence++
			m.Lease = idempotency.Lease{Owner: req.Owner, Until: codec.FromNanos(until)}
			claimed, found = append(claimed, m), append(found, m.ID)
			return nil
		}, "SELECT "+codec.MessageColumns+" FROM messages WHERE state = 'waiting' AND visible <= ? ORDER BY id LIMIT +?", codec.Nanos(req.Now), req.Limit); err != nil {
			return err
		}
		for _, id := range found {
			b.dirty = true
			if _, err := b.c.exec(ctx, "UPDATE messages SET fence = fence + 1, lease_owner = ?1, lease_until = ?2, visible = max(due, ?2) WHERE id = ?3",
				req.Owner, until, int64(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(claimed) == 0 {
		err = explain("claim message", errors.Join(damaged...)) // else whoever lists it learns of it
	}
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// messagesOf is the statement that lists messages of the states, or all. The engine is
// told the index, else it would walk through all that came in since; two are merged as
// they are read, in one statement, so that what is parked meanwhile is in one of them.
func messagesOf(states []idempotency.MessageState, bare bool) string {
	columns := codec.MessageColumns
	if bare {
		columns = codec.BareMessageColumns
	}
	var parts []string
	for _, state := range states {
		from := "messages INDEXED BY messages_parked WHERE state = 'parked'"
		if state == idempotency.MessageWaiting {
			from = "messages INDEXED BY messages_waiting WHERE state = 'waiting'"
		}
		parts = append(parts, from)
	}
	if len(parts) == 0 {
		parts = []string{"messages WHERE true"}
	}
	for i, from := range parts {
		parts[i] = "SELECT " + columns + " FROM " + from + " AND id > ?1 AND (?2 = '' OR vendor = ?2)"
	}
	return strings.Join(parts, " UNION ALL ") + " ORDER BY id LIMIT +?3"
}

// List implements [idempotency.Inbox].
func (i inbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	text := messagesOf(pages.Few(q), q.Bare)
	return pages.Messages(q, pageSize, func(q idempotency.MessageQuery) (page []pages.Row[*idempotency.Message], err error) {
		err = i.s.read(ctx, "list messages", func(c *conn) error {
			return c.query(ctx, func(rows *sql.Rows) error {
				row, err := pages.RowOf(codec.ScanMessage(rows))
				page = append(page, damagedIn("list messages", row))
				return err
			}, text, int64(q.After), q.Vendor, pages.Rows(q, pageSize))
		})
		return page, err
	})
}

// Purge implements [idempotency.Inbox].
func (i inbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return i.s.bites(ctx, "purge", limit, func(ctx context.Context, b *batch, most int) (int, error) {
		n, err := b.c.exec(ctx, `UPDATE messages SET body = NULL, header = NULL WHERE id IN (SELECT id FROM messages
			WHERE received < ? AND state IN ('applied', 'ignored') AND (body IS NOT NULL OR header IS NOT NULL) ORDER BY received LIMIT +?)`,
			codec.Nanos(before), most)
		return int(n), err
	})
}
