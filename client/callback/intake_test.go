package callback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	body := []byte(`[{"id":"evt_1","piece":"psc_1","status":"mailed"}]`)
	ok := func() *http.Request { return rawRequest("/callbacks/printer", secret, body) }
	edit := func(f func(*http.Request)) func() *http.Request {
		return func() *http.Request { r := ok(); f(r); return r }
	}
	large := func() *http.Request {
		return rawRequest("/callbacks/printer", secret, bytes.Repeat([]byte(" "), 1<<20+1))
	}
	for name, tc := range map[string]struct {
		req    func() *http.Request
		status int
		header [2]string
		puts   int64
	}{
		"signed":           {req: ok, status: 200, puts: 1},
		"identity":         {req: edit(func(r *http.Request) { r.Header.Set("Content-Encoding", "identity") }), status: 200, puts: 1},
		"another method":   {req: edit(func(r *http.Request) { r.Method = http.MethodGet }), status: 405, header: [2]string{"Allow", "POST"}},
		"compressed":       {req: edit(func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }), status: 415},
		"too large":        {req: large, status: 413, header: [2]string{"Connection", "close"}},
		"no such endpoint": {req: edit(func(r *http.Request) { r.URL.Path = "/callbacks/other" }), status: 404},
		"a path below":     {req: edit(func(r *http.Request) { r.URL.Path = "/callbacks/printer/token" }), status: 404},
		"another secret":   {req: func() *http.Request { return rawRequest("/callbacks/printer", secret2, body) }, status: 401},
		"no signature":     {req: edit(func(r *http.Request) { r.Header.Del("Printer-Signature") }), status: 400},
		"signed another":   {req: edit(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }), status: 401},
		"too old":          {req: edit(func(r *http.Request) { aged(r, body, -6*time.Minute) }), status: 401},
		"too new":          {req: edit(func(r *http.Request) { aged(r, body, 6*time.Minute) }), status: 401},
		"longer than it said, unknown length": {
			req:    func() *http.Request { r := large(); r.ContentLength = -1; return r },
			status: 413, header: [2]string{"Connection", "close"},
		},
		"cut": {req: edit(func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:5]), broken{})) }), status: 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newFaulty()
			w := newWorld(t, store, newPrinter(t))
			resp := post(w.rx, tc.req())
			if resp.StatusCode != tc.status || store.puts.Load() != tc.puts {
				t.Errorf("status %d and %d stored, want %d and %d", resp.StatusCode, store.puts.Load(), tc.status, tc.puts)
			}
			if k := tc.header[0]; k != "" && resp.Header.Get(k) != tc.header[1] {
				t.Errorf("%s is %q, want %q", k, resp.Header.Get(k), tc.header[1])
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func aged(r *http.Request, body []byte, by time.Duration) {
	at := time.Now().Add(by)
	r.Header.Set("Printer-Time", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Printer-Signature", sign(secret, at, body))
}

func TestAnswerIsTheVendorsOwn(t *testing.T) {
	t.Parallel()
	p := newPrinter(t, func(c *postproof.Capabilities) { c.Callbacks.AnswerStatus, c.Callbacks.AnswerBody = 202, "0" })
	w := newWorld(t, memory(), p)
	for range 2 { // a repeated one, too
		resp := post(w.rx, request(t, "/printer", secret, note{ID: "evt_1", Piece: "x", Status: "mailed"}))
		if resp.StatusCode != http.StatusAccepted || resp.Body != "0" {
			t.Errorf("answer %d %q, want 202 and 0", resp.StatusCode, resp.Body)
		}
	}
}

// What is answered with success is durable: the answer waits for the inbox.
func TestNothingIsAcknowledgedBeforeItIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		hold := make(chan struct{})
		store.put = func(context.Context) error { <-hold; return nil }
		w := newWorld(t, store, newPrinter(t))
		answered := make(chan answer, 1)
		go func() {
			answered <- post(w.rx, request(t, "/printer", secret, note{ID: "evt_1", Piece: "x", Status: "mailed"}))
		}()
		time.Sleep(time.Second)
		select {
		case resp := <-answered:
			t.Errorf("answered with %d while nothing is stored", resp.StatusCode)
			answered <- resp
		default:
		}
		close(hold)
		if resp := <-answered; resp.StatusCode != http.StatusOK || len(w.messages(t)) != 1 {
			t.Errorf("status %d, %d stored", resp.StatusCode, len(w.messages(t)))
		}
	})
}

func TestStoreDownIsAnsweredWith503AndTheVendorRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		w := newWorld(t, store, newPrinter(t))
		a, b := w.mailed(t, "a"), w.mailed(t, "b")
		store.put = func(context.Context) error { return errors.New("the disk is full") }
		notes := []note{
			{ID: "evt_1", Piece: a.ID, Ref: a.Ref, Status: "mailed"},
			{ID: "evt_2", Piece: b.ID, Ref: b.Ref, Status: "mailed"},
			{ID: "evt_3", Piece: a.ID, Ref: a.Ref, Status: "delivered"},
		}
		for _, n := range notes {
			began := time.Now()
			resp := post(w.rx, request(t, "/printer", secret, n))
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || time.Since(began) > 0 {
				t.Fatalf("status %d, Retry-After %q, after %s", resp.StatusCode, resp.Header.Get("Retry-After"), time.Since(began))
			}
		}
		time.Sleep(time.Hour)
		store.put = nil
		for _, n := range notes { // the vendor repeats
			send(t, w.rx, 200, n)
		}
		w.drain(t)
		if a, b := w.status(t, "a").Status.Stage, w.status(t, "b").Status.Stage; a != "delivered" || b != "mailed" {
			t.Errorf("stages %s and %s", a, b)
		}
	})
}

// A store that hangs is answered for in the vendor's time; what it writes later
// is known when the vendor repeats it.
func TestSlowStoreIsAnsweredForInTime(t *testing.T) {
	t.Parallel()
	for name, ignores := range map[string]bool{"heeds the context": false, "does not": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				store.put = func(ctx context.Context) error {
					if ignores {
						<-time.After(time.Minute)
						return nil
					}
					<-ctx.Done()
					return ctx.Err()
				}
				w := newWorld(t, store, newPrinter(t, func(c *postproof.Capabilities) { c.Callbacks.AnswerWithin = 3 * time.Second }))
				n := note{ID: "evt_1", Piece: "x", Status: "mailed"}
				began := time.Now()
				send(t, w.rx, 503, n)
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("answered after %s, the vendor waits for 3s", took)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				store.put = nil
				send(t, w.rx, 200, n)
				if all := w.messages(t); len(all) != 1 {
					t.Errorf("%d stored, want one", len(all))
				}
			})
		})
	}
}

func TestEventsAreDeduplicated(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	type sends []note
	for name, tc := range map[string]struct {
		noIDs bool
		sends sends
		want  int
	}{
		"one id":                       {sends: sends{{ID: "evt_1", Piece: "x", Status: "mailed"}, {ID: "evt_1", Piece: "x", Status: "mailed", Extra: "second try"}}, want: 1},
		"two ids":                      {sends: sends{{ID: "evt_1", Piece: "x", Status: "mailed"}, {ID: "evt_2", Piece: "x", Status: "mailed"}}, want: 2},
		"no id":                        {sends: sends{{Piece: "x", Status: "mailed", Time: at}, {Piece: "x", Status: "mailed", Time: at, Extra: "second try"}}, want: 1},
		"no id, another time":          {sends: sends{{Piece: "x", Status: "mailed", Time: at}, {Piece: "x", Status: "mailed", Time: at.Add(1)}}, want: 2},
		"no id, another status":        {sends: sends{{Piece: "x", Status: "mailed", Time: at}, {Piece: "x", Status: "in_transit", Time: at}}, want: 2},
		"no id, another piece":         {sends: sends{{Piece: "x", Status: "mailed", Time: at}, {Piece: "y", Status: "mailed", Time: at}}, want: 2},
		"no id and no time":            {sends: sends{{Piece: "x", Status: "mailed"}, {Piece: "x", Status: "mailed"}}, want: 1},
		"no id and no time, scanned":   {sends: sends{{Piece: "x", Status: "in_transit", Extra: "Ohio"}, {Piece: "x", Status: "in_transit", Extra: "Utah"}}, want: 2},
		"ids that nothing vouches for": {noIDs: true, sends: sends{{ID: "evt_1", Piece: "x", Status: "mailed", Time: at}, {ID: "evt_1", Piece: "y", Status: "mailed", Time: at}}, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, memory(), newPrinter(t, func(c *postproof.Capabilities) { c.Callbacks.EventIDs = !tc.noIDs }))
			for _, n := range tc.sends {
				send(t, w.rx, 200, n)
			}
			if all := w.messages(t); len(all) != tc.want {
				t.Errorf("%d stored, want %d", len(all), tc.want)
			}
		})
	}
}

// Only what it takes to verify and read a callback again is stored, and never
// credentials.
func TestHeadersKeptAreThoseThatVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t))
	for i := range 2 {
		n := note{ID: "evt_" + strconv.Itoa(i), Piece: "x", Status: "mailed"}
		send(t, w.rx, 200, n)
		m := w.messages(t)[i]
		var names []string
		for _, name := range []string{"Authorization", "Content-Type", "Cookie", "Printer-Signature", "Printer-Time", "User-Agent"} {
			if _, ok := m.Header[name]; ok {
				names = append(names, name)
			}
		}
		if diff := cmp.Diff([]string{"Content-Type", "Printer-Signature", "Printer-Time"}, names); diff != "" || len(m.Header) != 3 {
			t.Errorf("headers of %v (-want +got):\n%s", m.Header, diff)
		}
		if want, _ := json.Marshal([]note{n}); !bytes.Equal(m.Body, want) || m.ReceivedAt.IsZero() {
			t.Errorf("body %q received %s", m.Body, m.ReceivedAt)
		}
	}
}

// What nobody has signed is a reason to ask the vendor, and nothing else.
func TestUnsignedCallbackIsAHint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const token, token2 = "0123456789abcdefghijklmno", "another-token-of-the-owner"
		p := newPrinter(t, func(c *postproof.Capabilities) { c.Callbacks.Auth = postproof.CallbackUnsigned })
		w := &world{store: memory(), p: p}
		w.mail = newClient(t, w.store, p)
		var got calls
		w.rx = receiver(t, w.mail, []callback.Endpoint{{
			Adapter: p, Secrets: []string{token, token2}, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		}}, callback.WithHandler(got.handle))
		o := w.mailed(t, "a")
		n := note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "delivered"}
		for path, want := range map[string]int{
			"/printer": 401, "/printer/": 401, "/printer/wrong": 401, "/printer?token=wrong": 401, "/callbacks/printer/" + token: 200,
			"/printer?token=" + token2: 200,
		} {
			sendTo(t, w.rx, want, request(t, path, "", n))
		}
		elsewhere := request(t, "/printer/"+token, "", n)
		elsewhere.RemoteAddr = "203.0.113.1:1"
		sendTo(t, w.rx, 403, elsewhere)
		sendTo(t, w.rx, 400, rawRequest("/printer/"+token, "", []byte("no json")))
		alone := rawRequest("/"+token, "", []byte(`[{"id":"1","piece":"`+o.ID+`","status":"delivered"}]`))
		sendTo(t, w.rx.Handler("printer"), 200, alone)

		time.Sleep(2 * time.Minute)
		if did := w.drain(t); did.Hints == 0 || did.Applied != 0 {
			t.Errorf("drained %+v, want a hint and nothing applied", did)
		}
		rec := w.status(t, "a")
		if rec.Status.Stage != postproof.StageAccepted || got.count() != 0 {
			t.Fatalf("an unsigned callback was believed: %+v", rec.Status)
		}
		if rec.PollAt.After(time.Now()) || rec.Due.After(time.Now()) {
			t.Errorf("the vendor is asked at %s, want now", rec.PollAt)
		}
		p.mu.Lock()
		p.orders[0].Status = "mailed"
		p.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.mail.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if rec := w.status(t, "a"); rec.Status.Stage != postproof.StageMailed || rec.Status.Source != postproof.SourcePoll {
			t.Errorf("status %+v, want what the vendor said when it was asked", rec.Status)
		}
	})
}

// Who can send hints cannot make us ask as often as they like.
func TestHintsAskOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const token = "0123456789abcdefghijklmno"
		p := newPrinter(t, func(c *postproof.Capabilities) { c.Callbacks.Auth = postproof.CallbackUnsigned })
		w := &world{store: memory(), p: p}
		w.mail = newClient(t, w.store, p)
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: p, Secrets: []string{token}}})
		o := w.mailed(t, "a")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		go func() { _ = w.mail.Run(ctx) }()
		go func() { _ = w.rx.Run(ctx) }()
		for i := range 600 {
			sendTo(t, w.rx, 200, request(t, "/printer/"+token, "", note{Piece: o.ID, Status: "mailed", Extra: strconv.Itoa(i)}))
			time.Sleep(time.Second)
		}
		<-ctx.Done()
		synctest.Wait()
		if n := p.asked(); n < 5 || n > 11 {
			t.Errorf("600 hints in ten minutes had the vendor asked %d times", n)
		}
	})
}

// An event of the other mode is ignored when it comes in: nothing works on it.
func TestOtherModeIsIgnoredAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t))
	send(t, w.rx, 200, note{ID: "1", Piece: "psc_1", Status: "mailed", Mode: "live"})
	if m := w.messages(t)[0]; m.State != idempotency.MessageIgnored || m.Mode != postproof.ModeLive {
		t.Errorf("state %s, mode %s", m.State, m.Mode)
	}
}
