package vendorsim

import (
	"time"

	"github.com/postproof/postproof"
)

// get returns a copy of an order of the mode, as it is now, when that is on
// disk; nil when there is none.
func (in *instance) get(mode postproof.Mode, kind, id string) (*order, time.Time, error) {
	s := in.sim
	s.mu.Lock()
	now := s.advance()
	o := in.byID[id]
	if o == nil || o.Mode != mode || kind != "" && o.Kind != kind {
		s.mu.Unlock()
		return nil, now, nil
	}
	view := *o
	s.mu.Unlock()
	return &view, now, s.journal.wait(view.position)
}

// query returns copies of the orders that match, when they are on disk. name
// is an index to look in, or empty for all orders. match and page run under
// the lock; page picks from the matches, which are oldest first.
func (in *instance) query(name string, match func(*order) bool, page func([]*order) []*order) ([]*order, time.Time, error) {
	s := in.sim
	s.mu.Lock()
	now := s.advance()
	candidates := in.orders
	if name != "" {
		candidates = in.index[name]
	}
	var found []*order
	for _, o := range candidates {
		if !now.Before(o.HiddenUntil) && match(o) {
			found = append(found, o)
		}
	}
	found = page(found)
	views := make([]*order, len(found))
	copies := make([]order, len(found))
	var position uint64
	for i, o := range found {
		copies[i] = *o
		views[i] = &copies[i]
		position = max(position, o.position)
	}
	s.mu.Unlock()
	return views, now, s.journal.wait(position)
}

// each shows the orders that match, oldest first, to visit, which keeps none, and
// returns when they are on disk. Both run under the lock. It is for sums over many
// orders: [instance.query] would copy them all.
func (in *instance) each(match func(*order) bool, visit func(*order)) (time.Time, error) {
	s := in.sim
	s.mu.Lock()
	now := s.advance()
	var position uint64
	for _, o := range in.orders {
		if !now.Before(o.HiddenUntil) && match(o) {
			visit(o)
			position = max(position, o.position)
		}
	}
	s.mu.Unlock()
	return now, s.journal.wait(position)
}

// refOf returns the reference under which faults of an order's reads and
// cancellations are drawn: its own, or its id.
func (in *instance) refOf(id string) string {
	in.sim.mu.Lock()
	defer in.sim.mu.Unlock()
	if o := in.byID[id]; o != nil && o.Ref != "" {
		return o.Ref
	}
	return id
}
