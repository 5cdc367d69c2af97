package vendorsim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// result is what a client can tell of a try: a status, or that the connection
// broke, and before or after the head of the answer.
func result(a answer) any {
	switch {
	case a.err != nil && a.status != 0:
		return "cut"
	case a.err != nil:
		return "broken"
	default:
		return a.status
	}
}

// TestSendFaults strikes the first try at each boundary, and checks what the
// client sees, what was accepted, and that the second try goes through to one
// piece of paper.
func TestSendFaults(t *testing.T) {
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
		vendorsim.SendSlow:        {200, 1},
		vendorsim.SendThrottle:    {429, 0},
	} {
		t.Run(string(boundary), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, vendorsim.Config{Faults: rule(boundary)})
				b.client.Timeout = 5 * time.Second
				token := b.login("production")
				begin := time.Now()
				// No key in the header: net/http must not try again by itself.
				first := b.lob("POST", "/postcards?idempotency_key=k", "", postcard("R"))
				synctest.Wait()
				if got := result(first); got != want.first {
					t.Errorf("client sees %v %v, want %v", got, first.err, want.first)
				}
				if got := b.events("R")[vendorsim.Printed]; got != want.accepted {
					t.Errorf("%d accepted, want %d", got, want.accepted)
				}
				if took := time.Since(begin); boundary == vendorsim.SendSlow && took != 200*time.Millisecond {
					t.Errorf("slow answer took %v", took)
				}
				if boundary == vendorsim.SendThrottle && first.header.Get("Retry-After") != "2" {
					t.Errorf("Retry-After %q", first.header.Get("Retry-After"))
				}
				if a := b.lob("POST", "/postcards?idempotency_key=k", "", postcard("R")); a.status != 200 {
					t.Errorf("second try: %d %v", a.status, a.err)
				}
				if got := b.events("R")[vendorsim.Printed]; got != 1 {
					t.Errorf("%d pieces after the second try", got)
				}

				pcm := b.pcm(token, "POST", "/order/postcard", pcmCard("P"))
				synctest.Wait()
				wantPCM := want.first
				if wantPCM == 200 {
					wantPCM = 201
				}
				if got := result(pcm); got != wantPCM {
					t.Errorf("PCM client sees %v, want %v", got, wantPCM)
				}
				if got := b.events("P")[vendorsim.Printed]; got != want.accepted {
					t.Errorf("PCM: %d accepted, want %d", got, want.accepted)
				}
				next := map[int]int{0: 201, 1: 409}[want.accepted]
				if a := b.pcm(token, "POST", "/order/postcard", pcmCard("P")); a.status != next {
					t.Errorf("PCM second try: %d, want %d", a.status, next)
				}
				stats := b.sim.Stats()
				for _, v := range []string{"lob", "pcm"} {
					if s := stats.Vendors[v]; s.Faults[boundary] != 1 || s.Sends != 2 || s.Accepted != 1 {
						t.Errorf("%s stats %+v", v, s)
					}
				}
			})
		})
	}
}

func TestLateFailureVoids(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{Faults: rule(vendorsim.SendLateFailure)})
	token := b.login("production")
	id := b.lob("POST", "/postcards", "", postcard("R")).text(t, "id")
	b.pcm(token, "POST", "/order/postcard", pcmCard("P"))
	b.clock.Advance(2*time.Minute - time.Millisecond)
	if a := b.lob("GET", "/postcards/"+id, "", nil); a.at(t, "status") != "rendered" || b.events("R")[vendorsim.Voided] != 0 {
		t.Errorf("too early: %s", a.raw)
	}
	b.clock.Advance(time.Millisecond)
	if a := b.lob("GET", "/postcards/"+id, "", nil); a.at(t, "status") != "failed" || a.at(t, "failure_reason", "failure_reason") == nil {
		t.Errorf("after: %s", a.raw)
	}
	if a := b.pcm(token, "GET", "/order/100001", nil); a.at(t, "status") != "Undeliverable" {
		t.Errorf("PCM: %s", a.raw)
	}
	if a := b.pcm(token, "GET", "/recipient/undeliverable", nil); len(a.raw) < 10 {
		t.Errorf("PCM undeliverable: %s", a.raw)
	}
	if a := b.lob("DELETE", "/postcards/"+id, "", nil); a.status != 422 {
		t.Errorf("cancel of a failed piece: %d", a.status)
	}
	for _, ref := range []string{"R", "P"} {
		if diff := cmp.Diff(map[string]int{vendorsim.Printed: 1, vendorsim.Voided: 1}, b.events(ref)); diff != "" {
			t.Errorf("print log of %s (-want +got)\n%s", ref, diff)
		}
	}
}

// TestLateFailureNeedsNoVisitor leaves the simulator alone.
func TestLateFailureNeedsNoVisitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, vendorsim.Config{Faults: rule(vendorsim.SendLateFailure), Clock: vendorsim.NewClock(start(), 60)})
		b.lob("POST", "/postcards", "", postcard("R"))
		time.Sleep(2*time.Second + 10*time.Millisecond)
		if got := b.events("R")[vendorsim.Voided]; got != 1 {
			t.Errorf("%d voided", got)
		}
	})
}

func TestCancelFaults(t *testing.T) {
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
			b := setup(t, vendorsim.Config{Faults: rule(boundary)})
			id := b.lob("POST", "/postcards", "", postcard("R")).text(t, "id")
			// PATCH-free and keyless: net/http repeats a DELETE by itself only on
			// a connection that was used before.
			b.client.CloseIdleConnections()
			if got := result(b.lob("DELETE", "/postcards/"+id, "", nil)); got != want.first {
				t.Errorf("client sees %v, want %v", got, want.first)
			}
			if got := b.events("R")[vendorsim.Voided]; got != want.voided {
				t.Errorf("%d voided, want %d", got, want.voided)
			}
			if a := b.lob("DELETE", "/postcards/"+id, "", nil); a.status != 200 {
				t.Errorf("second try: %d", a.status)
			}
		})
	}
}

func TestReadFaults(t *testing.T) {
	t.Parallel()
	for boundary, want := range map[vendorsim.Boundary]any{
		vendorsim.ReadRefuse: "broken", vendorsim.ReadError: 500, vendorsim.ReadCut: "cut", vendorsim.ReadSlow: 200, vendorsim.ReadThrottle: 429,
		vendorsim.ListRefuse: "broken", vendorsim.ListError: 500, vendorsim.ListCut: "cut", vendorsim.ListSlow: 200, vendorsim.ListThrottle: 429,
	} {
		t.Run(string(boundary), func(t *testing.T) {
			t.Parallel()
			b := setup(t, vendorsim.Config{Faults: rule(boundary)})
			token := b.login("production")
			path := "/postcards/" + b.lob("POST", "/postcards", "", postcard("R")).text(t, "id")
			b.pcm(token, "POST", "/order/postcard", pcmCard("P"))
			pcmPath := "/order/100001"
			if boundary[:4] == "list" {
				path, pcmPath = "/postcards?metadata[ref]=R", "/order?extRefNbr=P"
			}
			b.client.CloseIdleConnections()
			if got := result(b.lob("GET", path, "", nil)); got != want {
				t.Errorf("client sees %v, want %v", got, want)
			}
			b.client.CloseIdleConnections()
			if got := result(b.pcm(token, "GET", pcmPath, nil)); got != want {
				t.Errorf("PCM client sees %v, want %v", got, want)
			}
			if a := b.lob("GET", path, "", nil); a.status != 200 {
				t.Errorf("second try: %d", a.status)
			}
		})
	}
}

func TestListsThatLie(t *testing.T) {
	t.Parallel()
	counts := func(b *bundle, token string) [2]int {
		lob := len(ids(t, b.lob("GET", "/postcards?metadata[ref]=R", "", nil)))
		results, _ := b.pcm(token, "GET", "/order?extRefNbr=R", nil).at(t, "results").([]any)
		return [2]int{lob, len(results)}
	}
	for boundary, want := range map[vendorsim.Boundary][2]int{
		vendorsim.ListEmpty: {0, 0}, vendorsim.ListUnfiltered: {2, 2}, vendorsim.ListOtherMode: {2, 2}, vendorsim.ListLag: {0, 0},
	} {
		t.Run(string(boundary), func(t *testing.T) {
			t.Parallel()
			b := setup(t, vendorsim.Config{Faults: rule(boundary)})
			token, sandbox := b.login("production"), b.login("sandbox")
			id := b.lob("POST", "/postcards", "", postcard("R")).text(t, "id")
			b.lob("POST", "/postcards", "", postcard("OTHER"))
			b.lobAs("test_simlob", "POST", "/postcards", "", postcard("R"))
			b.pcm(token, "POST", "/order/postcard", pcmCard("R"))
			b.pcm(token, "POST", "/order/postcard", pcmCard("OTHER"))
			b.pcm(sandbox, "POST", "/order/postcard", pcmCard("R"))
			if diff := cmp.Diff(want, counts(b, token)); diff != "" {
				t.Errorf("first list (-want +got)\n%s", diff)
			}
			if a := b.lob("GET", "/postcards/"+id, "", nil); a.status != 200 {
				t.Errorf("read by id: %d", a.status)
			}
			if boundary == vendorsim.ListLag {
				b.clock.Advance(10 * time.Minute)
				token = b.login("production")
			}
			if diff := cmp.Diff([2]int{1, 1}, counts(b, token)); diff != "" {
				t.Errorf("second list (-want +got)\n%s", diff)
			}
		})
	}
}

func TestTokenExpiresEarly(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{Faults: rule(vendorsim.AuthExpired)})
	token := b.login("production")
	if a := b.pcm(token, "POST", "/order/postcard", pcmCard("R")); a.status != 401 || len(b.sim.Prints()) != 0 {
		t.Errorf("%d, %d printed", a.status, len(b.sim.Prints()))
	}
	if a := b.pcm(b.login("production"), "POST", "/order/postcard", pcmCard("R")); a.status != 201 {
		t.Errorf("after a new login: %d", a.status)
	}
}

func TestOutages(t *testing.T) {
	t.Parallel()
	type sight struct{ Send, List, Read any }
	for kind, want := range map[vendorsim.Outage]sight{
		vendorsim.OutageError:  {503, 503, 503},
		vendorsim.OutageRefuse: {"broken", "broken", "broken"},
		vendorsim.OutageHang:   {"broken", "broken", "broken"},
		vendorsim.OutageEmpty:  {200, 200, 404},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, vendorsim.Config{})
				b.client.Timeout = time.Minute
				id := b.lob("POST", "/postcards", "", postcard("BEFORE")).text(t, "id")
				if err := b.sim.SetOutage("lob", kind, true); err != nil {
					t.Fatal(err)
				}
				send := b.lob("POST", "/postcards", "", postcard("R"))
				list := b.lob("GET", "/postcards", "", nil)
				read := b.lob("GET", "/postcards/"+id, "", nil)
				if diff := cmp.Diff(want, sight{result(send), result(list), result(read)}); diff != "" {
					t.Errorf("client sees (-want +got)\n%s", diff)
				}
				if kind == vendorsim.OutageEmpty && (len(send.raw) != 0 || len(ids(t, list)) != 0) {
					t.Errorf("empty outage: %q %q", send.raw, list.raw)
				}
				if a := b.pcm("", "GET", "/order", nil); a.status != 401 {
					t.Errorf("the other vendor: %d", a.status)
				}
				if err := b.sim.SetOutage("lob", kind, false); err != nil {
					t.Fatal(err)
				}
				if got := len(b.sim.Prints()); got != 1 {
					t.Errorf("%d printed, want the one before", got)
				}
				if a := b.lob("GET", "/postcards/"+id, "", nil); a.status != 200 {
					t.Errorf("afterwards: %d", a.status)
				}
			})
		})
	}
}

func TestPartialOutageAcceptsSome(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{Faults: vendorsim.Plan{Windows: []vendorsim.Window{
		{Vendor: "lob", Kind: vendorsim.OutagePartial, From: start(), Until: start().Add(time.Hour)},
	}}})
	for i := range 100 {
		if a := b.lob("POST", "/postcards", "", postcard(fmt.Sprint("R", i))); a.status != 503 {
			t.Fatalf("%d", a.status)
		}
	}
	if n := len(b.sim.Prints()); n < 30 || n > 70 {
		t.Errorf("%d of 100 accepted, want about half", n)
	}
	b.clock.Advance(time.Hour)
	if a := b.lob("POST", "/postcards", "", postcard("AFTER")); a.status != 200 {
		t.Errorf("after the window: %d", a.status)
	}
}

// TestHangEndsWithTheSimulator closes while a request hangs.
func TestHangEndsWithTheSimulator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, vendorsim.Config{})
		if err := b.sim.SetOutage("lob", vendorsim.OutageHang, true); err != nil {
			t.Fatal(err)
		}
		done := make(chan answer, 1)
		go func() { done <- b.lob("POST", "/postcards", "", postcard("R")) }()
		synctest.Wait()
		if err := b.sim.Close(); err != nil {
			t.Fatal(err)
		}
		if a := <-done; result(a) != "broken" {
			t.Errorf("%v", result(a))
		}
	})
}

// TestResetOverTCP wants a reset, not an orderly end.
func TestResetOverTCP(t *testing.T) {
	t.Parallel()
	sim, err := vendorsim.New(vendorsim.Config{Faults: rule(vendorsim.SendLost)})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: sim.Vendor("pcm"), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); _ = sim.Close() })
	b := &bundle{t: t, sim: sim, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		},
	}}}
	login := b.do(t.Context(), "POST", "/auth/login", jsonReader(t, map[string]any{
		"apiKey": "production-pcm", "apiSecret": "production-secret-pcm",
	}), nil)
	token := login.text(t, "token")
	a := b.do(t.Context(), "POST", "/order/postcard", jsonReader(t, pcmCard("R")), map[string]string{"Authorization": "Bearer " + token})
	if !errors.Is(a.err, syscall.ECONNRESET) && !errors.Is(a.err, io.EOF) {
		t.Errorf("%v", a.err)
	}
	if got := b.events("R")[vendorsim.Printed]; got != 1 {
		t.Errorf("%d printed", got)
	}
}
