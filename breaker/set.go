package breaker

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Set holds one breaker for each vendor and operation group. A breaker is
// made when it is first needed and is never removed: groups should be few.
// Make one with [New]. It is safe for concurrent use and needs no Close.
type Set struct {
	config Config
	events events

	mu       sync.RWMutex
	circuits map[name]*circuit
}

type name struct{ vendor, group string }

// New returns an empty Set. The error names the field of the Config that is
// wrong.
func New(config Config) (*Set, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	return &Set{
		config:   config,
		events:   events{receive: config.OnChange},
		circuits: make(map[name]*circuit),
	}, nil
}

// Allow asks whether a call may be made. If so, done must be called with its
// outcome, best by a deferred call, which a panic or runtime.Goexit runs, too;
// the zero [Outcome] tells nothing and harms nothing. Only the first report
// of a call counts. A report after the breaker changed its phase is counted
// in [Totals.Late] and not applied.
//
// Otherwise the error is an [*OpenError], done is nil, and nothing may be
// sent.
func (s *Set) Allow(vendor, group string) (done func(Outcome), err error) {
	allowed, err := s.circuit(vendor, group).allow()
	if err != nil {
		return nil, err
	}
	t := &ticket{call: allowed}
	return t.done, nil
}

// ticket makes the report of a call count once.
type ticket struct {
	call call
	used atomic.Bool
}

func (t *ticket) done(o Outcome) {
	if t.used.Swap(true) {
		t.call.circuit.repeated()
		return
	}
	t.call.done(o)
}

// State returns what the breaker looks like now, with every change applied
// that is due. A breaker that was never used is closed.
func (s *Set) State(vendor, group string) State {
	s.mu.RLock()
	c := s.circuits[name{vendor, group}]
	s.mu.RUnlock()
	if c == nil {
		return State{Vendor: vendor, Group: group}
	}
	return c.state()
}

// States returns the state of every breaker that was used, by vendor and
// group. It needs no traffic to be right; call it from an observable gauge.
func (s *Set) States() []State {
	s.mu.RLock()
	states := make([]State, 0, len(s.circuits))
	circuits := make([]*circuit, 0, len(s.circuits))
	for _, c := range s.circuits {
		circuits = append(circuits, c)
	}
	s.mu.RUnlock()
	for _, c := range circuits {
		states = append(states, c.state())
	}
	slices.SortFunc(states, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.Vendor, b.Vendor), cmp.Compare(a.Group, b.Group))
	})
	return states
}

// ForceOpen refuses every call until [Set.Release], for a reason that stands
// in states, events and errors: it must hold no personal data. Calls under
// way end as late. Forcing again replaces the reason.
func (s *Set) ForceOpen(vendor, group, reason string) {
	s.circuit(vendor, group).force(Open, reason)
}

// ForceClosed lets every call pass until [Set.Release], whatever becomes of
// them. They are counted.
func (s *Set) ForceClosed(vendor, group, reason string) {
	s.circuit(vendor, group).force(Closed, reason)
}

// Release gives a forced breaker back to the rules: one that was forced open
// becomes half-open, one that was forced closed stays closed, with an empty
// window. It does nothing to a breaker that is not forced.
func (s *Set) Release(vendor, group string) {
	s.circuit(vendor, group).release()
}

// circuit returns the breaker, and makes it if need be.
func (s *Set) circuit(vendor, group string) *circuit {
	n := name{vendor, group}
	s.mu.RLock()
	c := s.circuits[n]
	s.mu.RUnlock()
	if c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c = s.circuits[n]; c == nil {
		c = newCircuit(vendor, group, &s.config, &s.events)
		s.circuits[n] = c
	}
	return c
}
