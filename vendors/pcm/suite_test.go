package pcm_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

func TestAdapter(t *testing.T) {
	t.Parallel()
	vendortest.Run(t, func(t *testing.T) vendortest.Harness {
		t.Helper()
		sim := newSimulator(t)
		pair := sim.Credentials("pcm")[0]
		adapter, err := pcm.New(pair.Key, pair.Secret, pair.Mode, pcm.WithBaseURL("https://pcm.test"), pcm.WithClock(sim.clock))
		if err != nil {
			t.Fatal(err)
		}
		return vendortest.Harness{
			Adapter: adapter, Simulator: sim, Secrets: []string{pair.Key, pair.Secret},
			Templates: postproof.TemplateIDs{Front: "1"},
		}
	})
}

// simulator is PCM with a clock that stands still.
type simulator struct {
	*vendorsim.Sim
	http.Handler

	clock *vendorsim.Clock
}

func newSimulator(t *testing.T) simulator {
	t.Helper()
	clock := vendorsim.NewClock(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), 0)
	sim, err := vendorsim.New(vendorsim.Config{
		Clock: clock, Vendors: []vendorsim.Vendor{{Name: "pcm"}},
		// Sandbox orders never go to press, so that they could always be canceled.
		PCM: vendorsim.PCMConfig{ProcessSandbox: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return simulator{sim, sim.Vendor("pcm"), clock}
}

func (s simulator) Undeliverable(ref, reason string) {
	if err := s.Fail("pcm", ref, reason); err != nil {
		panic(err)
	}
}

func (s simulator) Advance(d time.Duration) { s.clock.Advance(d) }
func (s simulator) Orders(ref string) int   { return s.count(ref, vendorsim.Printed) }
func (s simulator) Alive(ref string) int    { return s.Orders(ref) - s.count(ref, vendorsim.Voided) }

func (s simulator) count(ref, event string) int {
	n := 0
	for _, line := range s.Prints() {
		if line.Ref == ref && line.Event == event {
			n++
		}
	}
	return n
}
