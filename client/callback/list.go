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

// List yields stored callbacks in the order of receipt, one for each event.
// Tries and LastError say what went wrong; Body is the payload, which may hold
// personal data. A damaged message that may be meant is yielded in its place as an
// error that wraps an [idempotency.DamagedError], beside what can still be read of it,
// or nil; the list goes on behind it. After another error it yields no more.
func (r *Receiver) List(ctx context.Context, q Query) iter.Seq2[*idempotency.Message, error] {
	return func(yield func(*idempotency.Message, error) bool) {
		left := q.Limit
		for m, err := range r.among(ctx, &q) {
			damaged := idempotency.AsDamaged(err)
			if err != nil {
				err = storeError("list", err)
			}
			if err != nil && damaged == nil {
				yield(nil, err)
				return
			}
			if m != nil && !q.matches(m) {
				continue
			}
			if !yield(m, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// Replayed counts what [Receiver.Replay] did.
type Replayed struct {
	// Queued messages are worked on again, by Run or Drain.
	Queued int
	// Purged ones have no payload any more; Busy ones are worked on right now.
	Purged, Busy int
	// Damaged ones cannot be read; the log says what to do.
	Damaged int
}

// Replay has the callbacks that the query selects worked on again, at once, with
// as many tries as a new one. What the ledger has already is not applied twice;
// the handler is called again. So Replay(ctx, Query{}) is for the time after the
// handler, or whatever failed, was mended.
func (r *Receiver) Replay(ctx context.Context, q Query) (Replayed, error) {
	var done Replayed
	for m, err := range r.List(ctx, q) {
		if r.in.MeetDamaged(ctx, err) {
			done.Damaged++
			continue
		}
		if err != nil {
			return done, err
		}
		switch err := r.replay(ctx, m); {
		case err == nil:
			done.Queued++
		case errors.Is(err, errPurged):
			done.Purged++
		case errors.Is(err, errLost):
			done.Busy++
		default:
			return done, err
		}
	}
	r.wakeUp()
	return done, nil
}

func (r *Receiver) replay(ctx context.Context, m *idempotency.Message) error {
	now := r.in.Now()
	if m.State == idempotency.MessageWaiting {
		busy, err := r.runs(ctx, m)
		if err != nil {
			return err
		}
		if busy || m.Lease.Until.After(now) {
			return errLost
		}
	}
	for range 8 {
		marks := []idempotency.Mark{{ID: m.ID, Expect: m.Fence, State: idempotency.MessageWaiting, Due: now}}
		if m.Body == nil {
			whole, err := r.batchOf(ctx, m)
			if err != nil {
				return err
			}
			if whole.State != idempotency.MessageWaiting { // it keeps the payload until its events are settled
				marks = append(marks, idempotency.Mark{ID: whole.ID, Expect: whole.Fence, State: idempotency.MessageWaiting, Due: now.Add(batchWait(whole.Fence))})
			}
		}
		err := idempotency.CommitOne(ctx, r.in.Store, idempotency.Change{Marks: marks})
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, idempotency.ErrStale):
			return storeError("replay", err)
		case len(marks) == 1:
			return errLost
		}
		// Another event of the batch may have been replayed at the same time.
		again, err := r.message(ctx, m.ID)
		if err != nil {
			return err
		}
		if again.Fence != m.Fence {
			return errLost
		}
	}
	return errLost
}

// batchOf returns the batch that a message without a body is an event of, and errPurged
// where there is none that has the payload.
func (r *Receiver) batchOf(ctx context.Context, m *idempotency.Message) (*idempotency.Message, error) {
	id, _, ok := partIn(m)
	if !ok {
		return nil, errPurged
	}
	whole, err := r.message(ctx, id)
	if err == nil && whole.Body == nil {
		return nil, errPurged
	}
	return whole, err
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
