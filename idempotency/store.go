package idempotency

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/postproof/postproof"
)

// The errors that callers branch on. Stores return them wrapped or bare.
var (
	// ErrNotFound: no such record, blob or setting.
	ErrNotFound = errors.New("idempotency: not found")
	// ErrStale: the record has moved on; read it again.
	ErrStale = errors.New("idempotency: record has changed since it was read")
	// ErrExists: a record with this key is there already.
	ErrExists = errors.New("idempotency: record exists")
	// ErrRefTaken: another record has this reference.
	ErrRefTaken = errors.New("idempotency: reference belongs to another record")
	// ErrLimit: a counter would pass its limit; the change was not made.
	ErrLimit = errors.New("idempotency: limit reached")
	// ErrEpoch: the ledger's history was broken since the writer last read who
	// the ledger is; the change was not made.
	ErrEpoch = errors.New("idempotency: the ledger's history was broken: read its identity again")
	// ErrKeyReused: the key was used for another piece of paper.
	ErrKeyReused = errors.New("idempotency: key was used with another fingerprint")
	// ErrInProgress: another holder is at work on the record.
	ErrInProgress = errors.New("idempotency: in progress")
	// ErrNewer: the record or the database was written by a newer version.
	ErrNewer = errors.New("idempotency: written by a newer version")
	// ErrCorrupt: what was read is not what was written.
	ErrCorrupt = errors.New("idempotency: corrupt")
	// ErrInDoubt: whether a change was made, or is still being made, cannot be said:
	// that it cannot be read yet proves nothing.
	ErrInDoubt = errors.New("idempotency: whether the change was made is not known")
	// ErrReopen: the store cannot go on as it is open, however long one waits. Nothing
	// was written, and nothing more is.
	ErrReopen = errors.New("idempotency: close the store and open it again")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("idempotency: store is closed: let what uses it end before Close, or open it again")
)

// Store keeps the records of one ledger. It is also the work queue.
//
// Every method is one atomic step, and what a method reported as done is
// durable: it survives the process, and the machine as far as its disk keeps
// its promises. Implementations are safe for concurrent use by many
// goroutines and, unless they say otherwise, processes. A context that ends
// may make a method return early; a change is then either made whole or not at
// all, and the caller has to read which. A store is whatever passes package
// storetest.
//
// Names and ids are compared, and ordered, byte by byte. Names are UTF-8 without
// NUL, of at most [MaxNameLength] bytes: of other ones a store may take two for
// one. All other texts are bytes, of any length. A record and its entries keep their
// times to the nanosecond, in any year. In leases, messages, and whatever is ordered
// or selected by time, those before 1678 are one, and those after 2261.
type Store interface {
	// Commit makes the changes, each atomically, independent of each other and
	// in order: errs has the outcome of each ([ErrStale], [ErrExists],
	// [ErrRefTaken], [ErrLimit], [ErrEpoch] or nil) and is nil when all were made. An err
	// means that nothing is known about any of them: read again. One that wraps
	// [ErrInDoubt] may even come true after that.
	//
	// Stores group the changes of concurrent callers into one transaction; one
	// bad change never fails its neighbors.
	Commit(ctx context.Context, changes []Change) (errs []error, err error)

	// Claim leases up to Limit records that a worker may work on and that are
	// visible at Now ([Record.VisibleAt]): by priority (higher first), and of one
	// priority in turns: a record of each campaign that has any, in the order of
	// their names from behind Served on, then a second one of each, and so on. A
	// campaign's records come by the time since when there is something to do
	// ([Record.WorkAt]), then id. So a campaign of ten does not wait for one of a
	// million. They are in states with work, or watched for a late arrival in any
	// other. The records returned carry the lease and a fence that has grown by
	// one. Records in unknown states or of a newer version are never claimed.
	Claim(ctx context.Context, req ClaimRequest) ([]*Record, error)

	// Get returns the record or [ErrNotFound]; of a damaged one a [DamagedError].
	Get(ctx context.Context, id ID) (*Record, error)

	// Find yields the records that match the query, ordered by id. It reads in
	// pages: records that change meanwhile may be seen in either form, those
	// that do not are seen exactly once. A damaged record that may match is yielded
	// in its place as nil and an error that wraps a [DamagedError] with its id; the
	// list goes on behind it when its reader does. After any other error it yields
	// no more.
	Find(ctx context.Context, q Query) iter.Seq2[*Record, error]

	// Entries yields the history, in commit order, each entry once. A damaged entry,
	// which may be of any kind, is yielded in its place as an error that wraps a
	// [DamagedError], beside an Entry with its Seq and, where it is known, its ID; the
	// list goes on behind it when its reader does. After any other error it yields no
	// more.
	Entries(ctx context.Context, q EntryQuery) iter.Seq2[Entry, error]

	// Prune turns up to Limit final records that were last updated before the
	// time given into tombstones ([Record.Bury]), deletes their entries, and returns how many.
	// It takes small bites: call it until it returns 0. A key is never
	// forgotten. One that is damaged keeps no other from being pruned: when only
	// such are left it returns [ErrCorrupt], beside how many it did before.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

// Ledger is what a store knows about the whole of its records. Every [Store]
// that the client is given implements it.
type Ledger interface {
	// Identity returns who the ledger is.
	Identity(ctx context.Context) (Identity, error)
	// AcceptEpoch records that the client has recovered in the epoch given,
	// which must be the present one, else [ErrStale]. With a namespace that is
	// not empty the ledger takes it as its own: a copy beside its original
	// becomes a ledger of its own.
	AcceptEpoch(ctx context.Context, epoch string, ns Namespace) error
	// Depth counts records by campaign and state; of one campaign if one is
	// named.
	Depth(ctx context.Context, campaign string) ([]StateCount, error)
	// Counter returns a counter; 0 when it was never used.
	Counter(ctx context.Context, name string) (int64, error)
	// Setting returns a setting, or the zero Setting when it was never made.
	Setting(ctx context.Context, name string) (Setting, error)
	// Settings yields the settings whose name begins with the prefix, ordered
	// by name.
	Settings(ctx context.Context, prefix string) iter.Seq2[Setting, error]
}

// Backlog is what is known of the work that waits.
type Backlog interface {
	// OldestDue returns since when the oldest of the records is due ([Record.WorkAt])
	// that [Store.Claim] would lease now: those that it leaves alone, or that are leased,
	// are not among them. It is the zero Time when there is none. Of the request Now,
	// Skip and Least count. It costs no more than a claim that finds nothing, however many
	// records wait.
	OldestDue(ctx context.Context, req ClaimRequest) (time.Time, error)
}

// Engine is a store with all that belongs to it: what package storetest tests
// and the stores of this module are. The inbox is a value beside the store,
// because its methods have the same names; it shares the transactions of
// [Store.Commit].
type Engine interface {
	Store
	Ledger
	Backlog
	Blobs
	// Inbox returns the ledger's inbox.
	Inbox() Inbox
}

// Identity is who a ledger is.
type Identity struct {
	Namespace Namespace
	// Mode is fixed when the ledger is created.
	Mode postproof.Mode
	// Epoch is the identity of the database's present history; it changes when
	// a backup is restored, a file copied, or a replica promoted.
	Epoch string
	// Recovered is the epoch that was last accepted. While it differs from
	// Epoch nothing may be submitted.
	Recovered string
	// Newest is the newest time in the ledger.
	Newest time.Time
	// CreatedAt is when the ledger was made.
	CreatedAt time.Time
}

// EpochChanged reports whether the ledger's history was broken since the last
// recovery.
func (i Identity) EpochChanged() bool { return i.Epoch != i.Recovered }

// Change is one atomic change: preconditions and effects.
type Change struct {
	// Record is the new record. Its Fence must be Expect+1. Nil for a change
	// that only touches the other fields.
	Record *Record
	// Expect is the fence that was read; 0 creates the record.
	Expect uint64
	// Epoch is the [Identity.Epoch] that the writer believes to be the present
	// one, else [ErrEpoch]: between its last look at the identity and this
	// commit a backup may have been restored. A change of a record needs the
	// epoch in which its fence was read: a restored history comes to the same
	// fences again. Empty means that the change holds in any epoch.
	Epoch string
	// Entries are appended to the history. With Forget those that the record had
	// before are deleted, in the same step; what was said under its id before it was
	// there is the ledger's, and stays.
	Entries []Entry
	Forget  bool
	// Counters are added to; a limit that would be passed undoes the change.
	Counters []CounterAdd
	// Settings are written if their version is the one that was read.
	Settings []SettingWrite
	// Reads are settings that the change depends on without writing them: each
	// must still have the version that was read, else [ErrStale]. So a pause
	// that was committed stops every intent that is committed after it.
	Reads []SettingRead
	// Marks settle messages of the inbox.
	Marks []Mark
}

// CounterAdd adds to a named counter. With a Limit above zero an addition must
// not make the sum pass it; taking away is always allowed. A sum never falls
// below zero: it stays there.
type CounterAdd struct {
	Name  string
	Add   int64
	Limit int64
}

// Setting is a small named value: a pause, an approval, a progress mark.
type Setting struct {
	Name    string
	Value   []byte
	Version uint64 // 0: never made
}

// SettingWrite writes a setting whose version is still Expect, else
// [ErrStale].
type SettingWrite struct {
	Name   string
	Value  []byte
	Expect uint64
}

// SettingRead is a setting as it was read. Version 0 means that it was never
// made.
type SettingRead struct {
	Name    string
	Version uint64
}

// ClaimRequest asks for work.
type ClaimRequest struct {
	// Owner names the worker, for people.
	Owner string
	// Limit is the most records; at least 1.
	Limit int
	// Lease is how long the records are held.
	Lease time.Duration
	// Now is the ledger's time.
	Now time.Time
	// Skip lists campaigns whose planned records are left alone: nothing new of
	// them is sent, and what a vendor has, or may have, is settled, followed and
	// watched as ever. The cost does not grow with the records left alone. The
	// inbox has none.
	Skip []string
	// Least, when not nil, leaves the planned records of a lower priority alone in
	// the same way. The inbox has none.
	Least *int
	// Served is the campaign that a claim has served last: turns go on behind
	// it. It makes small claims fair; the inbox has none.
	Served string
}

// Query selects records; the zero Query selects all. Fields are joined by and.
type Query struct {
	States   []State
	Campaign string
	// Ref finds the record that ever had the reference.
	Ref postproof.Ref
	// Vendor and VendorID find the record of a vendor's piece. Vendor alone
	// finds records that were ever submitted there.
	Vendor, VendorID string
	// IDs selects these records, at most [MaxQueryIDs] of them; empty all. They are
	// looked up at once; in which order they are given, and how often, says
	// nothing.
	IDs []ID
	// Bare yields the records without their Job, which is most of what reading
	// them costs. A record without its job must not be written back: it would take
	// the job from the ledger. So it says [Record.Bare], as do all records that the
	// machine makes of it, and a change with one is refused ([Change.Check]): read
	// the record with Get first.
	Bare bool
	// After continues behind an id.
	After ID
	// Limit bounds the number of records, damaged ones included; 0 means all.
	Limit int
}

// Entry is one line of the history. It holds no personal data.
type Entry struct {
	// Seq is the place in commit order, given by the store.
	Seq uint64 `json:"seq,omitempty"`
	// ID is the record; empty for what concerns the whole ledger.
	ID ID        `json:"id,omitempty"`
	At time.Time `json:"at"`
	// Kind is what happened.
	Kind EntryKind `json:"kind"`
	// From and To are the states before and after.
	From       State              `json:"from,omitempty"`
	To         State              `json:"to,omitempty"`
	Fence      uint64             `json:"fence,omitempty"`
	Generation int                `json:"gen,omitempty"`
	Vendor     string             `json:"vendor,omitempty"`
	Ref        postproof.Ref      `json:"ref,omitempty"`
	VendorID   string             `json:"vid,omitempty"`
	Delivery   postproof.Delivery `json:"delivery,omitempty"`
	Code       postproof.Code     `json:"code,omitempty"`
	// By is the person or worker.
	By string `json:"by,omitempty"`
	// Note says more, for people.
	Note string `json:"note,omitempty"`
}

// EntryQuery selects history.
type EntryQuery struct {
	// ID selects one record's entries; empty all.
	ID ID
	// Kinds selects some kinds; empty all.
	Kinds []EntryKind
	// After continues behind a Seq.
	After uint64
	// Limit bounds the number, damaged ones included; 0 means all.
	Limit int
}

// StateCount is a number of records, of one campaign and state.
type StateCount struct {
	Campaign string
	State    State
	Count    int64
}

// CommitOne makes one change and returns its error.
func CommitOne(ctx context.Context, s Store, c Change) error {
	errs, err := s.Commit(ctx, []Change{c})
	if err != nil {
		return err
	}
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// Check returns an error for a change that no store may accept: a fence that
// does not follow, an id that does not belong to the key, or a name that is too
// long ([MaxNameLength]).
func (c *Change) Check() error {
	for i := range c.Marks {
		if c.Marks[i].State == "" {
			return errors.New("idempotency: mark without a state")
		}
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	r := c.Record
	if r == nil {
		if c.Forget {
			return errors.New("idempotency: change that forgets the history of no record")
		}
		return nil
	}
	switch {
	case r.Fence != c.Expect+1:
		return fmt.Errorf("idempotency: change of fence %d to %d: it grows by one", c.Expect, r.Fence)
	case !r.ID.valid() || (r.Key != "" && !r.ID.isOf(r.Key)):
		return errors.New("idempotency: change of a record whose id is not its key's")
	case r.Version > RecordVersion || !r.State.Known():
		return ErrNewer
	case r.Bare:
		return errors.New("idempotency: change of a record that was read without its job: read it with Get")
	}
	return nil
}

// KeyReusedError carries both digests. It is [ErrKeyReused].
type KeyReusedError struct {
	Key  postproof.Key
	Have Fingerprint // in the ledger
	Got  Fingerprint // asked for
}

// Error names both digests, and the key by its own.
func (e *KeyReusedError) Error() string {
	return fmt.Sprintf("%s was used for another piece: fingerprint %s in the ledger, %s now: amend the job if it is the same piece, changed, as another key would print a second one; use another key only for a piece beside it", e.Key, e.Have, e.Got)
}

// Unwrap returns [ErrKeyReused].
func (e *KeyReusedError) Unwrap() error { return ErrKeyReused }
