package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// What a piece counted with in a cap is given back when it dies, whatever the price is
// by then: else the bound would be passed by the difference.
func TestACapIsGivenBackWhatWasTaken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		was, is int64
		free    bool // was what dies
		lost    bool // is the answer to what dies: it is sent again
		fits    bool
	}{
		"dearer": {was: 50, is: 60}, "cheaper": {was: 50, is: 40, fits: true}, "too dear by one": {was: 50, is: 51},
		"it was free": {was: 50, is: 60, free: true}, "sent again": {was: 50, is: 60, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				at := func(cents int64) *client.Client {
					return newClient(t, store, []*press{p}, client.WithCap(client.Cap{Cents: 100}), seldom(),
						client.WithVendor("alpha", vendorConfig(p, func(j *postproof.Job) int64 {
							if tc.free && cents == tc.was && j.Key == "a" {
								return 0
							}
							return cents
						})))
				}
				c := at(tc.was)
				if tc.lost {
					p.faults(onOrder("lose"))
				}
				if _, err := c.Submit(t.Context(), job("a")); (err != nil) != tc.lost {
					t.Fatal(err)
				}
				p.faults(nil)
				accept(t, c, "b")
				c = at(tc.is)
				runFor(t, c, 5*time.Minute)
				cancelJob(t, c, "a")
				runFor(t, c, 5*time.Minute)
				if _, err := c.Submit(t.Context(), job("c")); (err == nil) != tc.fits {
					t.Errorf("b has cost %d, c costs %d, of 100: %v", tc.was, tc.is, err)
				}
			})
		})
	}
}

// A cap in money bounds nothing where no price is known: whoever adds a vendor is told.
func TestACapWithoutAPriceIsToldOf(t *testing.T) {
	t.Parallel()
	a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
	priced := client.WithVendor("alpha", vendorConfig(a, func(*postproof.Job) int64 { return 50 }))
	for name, tc := range map[string]struct {
		cap  client.Cap
		want int
	}{
		"over all": {client.Cap{Cents: 100}, 1}, "of the other": {client.Cap{Vendor: "beta", Cents: 100}, 1},
		"of the priced one": {client.Cap{Vendor: "alpha", Cents: 100}, 0}, "of pieces": {client.Cap{Pieces: 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &logs{}
			newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, priced, client.WithCap(tc.cap), client.WithLogger(log.logger()))
			if n := log.count(`"vendor":"beta","cap"`); n != tc.want || log.count("without a price") != n {
				t.Errorf("told %d times, want %d:\n%s", n, tc.want, log.text())
			}
		})
	}
}
