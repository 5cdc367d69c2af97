package vendorsim

import (
	"encoding/json"
	"time"

	"github.com/postproof/postproof"
)

// order is a piece of mail (or several with one order number) as a vendor has
// it. The exported fields are durable and never change; what happens later is
// in records of its own.
type order struct {
	Num  int            `json:"num"` // from 1, for each vendor
	ID   string         `json:"id"`
	Mode postproof.Mode `json:"mode"`
	Kind string         `json:"kind"` // the wire's resource type
	Ref  string         `json:"ref,omitempty"`
	// Key and Unique are scoped names under which the order is found again by
	// a repeated submission: Key until KeyUntil, Unique for ever.
	Key      string    `json:"key,omitempty"`
	KeyUntil time.Time `json:"key_until,omitzero"`
	Unique   string    `json:"unique,omitempty"`
	// Index are scoped names under which lists find the order.
	Index      []string  `json:"index,omitempty"`
	Digest     string    `json:"digest"` // of the request
	Recipients []string  `json:"recipients"`
	Created    time.Time `json:"created"`
	// FailAt is when a late failure comes; HiddenUntil ends a list's lag.
	FailAt      time.Time       `json:"fail_at,omitzero"`
	HiddenUntil time.Time       `json:"hidden_until,omitzero"`
	Data        json.RawMessage `json:"data"` // the wire's own

	void     *void
	voidedAt time.Time
	position uint64 // in the journal

	natural []moment      // nil until somebody asks
	told    int           // how many of its moments were told
	cut     int           // how many came before its end
	newsAt  time.Time     // when the next one is due
	early   chan struct{} // closed when its first callback was tried; nil: nobody waits for that
}

// canceled reports whether the order was stopped by its sender.
func (o *order) canceled() bool { return o.void != nil && o.void.Canceled }

// failed reports whether a late failure has struck.
func (o *order) failed() bool { return o.void != nil && !o.void.Canceled }

// void ends an order without paper.
type void struct {
	ID       string `json:"id"`
	Reason   string `json:"reason"`
	Canceled bool   `json:"canceled,omitempty"`
}

// reasonCanceled is the reason of a void by cancellation.
const reasonCanceled = "canceled"

// reasonLate is the reason of a void by late failure.
const reasonLate = "the artwork could not be rendered for print"

// record is a line of the state file: a request that counts, and what became
// of it.
type record struct {
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
	Vendor string    `json:"vendor,omitempty"`
	Op     op        `json:"op,omitempty"`
	// Ref and N are the reference of the draw and its occurrence.
	Ref    string   `json:"ref,omitempty"`
	N      int      `json:"n,omitempty"`
	Fault  Boundary `json:"fault,omitempty"`
	Replay bool     `json:"replay,omitempty"`
	Order  *order   `json:"order,omitempty"`
	Void   *void    `json:"void,omitempty"`
	// Wire is a change of the wire's own state, see [stateful].
	Wire json.RawMessage `json:"wire,omitempty"`
	// Webhook, Event and Attempt are of callbacks.
	Webhook *Webhook     `json:"webhook,omitempty"`
	Event   *eventData   `json:"event,omitempty"`
	Attempt *attemptData `json:"attempt,omitempty"`
	// Header is set on the first record only.
	Header *header `json:"header,omitempty"`
}

// header opens the state file.
type header struct {
	Version int    `json:"version"`
	Seed    uint64 `json:"seed"`
}
