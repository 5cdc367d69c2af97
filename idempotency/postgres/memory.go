package postgres

import (
	"sync"

	"github.com/postproof/postproof/idempotency"
)

// memory is where the records stand that this store has claimed or written, and
// that somebody still holds: the next change of them need not be preceded by a
// look at the database. What it says is a guess. It is confirmed by the statement
// that writes, see commitFunction, as a fence is never given twice in one history.
type memory struct {
	mu     sync.Mutex
	places map[idempotency.ID]remembered
	// history counts how often all was forgotten: what was read before that is
	// not remembered after it.
	history int
}

// remembered is a place as it is kept.
type remembered struct {
	num, jobSum int64
	fence       uint64
	group       group
	links       string
}

// maxRemembered is how many records are remembered: more than workers hold.
const maxRemembered = 1 << 14

// now is the history of what is read from here on.
func (m *memory) now() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.history
}

// forget forgets all: the history may be another one.
func (m *memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.history++
	clear(m.places)
}

// put remembers records, unless all was forgotten since then.
func (m *memory) put(history int, all map[idempotency.ID]remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if history != m.history {
		return
	}
	if m.places == nil || len(m.places)+len(all) > maxRemembered { // most of them ended elsewhere
		m.places = make(map[idempotency.ID]remembered)
	}
	for id, p := range all {
		// A claim may be late with what a commit has seen since.
		if have, ok := m.places[id]; !ok || have.fence < p.fence {
			m.places[id] = p
		}
	}
}

// learn takes over what a transaction made of the records.
func (m *memory) learn(places map[idempotency.ID]*place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.places == nil || len(m.places)+len(places) > maxRemembered {
		m.places = make(map[idempotency.ID]remembered)
	}
	for id, p := range places {
		if p.held {
			m.places[id] = remembered{p.num, p.jobSum, p.fence, p.group, p.links}
		} else {
			delete(m.places, id)
		}
	}
}

// fromMemory fills the batch with what is remembered of the records that the
// changes look at, in the place of [batch.load]. It returns false when the changes
// look at something else.
func (b *batch) fromMemory(m *memory, ops []operation) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, op := range ops {
		o, ok := op.(*commitOp)
		if !ok {
			return false
		}
		for i := range o.changes {
			if o.refusal(i) == nil && !b.changeFromMemory(m, &o.changes[i]) {
				return false
			}
		}
	}
	return true
}

func (b *batch) changeFromMemory(m *memory, c *idempotency.Change) bool {
	if c.Record == nil || c.Forget || len(c.Counters)+len(c.Settings)+len(c.Marks) > 0 || (c.Epoch != "" && c.Epoch != b.epoch) {
		return false
	}
	for i := range c.Entries {
		if id := c.Entries[i].ID; id != "" && id != c.Record.ID {
			return false
		}
	}
	for i := range c.Reads {
		b.setting(c.Reads[i].Name).version = c.Reads[i].Version
	}
	if b.places[c.Record.ID] != nil {
		return true // another change of the same record, which is judged by what the first made of it
	}
	p := new(place)
	if c.Expect != 0 {
		have, ok := m.places[c.Record.ID]
		if !ok {
			return false
		}
		*p = place{num: have.num, fence: have.fence, was: have.fence, group: have.group, links: have.links, jobSum: have.jobSum, storedSum: have.jobSum}
	}
	b.places[c.Record.ID] = p
	return true
}

// claimedPlace is where a record stands that was claimed.
func claimedPlace(c *candidate, r *idempotency.Record) remembered {
	return remembered{c.Num, c.jobSum, r.Fence, group{r.Campaign, string(r.State)}, c.links}
}
