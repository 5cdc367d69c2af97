package vendorsim

import (
	"encoding/json"
	"fmt"
	"time"
)

// stateful is a wire that keeps more than orders.
type stateful interface {
	// applyState takes in a change that [instance.putState] wrote; also when it is
	// read back. The caller holds the lock.
	applyState(at time.Time, change json.RawMessage)
}

// putState writes a change of the wire's own state and applies it. The caller
// holds the lock, and waits for the position returned.
func (in *instance) putState(now time.Time, change any) (uint64, error) {
	raw, err := json.Marshal(change)
	if err != nil {
		return 0, fmt.Errorf("vendorsim: state: %w", err)
	}
	return in.sim.put(&record{At: now, Vendor: in.name, Wire: raw})
}
