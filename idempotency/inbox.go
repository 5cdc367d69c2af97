package idempotency

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
)

// Inbox keeps what vendors send us, raw, until it is applied and for some time
// after. It shares the transaction of [Store.Commit] through [Mark]: a message
// is applied and marked in one step.
type Inbox interface {
	// Put stores the message durably unless one with the same Vendor, Account
	// and Dedupe is there; fresh says whether it was new. It sets the message's
	// ID, to that of the earlier message when there is one, and what
	// [Message.Prepare] sets. The message stays the caller's.
	Put(ctx context.Context, m *Message) (fresh bool, err error)
	// Claim leases up to Limit messages that wait and are due, oldest first.
	// The messages returned carry the lease and a fence that has grown by one. One
	// that is damaged keeps no other from its worker: it gets a lease as well, and is a
	// [DamagedError] where there are only such, and where it is listed.
	Claim(ctx context.Context, req ClaimRequest) ([]*Message, error)
	// List yields messages by id, which is the order of receipt. A damaged message
	// is yielded in its place as an error that wraps a [DamagedError] with its id,
	// beside what can still be read of it, or nil: the listing goes on behind it
	// when its reader does. After any other error it yields no more. A message that
	// is in one or another of the states asked for all the while is in the list,
	// once, whenever it changes from one to the other.
	List(ctx context.Context, q MessageQuery) iter.Seq2[*Message, error]
	// Purge deletes the raw payload of up to Limit messages received before
	// the time given, body and headers, that were applied or ignored, and
	// returns how many; a parked message waits for a person and keeps it. What
	// deduplicates them stays. Call it until it returns 0.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}

// MessageState says how far a message has come.
type MessageState string

// The states of a message.
const (
	MessageWaiting MessageState = "waiting"
	MessageApplied MessageState = "applied"
	// MessageParked failed too often, and waits for a person.
	MessageParked MessageState = "parked"
	// MessageIgnored was another mode's or account's.
	MessageIgnored MessageState = "ignored"
)

// Message is one thing that came in.
type Message struct { //nolint:recvcheck // it is printed by value as well
	ID      uint64
	Vendor  string
	Account string
	Mode    postproof.Mode
	// Dedupe is the signed event id, or a digest of what identifies the event.
	Dedupe string
	// Header holds the headers needed to verify the message again; nil after
	// the body was purged.
	Header map[string]string
	// Body is the payload as it came; nil after it was purged.
	Body       []byte
	ReceivedAt time.Time

	State MessageState
	Fence uint64
	Lease Lease
	Due   time.Time
	// Tries counts failures; LastError is the latest, without personal data.
	Tries     int
	LastError string
}

// String returns a form without the payload, and the headers that sign it.
func (m Message) String() string {
	return fmt.Sprintf("message(%d %s %s, %d tries)", m.ID, m.Vendor, m.State, m.Tries)
}

// GoString keeps %#v from printing them.
func (m Message) GoString() string { return "idempotency.Message{" + m.String() + "}" }

// LogValue implements [slog.LogValuer] without them.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.Uint64("id", m.ID), slog.String("vendor", m.Vendor), slog.String("state", string(m.State)),
		slog.Int("tries", m.Tries), slog.String("last_error", m.LastError))
}

// Mark settles or reschedules a claimed message and gives the lease back. It
// applies only while the fence is the one that was claimed, else [ErrStale].
// An Error counts as a failure. See [Mark.Apply].
type Mark struct {
	ID     uint64
	Expect uint64
	State  MessageState
	Due    time.Time
	Error  string
	// Purge deletes the raw payload, body and headers, whatever the state: the
	// person that it is about was erased. What deduplicates the message stays.
	Purge bool
}

// MessageQuery selects messages; the zero value selects all.
type MessageQuery struct {
	States []MessageState
	Vendor string
	// After continues behind an id. Limit bounds what is yielded, damaged messages
	// included; 0 means all.
	After uint64
	Limit int
	// Bare leaves the Body out, which may be long and holds personal data: it is nil.
	// It is for counts and lists.
	Bare bool
}
