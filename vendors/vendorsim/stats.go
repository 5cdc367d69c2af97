package vendorsim

import "maps"

// Stats counts what the simulated vendors saw and did.
type Stats struct {
	Vendors map[string]VendorStats `json:"vendors"`
}

// VendorStats counts for one vendor. Sends, Accepted, Replays, Cancels, Voided,
// Faults and what is of callbacks survive a restart; the rest counts from the
// start.
type VendorStats struct {
	// Sends are the submissions that came, struck ones included. Those that an
	// outage turns away unread, or that fail authentication or validation, are
	// among them; those over the rate limit are not.
	Sends int64 `json:"sends"`
	// Accepted are the orders made; Replays the submissions answered by an
	// order made before (same key, or the reference is taken).
	Accepted int64 `json:"accepted"`
	Replays  int64 `json:"replays"`
	// Cancels are the requests to cancel; Voided the orders that ended without
	// paper, by cancellation or late failure.
	Cancels int64 `json:"cancels"`
	Voided  int64 `json:"voided"`
	Reads   int64 `json:"reads"`
	Lists   int64 `json:"lists"`
	Logins  int64 `json:"logins"`
	// Throttled are the requests over the vendor's own rate limit.
	Throttled int64 `json:"throttled"`
	// Events are those that callbacks tell of; Callbacks the requests made for
	// them, and Acknowledged those that were answered as received.
	Events       int64 `json:"events"`
	Callbacks    int64 `json:"callbacks"`
	Acknowledged int64 `json:"acknowledged"`
	// Faults counts what was injected, by boundary; outages as "outage.<kind>".
	Faults map[Boundary]int64 `json:"faults"`
}

// Stats returns the counts.
func (s *Sim) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Stats{Vendors: map[string]VendorStats{}}
	for name, in := range s.vendors {
		v := in.stats
		v.Faults = maps.Clone(v.Faults)
		out.Vendors[name] = v
	}
	return out
}

// count adds a request to the stats; the caller holds the lock.
func (in *instance) count(rec *record) {
	st := &in.stats
	switch rec.Op {
	case opSend:
		st.Sends++
	case opCancel:
		st.Cancels++
	case opRead:
		st.Reads++
	case opList:
		st.Lists++
	case opLogin:
		st.Logins++
	case opAuth:
	}
	if rec.Order != nil {
		st.Accepted++
	}
	if rec.Replay {
		st.Replays++
	}
	if rec.Void != nil {
		st.Voided++
	}
}
