package sqlite

import "github.com/postproof/postproof/idempotency"

// places are where records stand. The writer remembers those of its latest
// transactions: a job's steps follow each other, and each looks at what the one
// before has left. What it remembers holds as long as nobody else has written to
// the file, which the engine tells with the lock held.
type places struct {
	// There are two halves: what is used moves to the newer one, and when that
	// is full the older one is forgotten.
	newer, older map[idempotency.ID]*place
	// settings are the versions of settings, which hold as long as the places do:
	// every intent names the same few, and they hardly ever change.
	settings map[string]uint64
	// version is the engine's number of the file as others have written it.
	version int64
}

// manyPlaces is how many are in one half, some hundred bytes each.
const manyPlaces = 4096

// manySettings is how many settings are remembered: those that are read again
// and again are few, those that are written once have no end.
const manySettings = 256

func (p *places) get(id idempotency.ID) *place {
	if one := p.newer[id]; one != nil {
		return one
	}
	one := p.older[id]
	if one != nil {
		delete(p.older, id)
		p.newer[id] = one
	}
	return one
}

func (p *places) put(id idempotency.ID, one *place) { p.newer[id] = one }

// turn makes room between two transactions: none of a transaction is forgotten
// before its end.
func (p *places) turn() {
	if len(p.newer) >= manyPlaces {
		p.newer, p.older = p.older, p.newer
		clear(p.newer)
	}
	if len(p.settings) > manySettings {
		clear(p.settings)
	}
}

// drop forgets all.
func (p *places) drop() {
	clear(p.newer)
	clear(p.older)
	clear(p.settings)
}
