package postgrid_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestAdapter runs the suite for both kinds of account: where nothing is known
// of idempotency keys, and where they were verified.
func TestAdapter(t *testing.T) {
	t.Parallel()
	for name, keyed := range map[string]bool{"Unkeyed": false, "Keyed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendortest.Run(t, func(t *testing.T) vendortest.Harness {
				t.Helper()
				sim := newSimulator(t, vendorsim.PostGridConfig{IdempotencyKeys: keyed, LogAllEvents: true})
				key := sim.Credentials("postgrid")[0].Key
				opts := []postgrid.Option{postgrid.WithBaseURL("https://postgrid.test/print-mail/v1")}
				if keyed {
					opts = append(opts, postgrid.WithIdempotencyKeys())
				}
				adapter, err := postgrid.New(key, opts...)
				if err != nil {
					t.Fatal(err)
				}
				return vendortest.Harness{
					Adapter: adapter, Simulator: sim, Secrets: []string{key}, Uploads: true,
					Templates: postproof.TemplateIDs{Front: "template_a1b2c3", Back: "template_d4e5f6"},
				}
			})
		})
	}
}

// simulator is PostGrid with a clock that stands still.
type simulator struct {
	*vendorsim.Sim
	http.Handler

	clock *vendorsim.Clock
}

func newSimulator(t *testing.T, cfg vendorsim.PostGridConfig) simulator {
	t.Helper()
	clock := vendorsim.NewClock(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), 0)
	sim, err := vendorsim.New(vendorsim.Config{Clock: clock, Vendors: []vendorsim.Vendor{{Name: "postgrid"}}, PostGrid: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return simulator{sim, sim.Vendor("postgrid"), clock}
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
