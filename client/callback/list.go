package callback

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Query selects stored callbacks; the zero Query selects those that failed:
// parked ones, and those that wait for another try. Fields are joined by and.
type Query struct {
	// IDs selects single messages, in any state.
	IDs []uint64
	// States selects states, [idempotency.MessageApplied] for example to run the
	// handler once more for what it has seen.
	States []idempotency.MessageState
	// Unmatched selects those about a piece that the ledger did not know, in any
	// state: parked where it carried our reference, else ignored.
	Unmatched bool
	// Vendor selects one vendor's.
	Vendor string
	// Since and Until bound the time of receipt: from Since on, before Until.
	Since, Until time.Time
	// After continues behind a message's id; Limit bounds the number, 0 means
	// all.
	After uint64
	Limit int
	// Bare has List leave the payloads and headers out, which is quicker and shows no
	// personal data.
	Bare bool
}

func (q *Query) matches(m *idempotency.Message) bool {
	switch {
	case len(q.IDs) > 0:
		if !slices.Contains(q.IDs, m.ID) {
			return false
		}
	case len(q.States) > 0:
		if !slices.Contains(q.States, m.State) {
			return false
		}
	case q.Unmatched:
	case m.State != idempotency.MessageParked && (m.State != idempotency.MessageWaiting || m.Tries == 0):
		return false
	}
	return (!q.Unmatched || strings.HasPrefix(m.LastError, string(failUnmatched)+":")) &&
		(q.Since.IsZero() || !m.ReceivedAt.Before(q.Since)) && (q.Until.IsZero() || m.ReceivedAt.Before(q.Until))
}

// List yields stored callbacks in the order of receipt, see [Inbox.List].
func (r *Receiver) List(ctx context.Context, q Query) iter.Seq2[*idempotency.Message, error] {
	return r.box.List(ctx, q)
}

// Replay has the callbacks that the query selects worked on again, see [Inbox.Replay].
func (r *Receiver) Replay(ctx context.Context, q Query) (_ Replayed, err error) {
	ctx, end := r.in.Trace(ctx, "postproof.callbacks.replay", nil)
	defer func() { end(err) }()
	defer r.wakeUp()
	return r.box.Replay(ctx, q)
}

// Verify verifies a stored callback again, with the active secrets, the headers
// that it came with, and the time at which it was received. Nil means that the
// vendor signed what is stored. The error has [postproof.CodeUnauthenticated]
// when it did not, or not with a secret that is still active;
// [postproof.CodeUnsupported] when the vendor signs nothing;
// [postproof.CodeNotFound] when there is no such message, or its payload was
// purged.
func (r *Receiver) Verify(ctx context.Context, id uint64) error {
	const op = "verify stored callback"
	m, err := r.message(ctx, id)
	if err != nil {
		return err
	}
	o, err := r.open(ctx, m)
	if o == nil {
		return err
	}
	if o.a.route.unsigned {
		return &postproof.Error{Code: postproof.CodeUnsupported, Delivery: postproof.Unknown, Op: op, Vendor: m.Vendor, Err: errors.New("the vendor signs nothing")}
	}
	if err := verify(o.a.keys.Load().verifier, o.header, o.raw, m.ReceivedAt); err != nil {
		return &postproof.Error{Code: postproof.CodeUnauthenticated, Delivery: postproof.Unknown, Op: op, Vendor: m.Vendor, Err: fmt.Errorf("message %d: %w", id, err)}
	}
	return nil
}
