package idempotency

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// What every store must do alike is here once, for stores outside this
// package too.

// valid reports whether the id has the form of a digest.
func (id ID) valid() bool {
	if len(id) != 2*sha256.Size {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isOf is id == IDOf(key) without making a string.
func (id ID) isOf(key postproof.Key) bool {
	digest := digestOf(key)
	return string(id) == string(digest[:])
}

// Newer reports whether a newer version of this library wrote the record: it
// is read, and never claimed, changed or pruned.
func (r *Record) Newer() bool { return r.Version > RecordVersion || !r.State.Known() }

// Prunable reports whether [Store.Prune] buries the record: never while a
// vendor is watched for a late arrival.
func (r *Record) Prunable(before time.Time) bool {
	_, watched := r.Watched()
	return r.State.Final() && !watched && !r.Tombstone && !r.Newer() && r.UpdatedAt.Before(before)
}

// Sum returns the counter's value after the addition: never below zero, and
// at most the largest number there is.
func (a CounterAdd) Sum(have int64) int64 {
	if a.Add > 0 && have > math.MaxInt64-a.Add {
		return math.MaxInt64
	}
	return max(0, have+a.Add)
}

// Exceeded reports whether the addition to have is against the limit. Taking
// away is never.
func (a CounterAdd) Exceeded(have int64) bool {
	return a.Limit > 0 && a.Add > 0 && a.Sum(have) > a.Limit
}

// MaxNameLength is the most bytes of a name: of a campaign, a counter or a setting,
// and of a message's Vendor, Account and Dedupe together. A database's index takes
// no more. What a vendor calls a piece is no name of ours, and may be longer.
const MaxNameLength = 2000

// checkNames returns an error for a change with a name that is too long.
func (c *Change) checkNames() error {
	longest := 0
	if c.Record != nil {
		longest = len(c.Record.Campaign)
	}
	for i := range c.Counters {
		longest = max(longest, len(c.Counters[i].Name))
	}
	for i := range c.Settings {
		longest = max(longest, len(c.Settings[i].Name))
	}
	if longest > MaxNameLength {
		return fmt.Errorf("idempotency: change with a name of %d bytes: at most %d are allowed", longest, MaxNameLength)
	}
	return nil
}

// Check returns an error for a message that no inbox takes.
func (m *Message) Check() error {
	if n := len(m.Vendor) + len(m.Account) + len(m.Dedupe); n > MaxNameLength {
		return fmt.Errorf("idempotency: message whose vendor, account and dedupe have %d bytes: at most %d are allowed", n, MaxNameLength)
	}
	return nil
}

// MaxQueryIDs is how many records a query may name by their ids.
const MaxQueryIDs = 1000

// Check returns an error for a query that no store answers.
func (q *Query) Check() error {
	if len(q.IDs) > MaxQueryIDs {
		return fmt.Errorf("idempotency: a query of %d ids: ask for at most %d at a time", len(q.IDs), MaxQueryIDs)
	}
	if q.After != "" && !q.After.valid() {
		return errors.New("idempotency: a query that goes on behind what is no id: want 64 characters of 0-9 and a-f")
	}
	return nil
}

// Wanted returns the query's IDs that stand behind After, in order and each once,
// for stores to look up.
func (q *Query) Wanted() []ID {
	ids := slices.Clone(q.IDs)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	from, found := slices.BinarySearch(ids, q.After)
	if found {
		from++
	}
	return ids[from:]
}

// Matches reports whether the query selects the record. It looks at neither
// After nor Limit.
func (q *Query) Matches(r *Record) bool {
	if len(q.IDs) > 0 && !slices.Contains(q.IDs, r.ID) {
		return false
	}
	if len(q.States) > 0 && !slices.Contains(q.States, r.State) {
		return false
	}
	if q.Campaign != "" && r.Campaign != q.Campaign {
		return false
	}
	if q.Ref != "" && !slices.ContainsFunc(r.Submissions, func(s Submission) bool { return s.Ref == q.Ref }) {
		return false
	}
	return q.matchesPiece(r)
}

func (q *Query) matchesPiece(r *Record) bool {
	if q.Vendor == "" && q.VendorID == "" {
		return true
	}
	is := func(vendor, id string) bool {
		return (q.Vendor == "" || vendor == q.Vendor) && (q.VendorID == "" || id == q.VendorID)
	}
	return slices.ContainsFunc(r.Submissions, func(s Submission) bool { return is(s.Vendor, s.VendorID) }) ||
		(r.Receipt.VendorID != "" && is(r.Receipt.Vendor, r.Receipt.VendorID))
}

// Matches reports whether the query selects the entry. It does not look at
// Limit.
func (q *EntryQuery) Matches(e *Entry) bool {
	return e.Seq > q.After && (q.ID == "" || e.ID == q.ID) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind))
}

// Matches reports whether the query selects the message. It does not look at
// Limit.
func (q *MessageQuery) Matches(m *Message) bool {
	return m.ID > q.After && (q.Vendor == "" || m.Vendor == q.Vendor) &&
		(len(q.States) == 0 || slices.Contains(q.States, m.State))
}

// Prepare gives a new message what the caller left out: it waits, and was
// received now.
func (m *Message) Prepare(clock postproof.Clock) {
	m.State = cmp.Or(m.State, MessageWaiting)
	m.Fence, m.Lease = 1, Lease{}
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = clock.Now()
	}
}

// VisibleAt returns when the message may be claimed; false when never.
func (m *Message) VisibleAt() (time.Time, bool) {
	if m.State != MessageWaiting {
		return time.Time{}, false
	}
	if m.Lease.Until.After(m.Due) {
		return m.Lease.Until, true
	}
	return m.Due, true
}

// Purgeable reports whether [Inbox.Purge] drops the message's payload. One
// that waits, for us or for a person, keeps it.
func (m *Message) Purgeable(before time.Time) bool {
	return (m.State == MessageApplied || m.State == MessageIgnored) &&
		m.ReceivedAt.Before(before) && (m.Body != nil || m.Header != nil)
}

// Apply returns the message after the mark: the lease is given back, and an
// error counts as a failure.
func (k Mark) Apply(m *Message) *Message {
	marked := *m
	marked.State, marked.Due, marked.Lease = k.State, k.Due, Lease{}
	marked.Fence++
	if k.Error != "" {
		marked.LastError = k.Error
		marked.Tries++
	}
	if k.Purge {
		marked.Body, marked.Header = nil, nil
	}
	return &marked
}

// Compare orders by campaign, then state.
func (c StateCount) Compare(other StateCount) int {
	return cmp.Or(strings.Compare(c.Campaign, other.Campaign), strings.Compare(string(c.State), string(other.State)))
}
