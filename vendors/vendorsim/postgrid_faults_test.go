package vendorsim_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

func pgFault(boundary vendorsim.Boundary) vendorsim.Config {
	cfg := postgridOnly(vendorsim.PostGridConfig{})
	cfg.Faults = rule(boundary)
	return cfg
}

// TestPostGridSendFaults: without keys that are honored, each try that was
// accepted is a piece of its own.
func TestPostGridSendFaults(t *testing.T) {
	t.Parallel()
	for boundary, want := range map[vendorsim.Boundary]struct {
		first    any
		accepted int
	}{
		vendorsim.SendRefuse:      {"broken", 0},
		vendorsim.SendLate:        {"broken", 1},
		vendorsim.SendLost:        {"broken", 1},
		vendorsim.SendCut:         {"cut", 1},
		vendorsim.SendErrorBefore: {500, 0},
		vendorsim.SendErrorAfter:  {500, 1},
		vendorsim.SendSlow:        {201, 1},
		vendorsim.SendThrottle:    {429, 0},
	} {
		t.Run(string(boundary), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, pgFault(boundary))
				b.client.Timeout = 5 * time.Second
				first := b.pg("POST", "/postcards", pgCard("R"))
				synctest.Wait()
				if got := result(first); got != want.first {
					t.Errorf("client sees %v %v, want %v", got, first.err, want.first)
				}
				if got := b.events("R")[vendorsim.Printed]; got != want.accepted {
					t.Errorf("%d accepted, want %d", got, want.accepted)
				}
				if boundary == vendorsim.SendThrottle && first.header.Get("Retry-After") != "2" {
					t.Errorf("Retry-After %q", first.header.Get("Retry-After"))
				}
				if a := b.pg("POST", "/postcards", pgCard("R")); a.status != 201 {
					t.Errorf("second try: %d %v", a.status, a.err)
				}
				if got := b.events("R")[vendorsim.Printed]; got != want.accepted+1 {
					t.Errorf("%d pieces after a second try, want %d", got, want.accepted+1)
				}
				if s := b.sim.Stats().Vendors["postgrid"]; s.Faults[boundary] != 1 || s.Sends != 2 || s.Accepted != int64(want.accepted+1) {
					t.Errorf("stats %+v", s)
				}
			})
		})
	}
}

func TestPostGridLateFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, pgFault(vendorsim.SendLateFailure))
	id := b.pg("POST", "/postcards", pgCard("R")).text(t, "id")
	b.clock.Advance(2 * time.Minute)
	a := b.pg("GET", "/postcards/"+id, nil)
	if a.at(t, "status") != "cancelled" || a.at(t, "cancellation", "reason") != "invalid_content" || a.at(t, "updatedAt") != "2026-11-23T15:02:00.000Z" {
		t.Errorf("%s", a.raw)
	}
	if a := b.pg("DELETE", "/postcards/"+id, nil); a.status != 422 {
		t.Errorf("cancel of a failed order: %d", a.status)
	}
	if diff := cmp.Diff(map[string]int{vendorsim.Printed: 1, vendorsim.Voided: 1}, b.events("R")); diff != "" {
		t.Errorf("print log (-want +got)\n%s", diff)
	}
}

func TestPostGridCancelFaults(t *testing.T) {
	t.Parallel()
	for boundary, want := range map[vendorsim.Boundary]struct {
		first  any
		voided int
	}{
		vendorsim.CancelRefuse:      {"broken", 0},
		vendorsim.CancelLost:        {"broken", 1},
		vendorsim.CancelErrorBefore: {500, 0},
		vendorsim.CancelErrorAfter:  {500, 1},
		vendorsim.CancelThrottle:    {429, 0},
		vendorsim.CancelCutoff:      {422, 0},
		vendorsim.CancelSlow:        {200, 1},
	} {
		t.Run(string(boundary), func(t *testing.T) {
			t.Parallel()
			b := setup(t, pgFault(boundary))
			id := b.pg("POST", "/postcards", pgCard("R")).text(t, "id")
			b.client.CloseIdleConnections()
			if got := result(b.pg("DELETE", "/postcards/"+id, nil)); got != want.first {
				t.Errorf("client sees %v, want %v", got, want.first)
			}
			if got := b.events("R")[vendorsim.Voided]; got != want.voided {
				t.Errorf("%d voided, want %d", got, want.voided)
			}
			again := map[int]int{0: 200, 1: 422}[want.voided]
			if a := b.pg("DELETE", "/postcards/"+id, nil); a.status != again {
				t.Errorf("second try: %d, want %d", a.status, again)
			}
			if a := b.pg("GET", "/postcards/"+id, nil); a.at(t, "status") != "cancelled" {
				t.Errorf("read back: %s", a.raw)
			}
		})
	}
}

func TestPostGridReadFaults(t *testing.T) {
	t.Parallel()
	for boundary, want := range map[vendorsim.Boundary]any{
		vendorsim.ReadRefuse: "broken", vendorsim.ReadError: 500, vendorsim.ReadCut: "cut", vendorsim.ReadSlow: 200, vendorsim.ReadThrottle: 429,
		vendorsim.ListRefuse: "broken", vendorsim.ListError: 500, vendorsim.ListCut: "cut", vendorsim.ListSlow: 200, vendorsim.ListThrottle: 429,
	} {
		t.Run(string(boundary), func(t *testing.T) {
			t.Parallel()
			b := setup(t, pgFault(boundary))
			paths := []string{"/postcards/" + b.pg("POST", "/postcards", pgCard("R")).text(t, "id")}
			if boundary[:4] == "list" {
				paths = []string{"/postcards?search=%22R%22", "/events"}
			}
			for _, path := range paths {
				b.client.CloseIdleConnections()
				if got := result(b.pg("GET", path, nil)); got != want {
					t.Errorf("%s: client sees %v, want %v", path, got, want)
				}
				if a := b.pg("GET", path, nil); a.status != 200 {
					t.Errorf("%s: second try: %d", path, a.status)
				}
			}
		})
	}
}

func TestPostGridListsThatLie(t *testing.T) {
	t.Parallel()
	for boundary, want := range map[vendorsim.Boundary][2]int{ // of the search, of the log by its type
		vendorsim.ListEmpty: {0, 0}, vendorsim.ListUnfiltered: {2, 3}, vendorsim.ListOtherMode: {2, 2}, vendorsim.ListLag: {0, 0},
	} {
		t.Run(string(boundary), func(t *testing.T) {
			t.Parallel()
			cfg := pgFault(boundary)
			cfg.PostGrid.LogAllEvents = true
			b := setup(t, cfg)
			id := b.pg("POST", "/postcards", pgCard("R")).text(t, "id")
			b.pg("POST", "/postcards", pgCard("OTHER"))
			b.pgAs("test_sk_simpostgrid", "POST", "/postcards", "", pgCard("R"))
			b.pg("POST", "/letters", pgLetter("L"))
			b.pgAs("test_sk_simpostgrid", "POST", "/letters", "", pgLetter("L"))
			counts := func() [2]int {
				return [2]int{
					len(ids(t, b.pg("GET", "/postcards?search=%22R%22", nil))),
					len(ids(t, b.pg("GET", "/events?type=letter.created", nil))),
				}
			}
			if diff := cmp.Diff(want, counts()); diff != "" {
				t.Errorf("first list (-want +got)\n%s", diff)
			}
			if a := b.pg("GET", "/postcards/"+id, nil); a.status != 200 {
				t.Errorf("read by id: %d", a.status)
			}
			if boundary == vendorsim.ListLag {
				b.clock.Advance(10 * time.Minute)
			}
			if diff := cmp.Diff([2]int{1, 1}, counts()); diff != "" {
				t.Errorf("second list (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPostGridOutages(t *testing.T) {
	t.Parallel()
	type sight struct{ Send, List, Events, Read, Cancel any }
	for kind, want := range map[vendorsim.Outage]sight{
		vendorsim.OutageError:   {503, 503, 503, 503, 503},
		vendorsim.OutageRefuse:  {"broken", "broken", "broken", "broken", "broken"},
		vendorsim.OutageHang:    {"broken", "broken", "broken", "broken", "broken"},
		vendorsim.OutageEmpty:   {200, 200, 200, 404, 200},
		vendorsim.OutagePayment: {201, 200, 200, 200, 200},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
				b.client.Timeout = time.Minute
				id := b.pg("POST", "/postcards", pgCard("BEFORE")).text(t, "id")
				if err := b.sim.SetOutage("postgrid", kind, true); err != nil {
					t.Fatal(err)
				}
				got := sight{
					result(b.pg("POST", "/postcards", pgCard("R"))), result(b.pg("GET", "/postcards", nil)), result(b.pg("GET", "/events", nil)),
					result(b.pg("GET", "/postcards/"+id, nil)), result(b.pg("DELETE", "/postcards/"+id, nil)),
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("client sees (-want +got)\n%s", diff)
				}
				if kind == vendorsim.OutageEmpty {
					pgIDs(t, b.pg("GET", "/postcards", nil), 0)
				}
				if err := b.sim.SetOutage("postgrid", kind, false); err != nil {
					t.Fatal(err)
				}
				if a := b.pg("GET", "/postcards/"+id, nil); a.status != 200 {
					t.Errorf("afterwards: %d", a.status)
				}
			})
		})
	}
}

func TestPostGridPartialOutage(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	if err := b.sim.SetOutage("postgrid", vendorsim.OutagePartial, true); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if a := b.pg("POST", "/postcards", pgCard(fmt.Sprint("R", i))); a.status != 503 {
			t.Fatalf("%d", a.status)
		}
	}
	if n := len(b.sim.Prints()); n < 30 || n > 70 {
		t.Errorf("%d of 100 accepted, want about half", n)
	}
}
