package idempotency

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
)

// Memory is a ledger that lives as long as the process: for tests, examples
// and simulations. It forgets everything at the end, so what it calls durable
// is not; real paper needs a real store.
//
// It keeps the very records it is given, without copying or encoding them, and
// is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	clock    postproof.Clock
	identity Identity
	broken   int // how often the history was
	records  map[ID]*memoryRecord
	ids      []ID // of all records; the first sorted of them are in order
	sorted   int
	refs     map[postproof.Ref]*memoryRecord
	pieces   map[vendorPiece]*memoryRecord
	// shared holds what pieces has no room for: a vendor's id that more than
	// one record claims.
	shared   map[vendorPiece][]*memoryRecord
	work     workQueue
	history  memoryHistory
	counters map[string]int64
	settings map[string]Setting
	depth    map[StateCount]int64 // by StateCount with a zero Count
	messages memoryInbox
	blobs    memoryBlobs
}

// memoryRecord is a record's place; the record itself is replaced as a whole.
type memoryRecord struct {
	*Record
	// work is when there is something to do, visible when it may be claimed.
	work, visible time.Time
	// queue is the heap the record is in, nil for none, and index its place.
	queue *recordHeap
	index int
}

type vendorPiece struct{ vendor, id string }

// MemoryOption changes how [NewMemory] makes a ledger.
type MemoryOption interface{ applyMemory(*Memory) }

type memoryOption func(*Memory)

func (o memoryOption) applyMemory(m *Memory) { o(m) }

// WithClock sets the clock of a [Memory]; the default, also for nil, is the machine's.
func WithClock(clock postproof.Clock) MemoryOption {
	return memoryOption(func(m *Memory) { m.clock = clock })
}

// WithNamespace sets the namespace of a [Memory], so that references repeat from run to
// run; the default is random.
func WithNamespace(ns Namespace) MemoryOption {
	return memoryOption(func(m *Memory) { m.identity.Namespace = ns })
}

// memoryEpoch is that of a new ledger. Nothing restores a process: it only
// changes by BreakHistory.
const memoryEpoch = "memory"

// NewMemory returns an empty ledger of the mode.
func NewMemory(mode postproof.Mode, opts ...MemoryOption) *Memory {
	m := &Memory{
		identity: Identity{Mode: mode, Epoch: memoryEpoch, Recovered: memoryEpoch},
		records:  make(map[ID]*memoryRecord),
		refs:     make(map[postproof.Ref]*memoryRecord),
		pieces:   make(map[vendorPiece]*memoryRecord),
		shared:   make(map[vendorPiece][]*memoryRecord),
		work:     newWorkQueue(),
		history:  newMemoryHistory(),
		counters: make(map[string]int64),
		settings: make(map[string]Setting),
		depth:    make(map[StateCount]int64),
		messages: newMemoryInbox(),
		blobs:    newMemoryBlobs(),
	}
	for _, o := range opts {
		o.applyMemory(m)
	}
	if m.clock == nil {
		m.clock = postproof.SystemClock()
	}
	if m.identity.Namespace == "" {
		m.identity.Namespace = NewNamespace()
	}
	m.identity.CreatedAt = m.clock.Now()
	return m
}

var _ Engine = (*Memory)(nil)

// Commit implements [Store].
func (m *Memory) Commit(ctx context.Context, changes []Change) ([]error, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for i := range changes {
		if err := m.commit(&changes[i]); err != nil {
			if errs == nil {
				errs = make([]error, len(changes))
			}
			errs[i] = err
		}
	}
	return errs, nil
}

// commit checks all preconditions, and only then touches anything.
func (m *Memory) commit(c *Change) error {
	if err := c.Check(); err != nil {
		return err
	}
	if c.Epoch != "" && c.Epoch != m.identity.Epoch {
		return ErrEpoch
	}
	if err := m.checkRecord(c); err != nil {
		return err
	}
	// One lock is held from here to the end of the change: nobody writes a setting
	// between.
	for i := range c.Reads {
		if m.settings[c.Reads[i].Name].Version != c.Reads[i].Version {
			return ErrStale
		}
	}
	for i := range c.Settings {
		w := &c.Settings[i]
		have := m.settings[w.Name].Version
		for j := range i { // the same setting twice: the second one builds on the first
			if c.Settings[j].Name == w.Name {
				have = c.Settings[j].Expect + 1
			}
		}
		if have != w.Expect {
			return ErrStale
		}
	}
	for i, mark := range c.Marks {
		again := slices.ContainsFunc(c.Marks[:i], func(o Mark) bool { return o.ID == mark.ID })
		if again || !m.messages.canMark(mark) {
			return ErrStale
		}
	}
	for i := range c.Counters {
		add := &c.Counters[i]
		sum := m.counters[add.Name]
		for j := range i {
			if c.Counters[j].Name == add.Name {
				sum = c.Counters[j].Sum(sum)
			}
		}
		if add.Exceeded(sum) {
			return ErrLimit
		}
	}
	m.apply(c)
	return nil
}

func (m *Memory) checkRecord(c *Change) error {
	if c.Record == nil {
		return nil
	}
	old := m.records[c.Record.ID]
	switch {
	case c.Expect == 0 && old != nil:
		return ErrExists
	case c.Expect == 0:
	case old == nil:
		return ErrStale
	case old.Newer():
		return ErrNewer
	case old.Fence != c.Expect:
		return ErrStale
	}
	for i := range c.Record.Submissions {
		if owner := m.refs[c.Record.Submissions[i].Ref]; owner != nil && owner != old {
			return ErrRefTaken
		}
	}
	return nil
}

func (m *Memory) apply(c *Change) {
	if c.Record != nil {
		m.put(c.Record)
		if c.Forget {
			m.history.forget(c.Record.ID)
		}
	}
	for i := range c.Entries {
		m.history.add(c.Entries[i], m.records[c.Entries[i].ID] != nil)
		m.sawTime(c.Entries[i].At)
	}
	for _, add := range c.Counters {
		m.counters[add.Name] = add.Sum(m.counters[add.Name])
	}
	for _, w := range c.Settings {
		m.settings[w.Name] = Setting{Name: w.Name, Value: slices.Clone(w.Value), Version: w.Expect + 1}
	}
	for _, mark := range c.Marks {
		m.messages.mark(mark)
	}
}

// put makes r the present form of its record.
func (m *Memory) put(r *Record) {
	slot := m.records[r.ID]
	if slot == nil {
		slot = &memoryRecord{Record: r}
		m.records[r.ID] = slot
		m.ids = append(m.ids, r.ID)
	} else {
		m.depth[StateCount{Campaign: slot.Campaign, State: slot.State}]--
		m.work.remove(slot) // under the old record: it says where the slot is
		slot.Record = r
	}
	m.depth[StateCount{Campaign: r.Campaign, State: r.State}]++
	m.work.add(slot)
	for i := range r.Submissions {
		s := &r.Submissions[i]
		if s.Ref != "" {
			m.refs[s.Ref] = slot
		}
		m.index(vendorPiece{s.Vendor, s.VendorID}, slot)
	}
	m.index(vendorPiece{r.Receipt.Vendor, r.Receipt.VendorID}, slot)
	m.sawTime(r.UpdatedAt)
}

func (m *Memory) index(p vendorPiece, slot *memoryRecord) {
	if p.id == "" {
		return
	}
	switch first := m.pieces[p]; {
	case first == nil:
		m.pieces[p] = slot
	case first != slot && !slices.Contains(m.shared[p], slot):
		m.shared[p] = append(m.shared[p], slot)
	}
}

func (m *Memory) sawTime(t time.Time) {
	if t.After(m.identity.Newest) {
		m.identity.Newest = t
	}
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, id ID) (*Record, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slot := m.records[id]; slot != nil {
		return slot.Record, nil
	}
	return nil, ErrNotFound
}

// Prune implements [Store].
func (m *Memory) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if limit <= 0 {
		limit = math.MaxInt
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, slot := range m.records {
		if n == limit {
			break
		}
		if slot.Prunable(before) {
			m.put(slot.Bury())
			m.history.forget(slot.ID)
			n++
		}
	}
	return n, nil
}
