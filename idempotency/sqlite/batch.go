package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// batch is one transaction of the writer. It works in three steps: load what
// the changes look at, with few queries; decide about each change in turn,
// against what was loaded and what the changes before it made of that; store
// the outcome, with few statements. A change that may not be made is seen in
// the second step, and costs its neighbors nothing.
type batch struct {
	c     *conn
	head  head
	dirty bool  // there is something to commit
	based int64 // commits that a checkpoint has moved into the main file

	places   places
	changed  []*place
	refs     map[string]int64 // the owner's num, 0 for none
	counters map[string]*counter
	settings map[string]*setting
	messages map[uint64]*message
	depth    map[group]int64

	newRecords, newJobs            newRows
	newRefs, newPieces, newEntries newRows

	args   []any
	ids    []idempotency.ID
	wanted []string
}

// head is the changing part of the ledger's row.
type head struct {
	commits, base, newest, lastRecord, lastEntry int64
	// epoch is read with the write lock held: no new one can begin before the
	// transaction ends.
	epoch string
}

// place is a record's place in the database, and what it will be.
type place struct {
	num    int64 // 0 when there is no such record
	fence  uint64
	newer  bool
	group  group
	links  string
	tail   int64 // its last entry
	jobSum int64
	row    *codec.Row // not stored yet; nil when nothing changed but the tail
	stored stored     // what is there of it until then
	// touched: it is among the batch's changed ones.
	touched bool
}

// stored is what the database has of a record.
type stored struct {
	there  bool
	group  group
	tail   int64
	jobSum int64
}

type group struct {
	campaign, state string
	priority        int
}

type counter struct {
	value int64
	dirty bool
}

type setting struct {
	value   []byte
	version uint64
	dirty   bool
}

type message struct {
	fence uint64
	mark  *idempotency.Mark
}

func newBatch(c *conn) *batch {
	return &batch{
		c: c, refs: make(map[string]int64),
		places:   places{newer: make(map[idempotency.ID]*place), older: make(map[idempotency.ID]*place), settings: make(map[string]uint64)},
		counters: make(map[string]*counter), settings: make(map[string]*setting),
		messages: make(map[uint64]*message), depth: make(map[group]int64),
		newRecords: newRows{text: insertRecords, width: 20}, newJobs: newRows{text: insertJobs, width: 2},
		newRefs: newRows{text: insertRefs, width: 2}, newPieces: newRows{text: insertPieces, width: 2},
		newEntries: newRows{text: insertEntries, width: 4},
	}
}

// begin forgets everything of the transaction before, but where records stand
// if that is still true.
func (b *batch) begin(ctx context.Context) error {
	b.dirty = false
	b.forget()
	var version int64
	if _, err := b.c.queryRow(ctx, []any{&version}, "PRAGMA data_version"); err != nil {
		return err
	}
	if version != b.places.version {
		b.places.drop()
		// Whoever has written may be a newer version, which migrated the file: a row
		// that this one writes may lack what that one goes by.
		if err := b.c.checkSchema(ctx); err != nil {
			return err
		}
		b.places.version = version
	}
	b.places.turn()
	_, err := b.c.queryRow(ctx, []any{&b.head.commits, &b.head.base, &b.head.newest, &b.head.lastRecord, &b.head.lastEntry, &b.head.epoch},
		"SELECT commits, base, newest, last_record, last_entry, epoch FROM ledger")
	return err
}

// undo forgets what a transaction has done that was not made.
func (b *batch) undo() {
	b.forget()
	b.places.drop()
}

// forget drops what was loaded and what was not stored, but not where records
// stand.
func (b *batch) forget() {
	clear(b.refs)
	clear(b.counters)
	clear(b.settings)
	clear(b.messages)
	clear(b.depth)
	clear(b.changed)
	b.changed = b.changed[:0]
	for _, rows := range []*newRows{&b.newRecords, &b.newJobs, &b.newRefs, &b.newPieces, &b.newEntries} {
		rows.forget()
	}
}

// saw keeps the newest time of the ledger.
func (b *batch) saw(t time.Time) { b.head.newest = max(b.head.newest, codec.Nanos(t)) }

// load looks up at once what all changes need.
func (b *batch) load(ctx context.Context, ops []operation) error {
	b.ids, b.wanted = b.ids[:0], b.wanted[:0]
	for _, op := range ops {
		if c, ok := op.(*commitOp); ok {
			b.ids = c.ids(b.ids)
		}
	}
	if err := b.loadPlaces(ctx, b.ids); err != nil {
		return err
	}
	for _, op := range ops {
		if c, ok := op.(*commitOp); ok {
			b.wanted = c.newRefs(b, b.wanted)
		}
	}
	return b.loadRefs(ctx, b.wanted)
}

// What is looked for comes first, as a list that is read from, once: for IN the
// engine would make a table of it with an index.
const (
	placesText = "WITH wanted (key) AS (VALUES {(?)}) SELECT num, id, fence, version, state, campaign, priority, tail, job_sum, links" +
		" FROM wanted CROSS JOIN records USING (key)"
	ownersText = "WITH wanted (ref) AS (VALUES {(?)}) SELECT ref, num FROM wanted CROSS JOIN refs USING (ref)"
)

// loadPlaces loads the places of the ids that are not loaded yet.
func (b *batch) loadPlaces(ctx context.Context, ids []idempotency.ID) error {
	keys := b.args[:0]
	for _, id := range ids {
		if b.places.get(id) == nil {
			b.places.put(id, new(place))
			keys = append(keys, codec.Key(codec.IDBytes(id)))
		}
	}
	b.args = keys
	var id []byte
	var state string
	var version int
	return b.c.queryIn(ctx, func(rows *sql.Rows) error {
		var p place
		if err := rows.Scan(&p.num, &id, &p.fence, &version, &state, &p.group.campaign, &p.group.priority, &p.tail, &p.jobSum, &p.links); err != nil {
			return err
		}
		have := b.places.get(codec.IDOf(id))
		if have == nil { // another id that begins in the same way
			return nil
		}
		p.group.state = state
		p.newer = version > idempotency.RecordVersion || !idempotency.State(state).Known()
		p.stored = stored{true, p.group, p.tail, p.jobSum}
		*have = p
		return nil
	}, placesText, keys)
}

// loadRefs loads the owners of the references that are not loaded yet.
func (b *batch) loadRefs(ctx context.Context, refs []string) error {
	keys := b.args[:0]
	for _, ref := range refs {
		if _, ok := b.refs[ref]; !ok {
			b.refs[ref] = 0
			keys = append(keys, ref)
		}
	}
	b.args = keys
	return b.c.queryIn(ctx, func(rows *sql.Rows) error {
		var ref string
		var num int64
		err := rows.Scan(&ref, &num)
		b.refs[ref] = num
		return err
	}, ownersText, keys)
}

func (b *batch) place(ctx context.Context, id idempotency.ID) (*place, error) {
	if p := b.places.get(id); p != nil {
		return p, nil
	}
	err := b.loadPlaces(ctx, []idempotency.ID{id})
	return b.places.get(id), err
}

func (b *batch) refOwner(ctx context.Context, ref string) (int64, error) {
	if owner, ok := b.refs[ref]; ok {
		return owner, nil
	}
	err := b.loadRefs(ctx, []string{ref})
	return b.refs[ref], err
}

func (b *batch) counter(ctx context.Context, name string) (*counter, error) {
	if c := b.counters[name]; c != nil {
		return c, nil
	}
	c := new(counter)
	b.counters[name] = c
	_, err := b.c.queryRow(ctx, []any{&c.value}, "SELECT value FROM counters WHERE name = ?", name)
	return c, err
}

// setting returns the setting as the transaction has it. What is returned holds
// until the transaction ends: it has held the file's only write lock since before
// it read anything, so another process that pauses has either committed before,
// and is seen, or does so later. That is as true of a setting that was never
// made.
func (b *batch) setting(ctx context.Context, name string) (*setting, error) {
	if s := b.settings[name]; s != nil {
		return s, nil
	}
	s := new(setting)
	b.settings[name] = s
	if version, ok := b.places.settings[name]; ok {
		s.version = version
		return s, nil
	}
	if _, err := b.c.queryRow(ctx, []any{&s.version}, "SELECT version FROM settings WHERE name = ?", name); err != nil {
		return s, err
	}
	b.places.settings[name] = s.version
	return s, nil
}

// message returns the message, with fence 0 when there is none.
func (b *batch) message(ctx context.Context, id uint64) (*message, error) {
	if m := b.messages[id]; m != nil {
		return m, nil
	}
	m := new(message)
	b.messages[id] = m
	_, err := b.c.queryRow(ctx, []any{&m.fence}, "SELECT fence FROM messages WHERE id = ?", int64(id))
	return m, err
}
