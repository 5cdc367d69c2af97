package idempotency

import (
	"fmt"
	"time"

	"github.com/postproof/postproof"
)

// Machine is the ledger's rule book: pure functions from a record, an event
// and a time to a new record, and from a record and a time to the next action.
// It does no I/O, reads no clock and starts no goroutine. The zero value is
// usable but knows no vendors; a Machine is safe for concurrent use as long as
// nobody changes it.
type Machine struct {
	// Caps returns what a vendor can do, nil for one that is not configured.
	Caps func(vendor string) *postproof.Capabilities
	// Deadlines bound the time in each state; the zero value means their defaults.
	Deadlines
}

// RuleError says which rule of the ledger forbids an event.
type RuleError struct {
	// Rule is the number in the package documentation; 0 when the event has no
	// meaning in the state.
	Rule   int
	State  State
	Event  string
	Reason string
}

// Error names the rule.
func (e *RuleError) Error() string {
	if e.Rule == 0 {
		return fmt.Sprintf("idempotency: %s in state %s: %s", e.Event, e.State, e.Reason)
	}
	return fmt.Sprintf("idempotency: %s in state %s: rule %d: %s", e.Event, e.State, e.Rule, e.Reason)
}

// NewRecord returns the first record of a job, planned and not yet stored: commit it
// with Expect 0.
func NewRecord(job *postproof.Job, encoded []byte, mode postproof.Mode, now time.Time) *Record {
	r := &Record{
		Version: RecordVersion, ID: IDOf(job.Key), Key: job.Key, Job: encoded, Fingerprint: FingerprintOf(job),
		Mode: mode, Campaign: job.Campaign, Contact: job.Contact, Priority: job.Priority,
		State: Planned, Generation: 1, Fence: 1, CreatedAt: now, UpdatedAt: now, PlannedAt: now, Due: now, SendDate: job.SendDate.UTC(),
	}
	return r
}

// Now returns the record's time: never before the newest that the record has
// seen (rule 11).
func (r *Record) Now(now time.Time) time.Time {
	if now.Before(r.UpdatedAt) {
		return r.UpdatedAt
	}
	return now
}

// Apply makes the events happen to a stored record, one after the other, and
// returns the one change to commit. The record given is not modified. An error
// is a [RuleError] or [ErrNewer], and nothing happened.
func (m *Machine) Apply(r *Record, now time.Time, events ...Event) (Change, error) {
	return m.apply(r, r.Fence, now, events)
}

// Create is [Machine.Apply] for a record that is not stored yet.
func (m *Machine) Create(r *Record, now time.Time, events ...Event) (Change, error) {
	return m.apply(r, 0, now, events)
}

func (m *Machine) apply(r *Record, expect uint64, now time.Time, events []Event) (Change, error) {
	if r.Version > RecordVersion || !r.State.Known() {
		return Change{}, ErrNewer
	}
	if r.Tombstone {
		return Change{}, &RuleError{Rule: 10, State: r.State, Event: nameOf(events), Reason: "the job was pruned or erased; its key stays used"}
	}
	// Nearly all changes are of one submission and fit one allocation.
	room := &struct {
		record Record
		first  [1]Submission
	}{record: *r}
	next := &room.record
	next.Submissions = append(room.first[:0], r.Submissions...)
	t := transition{m: m, r: next, now: r.Now(now), fence: expect + 1, entries: make([]Entry, 0, len(events)+1)}
	if expect == 0 {
		t.deadline()
		t.note(EntryPlanned, "")
	}
	for _, ev := range events {
		t.ev = ev.Name()
		t.from = next.State
		if _, wake := ev.(Wake); !wake {
			next.Awaits = "" // whatever comes ends the wait, but for another one
		}
		if err := t.apply(ev); err != nil {
			return Change{}, err
		}
	}
	t.ev = "change"
	t.renew()
	t.bound()
	if next.Prior != nil && next.Prior == r.Prior && movedOn(r, next) {
		next.Prior = nil
	}
	forget := t.forgotten()
	if !next.State.Workable() {
		next.Lease = Lease{} // at rest it is held by nobody; a watch is one step
	}
	if len(next.Submissions) == 0 {
		next.Submissions = nil // as it was, not empty
	}
	next.Fence = t.fence
	next.UpdatedAt = t.now
	for i := range t.entries {
		t.entries[i].Fence = next.Fence
	}
	return Change{Record: next, Expect: expect, Entries: t.entries, Forget: forget}, nil
}

func nameOf(events []Event) string {
	if len(events) == 0 {
		return "nothing"
	}
	return events[0].Name()
}

// transition is the working copy of one Apply.
type transition struct {
	m       *Machine
	r       *Record
	now     time.Time
	fence   uint64 // that the record will have
	ev      string
	from    State
	entries []Entry
}

func (t *transition) apply(ev Event) error {
	switch ev := ev.(type) {
	case Intend:
		return t.intend(ev)
	case Answer:
		return t.answer(ev)
	case Expire:
		return t.expire()
	case LookedUp:
		return t.lookedUp(ev)
	case Observe:
		return t.observe(ev)
	case WishCancel:
		return t.wishCancel(ev)
	case CancelAnswer:
		return t.cancelAnswer(ev)
	case Replan:
		return t.replan()
	case NoRoute:
		return t.noRoute(ev)
	case Postpone:
		return t.postpone(ev)
	case CannotBuild:
		return t.cannotBuild(ev)
	case PutOnHold:
		return t.putOnHold(ev)
	case Release:
		return t.release(ev)
	case Decide:
		return t.decide(ev)
	case Amend:
		return t.amend(ev)
	case Suspect:
		return t.suspect(ev)
	case Erase:
		t.erase(ev)
		return nil
	case Finish:
		return t.finish()
	case Refresh:
		return t.refresh()
	case Reopen:
		return t.reopen(ev)
	case Wake:
		return t.wake()
	case Replay:
		return t.replay(ev)
	default:
		return t.no(0, "the event is not known to this version")
	}
}

// no returns the error that a rule, or 0 for none, forbids the event.
func (t *transition) no(rule int, reason string) error {
	return &RuleError{Rule: rule, State: t.r.State, Event: t.ev, Reason: reason}
}

// note appends to the history.
func (t *transition) note(kind EntryKind, note string) *Entry {
	t.entries = append(t.entries, Entry{
		ID: t.r.ID, At: t.now, Kind: kind, From: t.from, To: t.r.State, Generation: t.r.Generation, Note: note,
	})
	return &t.entries[len(t.entries)-1]
}

func (t *transition) noteSub(kind EntryKind, s *Submission, note string) *Entry {
	e := t.note(kind, note)
	e.Vendor, e.Ref, e.VendorID, e.Delivery = s.Vendor, s.Ref, s.VendorID, s.Join
	return e
}

// enter changes the state, with its deadline and a fresh count of tries.
func (t *transition) enter(s State) {
	from := t.r.State
	if from != s {
		t.r.Tries = 0
	}
	t.r.State = s
	t.r.Due = t.now
	t.r.Lease = Lease{}
	if s == Unknown && (from == Sending || from == Unknown) {
		return // the deadline runs from the first send
	}
	t.deadline()
}

func (t *transition) deadline() {
	switch t.r.State {
	case Planned:
		// Not from now: a job that is tried again and again would wait for ever.
		since := later(t.r.PlannedAt, t.r.CreatedAt)
		t.r.Deadline = since.Add(t.m.WithDefaults().PlannedFor)
	case Sending, Unknown:
		t.r.Deadline = t.now.Add(t.m.WithDefaults().UnknownFor)
	case Accepted:
		t.r.Deadline = later(t.now, t.r.sendDate(t.r.holding())).Add(t.m.WithDefaults().TrackFor)
	case Refused, Held, Canceled, Done:
		t.r.Deadline = time.Time{}
	}
}

// bound keeps a wait from outlasting the deadline that ends it: rule 9.
func (t *transition) bound() {
	r := t.r
	if r.State.Workable() && !r.Deadline.IsZero() && r.Due.After(r.Deadline) && !r.Status.Stage.Terminal() {
		r.Due = r.Deadline
	}
}

// ready plans the job for a new reason: what came before is over.
func (t *transition) ready() {
	t.r.Receipt, t.r.Refusal, t.r.Hold, t.r.Status = postproof.Receipt{}, Refusal{}, Hold{}, postproof.Status{}
	t.r.PlannedAt = t.now
	t.enter(Planned)
}

// wait sets Due to the backoff of the present tries, at least after.
func (t *transition) wait(after time.Duration) {
	t.r.Tries++
	t.r.Due = t.now.Add(max(after, t.m.backoff(t.r.ID, t.r.Tries)))
	t.r.Lease = Lease{}
}

// backoff doubles from the base to the cap, less up to half of it by a jitter
// that depends on the job, so that jobs that failed together do not come back
// together.
func (m *Machine) backoff(id ID, tries int) time.Duration {
	full := m.WithDefaults()
	base, limit := full.RetryBase, full.RetryCap
	d := base
	for range min(tries-1, 20) {
		d = min(2*d, limit)
	}
	spread := uint64(tries) * 0x9e3779b97f4a7c15
	for i := range min(len(id), 8) {
		spread = (spread ^ uint64(id[i])) * 0x100000001b3
	}
	return d - time.Duration(spread>>33%1024)*d/2048
}

func (m *Machine) caps(vendor string) *postproof.Capabilities {
	if m.Caps == nil {
		return nil
	}
	return m.Caps(vendor)
}

func (t *transition) find(vendor string, ref postproof.Ref) *Submission {
	for i := len(t.r.Submissions) - 1; i >= 0; i-- {
		if s := &t.r.Submissions[i]; s.Vendor == vendor && s.Ref == ref {
			return s
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
