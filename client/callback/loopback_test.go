package callback_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof/client/callback"
)

// heapInUse is what the process has of the system and has not given back.
func heapInUse() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()) - int64(s[1].Value.Uint64()) - int64(s[2].Value.Uint64())
}

// Over real connections, all at a time: bodies that come a byte now and then,
// bodies that never end, bombs, and bad signatures as fast as they go. The memory
// stays within bounds, honest senders are served all the while, and nothing of
// the rest is stored.
func TestHostileSendersOnLoopback(t *testing.T) { //nolint:paralleltest // it measures the process
	const (
		bodies, limit = 16, 256 << 10
		most          = 64 << 20
	)
	honest, forged := 100, 1500
	endless := int64(256 << 20) // of each body that a receiver would have to read to its end
	if os.Getenv(fullEnv) != "" {
		honest, forged, endless = 1000, 50_000, 1<<30
	}
	store := newFaulty()
	w := newWorld(t, store, newPrinter(t), callback.WithBodies(bodies), callback.WithMaxBody(limit))
	server := httptest.NewUnstartedServer(w.rx)
	server.Config.ReadHeaderTimeout, server.Config.IdleTimeout = 5*time.Second, 5*time.Second
	server.Start()
	defer server.Close()
	a := &attack{t: t, url: server.URL + "/callbacks/printer", addr: server.Listener.Addr().String(), answers: map[string]map[int]int{}}

	runtime.GC()
	before, peak := heapInUse(), int64(0)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			peak = max(peak, heapInUse())
			time.Sleep(time.Millisecond)
		}
	})
	for range 40 {
		all.Go(func() { a.trickle(ctx) })
	}
	for i := range 4 {
		all.Go(func() { a.flood(ctx, endless, i%2 == 0) })
	}
	bomb := squeeze(t, 16<<20)
	all.Go(func() { a.repeat(ctx, "bomb", bomb, func(h http.Header) { h.Set("Content-Encoding", "gzip") }) })
	all.Go(func() { a.repeat(ctx, "unsaid bomb", bomb, func(http.Header) {}) })

	var served sync.WaitGroup
	served.Go(func() { a.forge(t.Context(), forged) })
	served.Go(func() { a.honest(t.Context(), honest) })
	served.Wait()
	end()
	all.Wait()

	if grown := peak - before; grown > most {
		t.Errorf("the memory grew by %d MiB, want at most %d", grown>>20, most>>20)
	} else {
		t.Logf("the memory grew by %.1f MiB; %v; honest ones tried again: %d", float64(grown)/(1<<20), a.answers, a.again.Load())
	}
	if n := store.puts.Load(); n != int64(honest) || len(w.messages(t)) != honest {
		t.Errorf("%d puts and %d messages, want those of %d honest callbacks", n, len(w.messages(t)), honest)
	}
	if n := a.again.Load(); n > int64(honest)/10 {
		t.Errorf("%d of %d honest callbacks had to be sent again", n, honest)
	}
	for kind, want := range map[string]int{"flood": http.StatusRequestEntityTooLarge, "bomb": http.StatusUnsupportedMediaType, "unsaid bomb": http.StatusUnauthorized, "forged": http.StatusUnauthorized} {
		if a.answers[kind][want] == 0 {
			t.Errorf("%s: %v, want some %d", kind, a.answers[kind], want)
		}
		if a.answers[kind][http.StatusOK] > 0 {
			t.Errorf("%s: taken", kind)
		}
	}
}

// squeeze returns so many zeros, compressed.
func squeeze(t *testing.T, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.CopyN(z, zeros{}, int64(n)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// attack is everybody who sends.
type attack struct {
	t         *testing.T
	url, addr string
	again     atomic.Int64

	mu      sync.Mutex
	answers map[string]map[int]int
}

func (a *attack) saw(kind string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers[kind] == nil {
		a.answers[kind] = map[int]int{}
	}
	a.answers[kind][status]++
}

// trickle sends a byte of a body now and then, on one connection after the
// other.
func (a *attack) trickle(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", a.addr)
		if err != nil {
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "POST /callbacks/printer HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
		for err == nil {
			time.Sleep(20 * time.Millisecond)
			_, err = io.WriteString(conn, "[")
		}
		stop()
		_ = conn.Close()
	}
}

// flood sends bodies that are much too large, with a length that says so or
// without one.
func (a *attack) flood(ctx context.Context, n int64, chunked bool) {
	posts := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, io.LimitReader(zeros{}, n))
		if err != nil {
			a.t.Error(err)
			return
		}
		if req.ContentLength = n; chunked {
			req.ContentLength = -1
		}
		if resp, err := posts.Do(req); err == nil {
			a.saw("flood", resp.StatusCode)
			_ = resp.Body.Close()
		}
	}
}

// repeat sends a body again and again, with a good signature over what it would
// be were it not compressed.
func (a *attack) repeat(ctx context.Context, kind string, body []byte, edit func(http.Header)) {
	posts := &http.Client{Transport: &http.Transport{}}
	defer posts.CloseIdleConnections()
	for ctx.Err() == nil {
		if status, err := a.post(ctx, posts, body, secret2, edit); err == nil {
			a.saw(kind, status)
		}
	}
}

// forge sends so many callbacks that nobody has signed, on some connections.
func (a *attack) forge(ctx context.Context, n int) {
	var all sync.WaitGroup
	var next atomic.Int64
	body := []byte(`[{"id":"forged","piece":"psc_1","status":"delivered"}]`)
	for range 8 {
		all.Go(func() {
			posts := &http.Client{Transport: &http.Transport{}}
			defer posts.CloseIdleConnections()
			for next.Add(1) <= int64(n) {
				status, err := a.post(ctx, posts, body, secret2, nil)
				if err == nil {
					a.saw("forged", status)
				}
			}
		})
	}
	all.Wait()
}

// honest sends callbacks as the vendor does: one that is not taken is sent again.
func (a *attack) honest(ctx context.Context, n int) {
	posts := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer posts.CloseIdleConnections()
	for i := range n {
		body, err := json.Marshal([]note{{ID: fmt.Sprint("evt_", i), Piece: "psc_1", Status: "mailed", Extra: strings.Repeat("x", 2000)}})
		if err != nil {
			a.t.Error(err)
			return
		}
		for try := 0; ; try++ {
			status, err := a.post(ctx, posts, body, secret, nil)
			if err == nil && status == http.StatusOK {
				break
			}
			if a.again.Add(1); try == 5 || (err == nil && status != http.StatusServiceUnavailable) {
				a.t.Errorf("an honest callback: status %d, %v", status, err)
				return
			}
		}
	}
}

func (a *attack) post(ctx context.Context, posts *http.Client, body []byte, key string, edit func(http.Header)) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	at := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Printer-Time", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Printer-Signature", sign(key, at, body))
	if edit != nil {
		edit(req.Header)
	}
	resp, err := posts.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, err
}
