package retry_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// vendor is a server over in-memory pipes that speaks HTTP by hand, so that
// it can break off at any byte. Its log is the truth about what arrived.
type vendor struct {
	// serve answers the n-th connection's requests, counted from 0 over all
	// connections. It returns false to close the connection.
	serve func(n int, conn net.Conn, body []byte) bool

	mu     sync.Mutex
	seen   [][]byte
	header []http.Header
	dials  int
	open   int
	wait   sync.WaitGroup
}

func (v *vendor) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	v.mu.Lock()
	v.dials++
	v.open++
	v.mu.Unlock()
	v.wait.Go(func() {
		defer func() {
			_ = server.Close()
			v.mu.Lock()
			v.open--
			v.mu.Unlock()
		}()
		in := bufio.NewReader(server)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			v.mu.Lock()
			n := len(v.seen)
			v.seen = append(v.seen, body)
			v.header = append(v.header, req.Header)
			v.mu.Unlock()
			if !v.serve(n, server, body) {
				return
			}
		}
	})
	return client, nil
}

func (v *vendor) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.seen)
}

func (v *vendor) conns() (dials, open int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.dials, v.open
}

func answer(conn io.Writer, status int, body string, header ...string) bool {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " X\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n" + body)
	_, err := conn.Write(b.Bytes())
	return err == nil
}

func always(status int, body string, header ...string) func(int, net.Conn, []byte) bool {
	return func(_ int, conn net.Conn, _ []byte) bool { return answer(conn, status, body, header...) }
}

// newSender returns a sender over the vendor. Its budget is ample unless the
// configuration brings one.
func newSender(tb testing.TB, v *vendor, config retry.Config) *retry.Sender {
	tb.Helper()
	transport, err := retry.NewTransport(retry.TransportConfig{DialContext: v.dial})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		v.wait.Wait()
	})
	if config.Transport == nil {
		config.Transport = transport
	} else if w, ok := config.Transport.(*wrapper); ok {
		w.next = transport
	}
	return newSenderOn(tb, config)
}

func newSenderOn(tb testing.TB, config retry.Config) *retry.Sender {
	tb.Helper()
	if config.Budget == nil {
		budget, err := retry.NewBudget(retry.BudgetConfig{Reserve: 1000, Clock: config.Clock})
		if err != nil {
			tb.Fatal(err)
		}
		config.Budget = budget
	}
	s, err := retry.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// wrapper is a round tripper between sender and transport.
type wrapper struct {
	next http.RoundTripper
	f    func(next http.RoundTripper, req *http.Request) (*http.Response, error)
}

func (w *wrapper) RoundTrip(req *http.Request) (*http.Response, error) { return w.f(w.next, req) }

func post(class postproof.Repeat) *retry.Request {
	const body = "to=a+recipient"
	r := &retry.Request{
		Op: postproof.OpSubmit, Vendor: "acme", Class: class,
		Method: http.MethodPost, URL: "http://vendor.test/v1/letters",
		Header: http.Header{
			"Content-Type":    {"application/x-www-form-urlencoded"},
			"Idempotency-Key": {"KEY123"},
		},
		Body:          func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(body))), nil },
		ContentLength: int64(len(body)),
	}
	if class == postproof.RepeatKeyed {
		r.NotAfter = time.Now().Add(time.Hour)
	}
	return r
}

func get() *retry.Request {
	return &retry.Request{
		Op: postproof.OpGet, Vendor: "acme", Class: postproof.RepeatSafe,
		Method: http.MethodGet, URL: "http://vendor.test/v1/letters/1",
	}
}

// failed takes the error apart.
func failed(tb testing.TB, resp *retry.Response, err error) (*postproof.Error, *retry.AttemptsError) {
	tb.Helper()
	if resp != nil || err == nil {
		tb.Fatalf("Do: got %+v, %v, want an error", resp, err)
	}
	outer, ok := errors.AsType[*postproof.Error](err)
	if !ok {
		tb.Fatalf("Do: error %T is no *postproof.Error", err)
	}
	detail, ok := errors.AsType[*retry.AttemptsError](err)
	if !ok {
		tb.Fatalf("Do: error %v holds no *retry.AttemptsError", err)
	}
	return outer, detail
}
