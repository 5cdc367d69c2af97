package callback_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/internal/pipe"
)

// ask sends a callback over a connection of its own.
func ask(t *testing.T, lis *pipe.Listener, req *http.Request) answer {
	t.Helper()
	conn, err := lis.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	req.RequestURI = ""
	go func() { _ = req.Write(conn) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return answer{StatusCode: resp.StatusCode, Header: resp.Header}
}

// slow opens a callback whose body does not come.
func slow(t *testing.T, lis *pipe.Listener, length int) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := lis.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		_, _ = fmt.Fprintf(conn, "POST /printer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n[", length)
	}()
	return conn, bufio.NewReader(conn)
}

func TestSlowBodyIsCutOffInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t))
		lis := serve(t, w.rx)
		began := time.Now()
		conn, answer := slow(t, lis, 1000)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if took := time.Since(began); resp.StatusCode != http.StatusRequestTimeout || !resp.Close || took > 10*time.Second {
			t.Errorf("status %d, close %v, after %s", resp.StatusCode, resp.Close, took)
		}
	})
}

// Slow senders, many more than bodies may be under way, do not keep an honest one
// out: the one that has been read for longest is cut off.
func TestSlowBodiesDoNotStarveHonestSenders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t), callback.WithBodies(4))
		lis := serve(t, w.rx)
		for i := range 40 {
			slow(t, lis, 1000)
			synctest.Wait()
			began := time.Now()
			resp := ask(t, lis, request(t, "/printer", secret, note{ID: fmt.Sprint(i), Piece: "x", Status: "mailed"}))
			if resp.StatusCode != http.StatusOK || time.Since(began) > 0 {
				t.Fatalf("an honest callback beside %d slow ones: status %d after %s", i+1, resp.StatusCode, time.Since(began))
			}
		}
		if n := len(w.messages(t)); n != 40 {
			t.Errorf("%d stored, want 40", n)
		}
	})
}

// Bodies that are being stored are not cut off: when they are all that there may
// be, the next one waits for a moment, and is sent away when none was stored.
func TestTooManyBodiesBeingStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		hold := make(chan struct{})
		store.put = func(context.Context) error { <-hold; return nil }
		w := newWorld(t, store, newPrinter(t), callback.WithBodies(2))
		lis := serve(t, w.rx)
		var first sync.WaitGroup
		for i := range 2 {
			first.Go(func() {
				if resp := ask(t, lis, request(t, "/printer", secret, note{ID: fmt.Sprint(i), Piece: "x", Status: "mailed"})); resp.StatusCode != http.StatusOK {
					t.Errorf("status %d", resp.StatusCode)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		resp := ask(t, lis, request(t, "/printer", secret, note{ID: "3", Piece: "x", Status: "mailed"}))
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || time.Since(began) > time.Second {
			t.Errorf("status %d after %s, want 503 within a second", resp.StatusCode, time.Since(began))
		}
		var burst sync.WaitGroup
		for i := range 20 {
			burst.Go(func() {
				if resp := ask(t, lis, request(t, "/printer", secret, note{ID: fmt.Sprint("burst-", i), Piece: "x", Status: "mailed"})); resp.StatusCode != http.StatusOK {
					t.Errorf("of a burst: status %d", resp.StatusCode)
				}
			})
		}
		synctest.Wait()
		close(hold)
		first.Wait()
		burst.Wait()
	})
}

// Ten thousand callbacks that nobody has signed do not reach the store, and the
// log says so now and then.
func TestBadSignaturesDoNotReachTheStore(t *testing.T) {
	t.Parallel()
	store := newFaulty()
	var log counter
	p := newPrinter(t)
	rx := receiver(t, newClient(t, store, p, logTo(&log)), []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}})
	body := []byte(`[{"id":"1","piece":"x","status":"delivered"}]`)
	for range 10_000 {
		if resp := post(rx, rawRequest("/printer", secret2, body)); resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
	if n := store.puts.Load(); n != 0 {
		t.Errorf("%d reached the store", n)
	}
	if n := log.lines.Load(); n < 1 || n > 5 {
		t.Errorf("%d log lines for 10000 bad signatures", n)
	}
}

type counter struct {
	lines atomic.Int64
	mu    sync.Mutex
	text  strings.Builder
}

func (c *counter) Write(p []byte) (int, error) {
	c.lines.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// Bodies that do not end cost no more memory than the limits allow.
func TestMemoryIsBounded(t *testing.T) { //nolint:paralleltest // it measures the process
	const bodies, limit = 8, 64 << 10
	w := newWorld(t, memory(), newPrinter(t), callback.WithBodies(bodies), callback.WithMaxBody(limit))
	lis := serve(t, w.rx)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	var large, busy atomic.Int64
	for range 200 {
		all.Go(func() {
			conn, err := lis.Dial(t.Context(), "", "")
			if err != nil {
				return
			}
			defer conn.Close()
			go func() {
				_, _ = io.WriteString(conn, "POST /printer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
				chunk := fmt.Sprintf("%x\r\n%s\r\n", 4096, bytes.Repeat([]byte("x"), 4096))
				for range 64 { // four times the limit
					if _, err := io.WriteString(conn, chunk); err != nil {
						return
					}
				}
			}()
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return
			}
			defer resp.Body.Close()
			switch resp.StatusCode {
			case http.StatusRequestEntityTooLarge:
				large.Add(1)
			case http.StatusServiceUnavailable:
				busy.Add(1)
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	// How many find no place depends on how quick the others are.
	if large, busy := large.Load(), busy.Load(); large == 0 || large+busy < 100 {
		t.Errorf("of 200, %d were refused as too large and %d for want of a place", large, busy)
	}
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
