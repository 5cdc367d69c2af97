package adaptertest

import (
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// Simulator is one vendor of vendorsim with a clock that stands still. It is a
// vendortest.Simulator and vendortest.Undeliverables; it does not name that
// package, whose own tests use it.
type Simulator struct {
	*vendorsim.Sim
	http.Handler

	// Clock stands at 3 PM UTC on Monday, 2 March 2026, until it is moved.
	Clock  *vendorsim.Clock
	vendor string
}

// NewSimulator returns the vendor of that name, which the test's end closes. Of
// the configuration the clock and the vendors are set.
func NewSimulator(t *testing.T, vendor string, cfg vendorsim.Config) Simulator {
	t.Helper()
	clock := vendorsim.NewClock(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), 0)
	cfg.Clock, cfg.Vendors = clock, []vendorsim.Vendor{{Name: vendor}}
	sim, err := vendorsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return Simulator{sim, sim.Vendor(vendor), clock, vendor}
}

// Credential returns the first one that the vendor knows.
func (s Simulator) Credential() vendorsim.Credential { return s.Credentials(s.vendor)[0] }

// Advance moves the clock on.
func (s Simulator) Advance(d time.Duration) { s.Clock.Advance(d) }

// Orders counts the orders with a reference in the print log.
func (s Simulator) Orders(ref string) int { return s.count(ref, vendorsim.Printed) }

// Alive counts those of them that were not voided.
func (s Simulator) Alive(ref string) int { return s.Orders(ref) - s.count(ref, vendorsim.Voided) }

// Undeliverable has the order fail late.
func (s Simulator) Undeliverable(ref, reason string) {
	if err := s.Fail(s.vendor, ref, reason); err != nil {
		panic(err)
	}
}

func (s Simulator) count(ref, event string) int {
	n := 0
	for _, line := range s.Prints() {
		if line.Ref == ref && line.Event == event {
			n++
		}
	}
	return n
}

// Calling is a vendor that calls back: a vendortest.Callbacks, too.
type Calling struct{ Simulator }

// Callback returns what the vendor says of the order's newest event. The
// simulator signs by hand, not with package signature.
func (s Calling) Callback(ref, secret string, at time.Time) (http.Header, []byte) {
	header, body, err := s.Sim.Callback(vendorsim.Webhook{Vendor: s.vendor, Secret: secret}, ref, at)
	if err != nil {
		panic(err)
	}
	return header, body
}
