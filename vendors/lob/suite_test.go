package lob_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

func TestAdapter(t *testing.T) {
	t.Parallel()
	vendortest.Run(t, func(t *testing.T) vendortest.Harness {
		t.Helper()
		sim := newSimulator(t)
		key := sim.Credentials("lob")[0].Key
		adapter, err := lob.New(key, lob.WithBaseURL("https://lob.test/v1"), lob.WithUseType(lob.Marketing))
		if err != nil {
			t.Fatal(err)
		}
		return vendortest.Harness{
			Adapter: adapter, Simulator: sim, Secrets: []string{key},
			Templates: postproof.TemplateIDs{Front: "tmpl_a1b2c3d4e5f6a7b", Back: "tmpl_b1b2c3d4e5f6a7b"}, Uploads: true,
		}
	})
}

// simulator is Lob with a clock that stands still.
type simulator struct {
	*vendorsim.Sim
	http.Handler

	clock *vendorsim.Clock
}

func newSimulator(t *testing.T) simulator {
	t.Helper()
	clock := vendorsim.NewClock(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), 0)
	sim, err := vendorsim.New(vendorsim.Config{
		Clock: clock, Vendors: []vendorsim.Vendor{{Name: "lob"}}, Lob: vendorsim.LobConfig{RateLimit: -1, TestTracking: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return simulator{sim, sim.Vendor("lob"), clock}
}

func (s simulator) Advance(d time.Duration) { s.clock.Advance(d) }
func (s simulator) Orders(ref string) int   { return s.count(ref, vendorsim.Printed) }
func (s simulator) Alive(ref string) int    { return s.Orders(ref) - s.count(ref, vendorsim.Voided) }

// Callback signs by hand, not with package signature.
func (s simulator) Callback(ref, secret string, at time.Time) (http.Header, []byte) {
	header, body, err := s.Sim.Callback(vendorsim.Webhook{Vendor: "lob", Secret: secret}, ref, at)
	if err != nil {
		panic(err)
	}
	return header, body
}

func (s simulator) count(ref, event string) int {
	n := 0
	for _, line := range s.Prints() {
		if line.Ref == ref && line.Event == event {
			n++
		}
	}
	return n
}
