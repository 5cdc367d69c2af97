package callback_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/postgrid"
)

// long makes a printer whose callbacks may have so many bytes.
func long(n int64) func(*postproof.Capabilities) {
	return func(c *postproof.Capabilities) { c.Callbacks.MaxBytes = n }
}

// padded is a callback of n bytes.
func padded(t *testing.T, n int, notes ...note) *http.Request {
	t.Helper()
	body, err := json.Marshal(notes)
	if err != nil {
		t.Fatal(err)
	}
	return rawRequest("/printer", secret, append(body, bytes.Repeat([]byte(" "), n-len(body))...))
}

// A callback may be as long as its vendor's capabilities state, or as the program says;
// what is longer is refused, whether it says so beforehand or not.
func TestLongestBody(t *testing.T) {
	t.Parallel()
	const mib, more = 1 << 20, 1<<20 + 4096
	for name, tc := range map[string]struct {
		vendor int64
		opts   []callback.Option
		most   int
	}{
		"by default":              {0, nil, mib},
		"the vendor's":            {more, nil, more},
		"a vendor's short ones":   {4096, nil, mib},
		"the program's":           {0, []callback.Option{callback.WithMaxBody(more)}, more},
		"the program knows best":  {more, []callback.Option{callback.WithMaxBody(4096)}, 4096},
		"with one place for such": {more, []callback.Option{callback.WithBodies(1)}, more},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, memory(), newPrinter(t, long(tc.vendor)), tc.opts...)
			for i, said := range []bool{true, false} {
				for by, want := range map[int]int{-1: 200, 0: 200, 1: 413} {
					req := padded(t, tc.most+by, note{ID: fmt.Sprint(i, by), Piece: "x", Status: "mailed"})
					if !said {
						req.ContentLength = -1
					}
					if resp := post(w.rx, req); resp.StatusCode != want {
						t.Errorf("%d bytes, length said %v: status %d, want %d", tc.most+by, said, resp.StatusCode, want)
					}
				}
			}
			for _, m := range w.messages(t) {
				if n := len(m.Body); n != tc.most && n != tc.most-1 {
					t.Errorf("a message has %d bytes", n)
				}
			}
			if n := len(w.messages(t)); n != 4 {
				t.Errorf("%d stored, want 4", n)
			}
		})
	}
}

// Of long bodies only some are under way at a time: one that comes slowly is cut off for
// another, and the short ones do not wait for either.
func TestLongBodiesHavePlacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 3 << 20
		w := newWorld(t, memory(), newPrinter(t, long(most)), callback.WithBodies(8)) // one of them long
		lis := serve(t, w.rx)
		conn, err := lis.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		go func() { // more than usual, and then nothing
			_, _ = fmt.Fprintf(conn, "POST /printer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", most, strings.Repeat(" ", 1<<20+1))
		}()
		slow := make(chan int, 1)
		go func() {
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				slow <- 0
				return
			}
			_ = resp.Body.Close()
			slow <- resp.StatusCode
		}()
		synctest.Wait()
		began := time.Now()
		for i, n := range []int{100, 2 << 20} {
			if resp := ask(t, lis, padded(t, n, note{ID: fmt.Sprint(i), Piece: "x", Status: "mailed"})); resp.StatusCode != http.StatusOK || time.Since(began) > 0 {
				t.Errorf("%d bytes beside a slow long one: status %d after %s", n, resp.StatusCode, time.Since(began))
			}
		}
		if status := <-slow; status != http.StatusServiceUnavailable {
			t.Errorf("the slow one: status %d, want 503", status)
		}
		_ = conn.Close()
		time.Sleep(time.Second) // in which the server closes what it has cut off
	})
}

// Long bodies that are being stored are not cut off: another one is to come again.
func TestLongBodiesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		hold := make(chan struct{})
		store.put = func(context.Context) error { <-hold; return nil }
		w := newWorld(t, store, newPrinter(t, long(3<<20)), callback.WithBodies(8))
		answered := make(chan int, 1)
		go func() {
			answered <- post(w.rx, padded(t, 2<<20, note{ID: "1", Piece: "x", Status: "mailed"})).StatusCode
		}()
		synctest.Wait()
		if resp := post(w.rx, padded(t, 2<<20, note{ID: "2", Piece: "x", Status: "mailed"})); resp.StatusCode != http.StatusServiceUnavailable || !contains(resp.Body, "busy") {
			t.Errorf("status %d: %s, want 503 and busy", resp.StatusCode, resp.Body)
		}
		close(hold)
		if status := <-answered; status != http.StatusOK {
			t.Errorf("the first: status %d", status)
		}
		for i := range 3 { // both places are free again
			if resp := post(w.rx, padded(t, 2<<20, note{ID: fmt.Sprint("later", i), Piece: "x", Status: "mailed"})); resp.StatusCode != http.StatusOK {
				t.Errorf("later: status %d", resp.StatusCode)
			}
		}
	})
}

// A callback that is too long is lost: its vendor repeats it in vain. The owner is told,
// once a day, and what it said comes by polling.
func TestWhatIsTooLongIsPolled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, func(c *postproof.Capabilities) {
			c.Poll = 12 * time.Hour
			c.Callbacks.Patience = map[postproof.Stage]time.Duration{postproof.StageAccepted: 24 * time.Hour}
		})
		var told alerts
		var log counter
		w := &world{store: memory(), p: p}
		w.mail = newClient(t, w.store, p, logTo(&log), client.WithPollInterval(time.Minute), client.WithVendor(p.name, client.VendorConfig{
			Callbacks: true, Transport: retry.TransportConfig{DialContext: p.lis.Dial},
		}))
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}}, callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
		o := w.mailed(t, "a")
		p.mu.Lock()
		p.orders[0].Status = "mailed"
		p.mu.Unlock()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		go func() { _ = w.mail.Run(ctx) }()
		for _, wait := range []time.Duration{0, time.Hour, 2 * time.Hour, 4 * time.Hour} { // as PostGrid repeats it
			time.Sleep(wait)
			sendTo(t, w.rx, 413, padded(t, 1<<20+1, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"}))
		}
		if s := w.status(t, "a").Status; s.Stage != postproof.StageAccepted {
			t.Fatalf("%+v before its news is overdue", s)
		}
		if k := told.kinds(); len(k) != 1 || k[0] != callback.AlertTooLarge || told.all[0].Endpoint != "printer" || !contains(told.all[0].Reason, "WithMaxBody") {
			t.Errorf("told %+v", told.all)
		}
		time.Sleep(24 * time.Hour)
		if s := w.status(t, "a").Status; s.Stage != postproof.StageMailed || s.Source != postproof.SourcePoll {
			t.Errorf("%+v, want it polled", s)
		}
		sendTo(t, w.rx, 413, padded(t, 1<<20+1, note{ID: "2", Piece: o.ID, Ref: o.Ref, Status: "mailed"}))
		time.Sleep(time.Hour)
		if k := told.kinds(); len(k) != 2 {
			t.Errorf("told %v, want it once a day", k)
		}
		stop()
		synctest.Wait()
		log.mu.Lock()
		defer log.mu.Unlock()
		if text := log.text.String(); !contains(text, "raise WithMaxBody") {
			t.Errorf("the log says %s", text)
		}
	})
}

// PostGrid's events show the piece with its markup, pictures in it included, in a token
// that makes it longer by a third.
func TestPostGridsMarkupIsNotTooLong(t *testing.T) {
	t.Parallel()
	adapter, err := postgrid.New("test_sk_1234567890abcdef")
	if err != nil {
		t.Fatal(err)
	}
	store := memory()
	mail, err := client.New(t.Context(), store, []vendors.Adapter{adapter}, client.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mail.Close() })
	rx := receiver(t, mail, []callback.Endpoint{{Adapter: adapter, Secrets: []string{secret}}})
	side := "<img src='data:image/png;base64," + strings.Repeat("QUJD", 500_000) + "'>"
	claims, err := json.Marshal(map[string]any{
		"iat": time.Now().Unix(), "id": "event_1", "object": "event", "type": "postcard.updated", "live": false,
		"data": map[string]any{
			"object": "postcard", "id": "postcard_1", "status": "printing", "live": false, "frontHTML": side, "backHTML": side, "metadata": map[string]string{},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	token += "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	req := httptest.NewRequest(http.MethodPost, "/callbacks/postgrid", strings.NewReader(token))
	req.Header.Set("Content-Type", "application/jwt")
	if resp := post(rx, req); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d bytes: status %d: %s", len(token), resp.StatusCode, resp.Body)
	}
}
