package vendors_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/postproof/postproof/vendors"
)

type countedConn struct {
	net.Conn
	writes *atomic.Int32
}

// Write implements [net.Conn].
func (c countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestBodyGoesOutWithItsHeader: a body in memory is sent with the header in
// one write; a packet, and a wake-up of the vendor, less for each piece.
func TestBodyGoesOutWithItsHeader(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	go func() {
		buf := make([]byte, 4096)
		if _, err := server.Read(buf); err == nil {
			_, _ = server.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
		}
	}()
	var writes atomic.Int32
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return countedConn{client, &writes}, nil },
	}
	defer transport.CloseIdleConnections()
	body := vendors.JSONBody("test/1", bytes.Repeat([]byte{'x'}, 1000))
	open, err := body.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://vendor.example/", open)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = body.Len()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if n := writes.Load(); n != 1 {
		t.Errorf("%d writes, want header and body in 1", n)
	}
}
