package postgres

import (
	"context"
	"database/sql"
	"encoding/hex"
	"strings"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/judge"
)

// batch is one transaction of the writer. It works in three steps: load what
// the changes look at, with one query; decide about each change in turn,
// against what was loaded and what the changes before it made of that; store
// the outcome, with one statement. A change that may not be made is seen in the
// second step, and costs its neighbors nothing.
type batch struct {
	s     *Store
	c     *session
	dirty bool // there is something to commit
	token int64
	epoch string
	// server is who the server is, if it is still the one of the ledger's history.
	server string
	// newest is the newest time that the transaction saw, noted what the row by
	// which it is known says of that; codec.Never before there is one.
	newest, noted int64

	places   map[idempotency.ID]*place
	changed  []*place
	refs     map[string]int64 // owner's num
	counters map[string]*counter
	settings map[string]*setting
	messages map[uint64]*message
	depth    map[group]int64
	free     block

	newRefs, newPieces []link
	newEntries         []entry
	long               blob // has room for the next statement's
}

// place is a record's place in the database, and what it will be.
type place struct {
	num   int64 // 0 when there is no such record
	fence uint64
	// was is the fence that is remembered of the database, when nothing was loaded.
	was   uint64
	newer bool
	held  bool // by a lease, as it will be
	group group
	links string
	// jobSum is that of the job, storedSum that of the one in the database.
	jobSum, storedSum int64
	row               *codec.Row // not stored yet; nil when nothing changed
}

type group struct{ campaign, state string }

type counter struct {
	value int64
	// version is the newest that is stored.
	version int64
	dirty   bool
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

type link struct {
	codec.Link
	num int64
}

type entry struct {
	num  int64
	id   []byte // if num is 0
	data []byte
}

func newBatch(s *Store) *batch {
	return &batch{
		s: s, c: s.writer.session, places: make(map[idempotency.ID]*place), refs: make(map[string]int64),
		counters: make(map[string]*counter), settings: make(map[string]*setting),
		messages: make(map[uint64]*message), depth: make(map[group]int64),
	}
}

// begin forgets everything of the transaction before.
func (b *batch) begin() {
	b.dirty, b.token, b.newest, b.noted, b.epoch, b.server = false, newToken(), codec.Never, codec.Never, "", ""
	b.forget()
}

// forget drops what was loaded and what was not stored.
func (b *batch) forget() {
	clear(b.places)
	clear(b.refs)
	clear(b.counters)
	clear(b.settings)
	clear(b.messages)
	clear(b.depth)
	clear(b.changed)
	b.changed = b.changed[:0]
	b.newRefs, b.newPieces, b.newEntries = b.newRefs[:0], b.newPieces[:0], b.newEntries[:0]
}

// saw keeps the newest time of the ledger.
func (b *batch) saw(nanos int64) { b.newest = max(b.newest, nanos) }

// work does all of the transaction but its COMMIT.
func (b *batch) work(ctx context.Context, ops []operation) error {
	var wanted wanted
	for _, op := range ops {
		if c, ok := op.(*commitOp); ok {
			wanted.add(c)
		}
	}
	if err := b.load(ctx, &wanted); err != nil {
		return err
	}
	// Changes come first, so that what was loaded for them stays true.
	for _, changes := range []bool{true, false} {
		for _, op := range ops {
			if _, ok := op.(*commitOp); ok == changes {
				if err := op.apply(ctx, b); err != nil {
					return err
				}
			}
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wanted is what changes look at.
type wanted struct {
	ids, refs, counters, settings, messages array
	creates                                 int64
	reads                                   map[string]struct{} // that are among the settings
}

func (w *wanted) add(o *commitOp) {
	for i := range o.changes {
		c := &o.changes[i]
		if o.refusal(i) != nil {
			continue
		}
		if c.Record != nil {
			w.ids.bytes(codec.IDBytes(c.Record.ID))
			for j := range c.Record.Submissions {
				if ref := c.Record.Submissions[j].Ref; ref != "" {
					w.refs.text(indexed(string(ref)))
				}
			}
			if c.Expect == 0 {
				w.creates++
			}
		}
		for j := range c.Entries {
			if id := c.Entries[j].ID; id != "" && (c.Record == nil || id != c.Record.ID) {
				w.ids.bytes(codec.IDBytes(id))
			}
		}
		for j := range c.Counters {
			w.counters.text(c.Counters[j].Name)
		}
		for j := range c.Settings {
			w.settings.text(c.Settings[j].Name)
		}
		for j := range c.Reads {
			w.read(c.Reads[j].Name)
		}
		for j := range c.Marks {
			w.messages.int(int64(c.Marks[j].ID))
		}
	}
}

// read adds a setting that changes depend on, once for all that do.
func (w *wanted) read(name string) {
	if _, ok := w.reads[name]; ok {
		return
	}
	if w.reads == nil {
		w.reads = make(map[string]struct{})
	}
	w.reads[name] = struct{}{}
	w.settings.text(name)
}

// The kinds of rows that loading returns.
const (
	loadedHead = iota
	loadedPlace
	loadedRef
	loadedCounter
	loadedSetting
	loadedMessage
)

// loadText names the keys with ANY, not with a join: a join may read all of a
// table, and does so if that was empty when the plan was made. The records are
// locked: claims take no lock of the ledger, and one between the loading and the
// storing would make the same fence of a record, so that both count. Such a claim
// passes over what is locked; one that was first is waited for, and what it made
// is what is loaded.
const loadText = `SELECT 0 AS kind, epoch AS key, CASE WHEN server = ` + identityText + ` AND ` + ownText + ` THEN 1 ELSE 0 END AS num,
	0::bigint AS fence, 0::bigint AS version, '' AS state, server AS campaign, 0::bigint AS job_sum, '' AS links FROM @ledger
UNION ALL SELECT 1, encode(id, 'hex'), num, fence, version, state, campaign, job_sum, links FROM (
	SELECT id, num, fence, version, state, campaign, job_sum, links FROM @records WHERE id = ANY ($1::text::bytea[]) ORDER BY id FOR NO KEY UPDATE) AS r
UNION ALL SELECT 2, ref, num, 0, 0, '', '', 0, '' FROM @refs WHERE ref = ANY ($2::text::text[])
UNION ALL SELECT 3, i.name, c.value, c.version, 0, '', '', 0, '' FROM unnest($3::text::text[]) AS i(name) CROSS JOIN LATERAL (
	SELECT value, version FROM @counters WHERE name = i.name COLLATE "C" ORDER BY version DESC LIMIT 1) AS c
UNION ALL SELECT 4, name, 0, version, 0, '', '', 0, '' FROM @settings WHERE name = ANY ($4::text::text[])
UNION ALL SELECT 5, '', id, fence, 0, '', '', 0, '' FROM @messages WHERE id = ANY ($5::text::bigint[])`

func (b *batch) load(ctx context.Context, w *wanted) error {
	same := false
	err := b.c.query(ctx, func(rows *sql.Rows) error {
		var kind int
		var key, state, campaign, links string
		var num, fence, version, sum int64
		if err := rows.Scan(&kind, &key, &num, &fence, &version, &state, &campaign, &sum, &links); err != nil {
			return err
		}
		switch kind {
		case loadedHead:
			b.epoch, b.server, same = key, campaign, num == 1
		case loadedPlace:
			b.places[idempotency.ID(key)] = &place{
				num: num, fence: uint64(fence), group: group{campaign, state}, links: links, jobSum: sum, storedSum: sum,
				newer: version > idempotency.RecordVersion || !idempotency.State(state).Known(),
			}
		case loadedRef:
			b.refs[key] = num
		case loadedCounter:
			b.counters[key] = &counter{value: num, version: fence}
		case loadedSetting:
			b.settings[key] = &setting{version: uint64(fence)}
		case loadedMessage:
			b.messages[uint64(num)] = &message{fence: uint64(fence)}
		}
		return nil
	}, b.s.text.load, w.ids.String(), w.refs.String(), w.counters.String(), w.settings.String(), w.messages.String())
	if err != nil {
		return err
	}
	if !same {
		b.server = ""
		changed, err := b.s.checkHistory(ctx, b.c)
		if err != nil {
			return err
		}
		if changed != "" {
			b.epoch, b.dirty = changed, true
		}
	}
	return b.reserve(ctx, w.creates)
}

func (b *batch) place(id idempotency.ID) *place {
	p := b.places[id]
	if p == nil {
		p = new(place)
		b.places[id] = p
	}
	return p
}

// Epoch implements [judge.View], as do the methods that follow. All that the
// changes look at was loaded; what is not there does not exist.
func (b *batch) Epoch() string { return b.epoch }

// Place implements [judge.View].
func (b *batch) Place(_ context.Context, id idempotency.ID) (judge.Place, error) {
	p := b.place(id)
	return judge.Place{Num: p.num, Fence: p.fence, Newer: p.newer, Links: p.links}, nil
}

// RefOwner implements [judge.View].
func (b *batch) RefOwner(_ context.Context, ref string) (int64, error) {
	return b.refs[indexed(ref)], nil
}

// Counter implements [judge.View].
func (b *batch) Counter(_ context.Context, name string) (int64, error) {
	return b.counter(name).value, nil
}

// Setting implements [judge.View]. What was loaded holds until the transaction
// ends, whatever READ COMMITTED allows: settings are only written under the
// ledger's lock, which this transaction took in a statement before the one that
// loaded them. A pause of another replica was either committed before the lock
// was had, and that later statement sees it, or waits for the lock until this
// transaction has ended. No row is locked, so a setting that was never made is
// no exception.
func (b *batch) Setting(_ context.Context, name string) (uint64, error) {
	return b.setting(name).version, nil
}

// Message implements [judge.View].
func (b *batch) Message(_ context.Context, id uint64) (uint64, error) {
	if m := b.messages[id]; m != nil {
		return m.fence, nil
	}
	return 0, nil
}

func (b *batch) counter(name string) *counter {
	name = clean(name)
	c := b.counters[name]
	if c == nil {
		c = new(counter)
		b.counters[name] = c
	}
	return c
}

func (b *batch) setting(name string) *setting {
	name = clean(name)
	s := b.settings[name]
	if s == nil {
		s = new(setting)
		b.settings[name] = s
	}
	return s
}

// put makes r the record's next form.
func (b *batch) put(p *place, record *idempotency.Record, r *codec.Row) {
	now := group{r.Campaign, r.State}
	switch {
	case p.num == 0:
		p.num = b.free.next
		b.free.next++
		b.depth[now]++
	case p.group != now:
		b.depth[p.group]--
		b.depth[now]++
	}
	if r.Links != p.links {
		for _, l := range codec.Links(record) {
			if strings.Contains(p.links, l.String()) {
				continue
			}
			if l.Ref != "" && b.refs[indexed(l.Ref)] == 0 && !codec.HasRef(p.links, l.Ref) {
				b.refs[indexed(l.Ref)] = p.num
				b.newRefs = append(b.newRefs, link{l, p.num})
			}
			if l.VendorID != "" {
				b.newPieces = append(b.newPieces, link{l, p.num})
			}
		}
	}
	if p.row == nil {
		b.changed = append(b.changed, p)
	}
	p.fence, p.group, p.links, p.jobSum, p.row, p.held = r.Fence, now, r.Links, r.JobSum, r, r.LeaseUntil != codec.Never
	b.saw(codec.Nanos(record.UpdatedAt))
}

// append adds an entry to the history.
func (b *batch) append(e *idempotency.Entry, num int64, data []byte) {
	one := entry{num: num, data: data}
	if num == 0 && e.ID != "" {
		one.id, _ = hex.DecodeString(string(e.ID))
	}
	b.newEntries = append(b.newEntries, one)
	b.saw(codec.Nanos(e.At))
}
