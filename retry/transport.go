package retry

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// TransportConfig sets up a [Transport]. The zero value of each field means
// its default.
type TransportConfig struct {
	// DialContext opens connections. Default: a [net.Dialer] with DialTimeout.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is the configuration of https connections. It is cloned. Default:
	// the system's roots and TLS 1.2 at least.
	TLS *tls.Config
	// Proxy chooses a proxy, as [http.Transport.Proxy] does. Default: none.
	// The environment's proxy settings are not read, because a submission
	// should not take another way on one host of many. For https through a
	// proxy the gate stands below TLS and counts records.
	Proxy func(*http.Request) (*url.URL, error)
	// DialTimeout bounds the default DialContext. Default 10 s.
	DialTimeout time.Duration
	// TLSHandshakeTimeout bounds the handshake. Default 10 s.
	TLSHandshakeTimeout time.Duration
	// IdleConnTimeout is how long an unused connection is kept. Default 50 s,
	// which is below the 60 s after which common load balancers hang up: a
	// write to a connection that is just being closed is an unknown outcome.
	IdleConnTimeout time.Duration
	// MaxConnsPerHost bounds the connections; calls wait for a free one.
	// Default 64.
	MaxConnsPerHost int
	// MaxIdleConnsPerHost bounds the unused connections. Default 16.
	MaxIdleConnsPerHost int
	// MaxResponseHeaderBytes bounds the header of an answer. Default 256 KiB.
	MaxResponseHeaderBytes int64
}

// Transport is the round tripper at the bottom: HTTP/1.1 connections that
// count each send and refuse one that may not happen. Use one for each
// vendor, so that a broken vendor does not cost another one its connections.
//
// It is safe for concurrent use. Requests that do not come from a [Sender]
// pass through it unwatched.
type Transport struct {
	base    *http.Transport
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     *tls.Config
	timeout time.Duration
	buffers freeList
	plain   *httptrace.ClientTrace
}

// NewTransport returns a transport with no connections. The error names the field
// that is wrong, and has [postproof.CodeInvalidArgument].
func NewTransport(config TransportConfig) (*Transport, error) {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"DialTimeout", int64(config.DialTimeout)},
		{"TLSHandshakeTimeout", int64(config.TLSHandshakeTimeout)},
		{"IdleConnTimeout", int64(config.IdleConnTimeout)},
		{"MaxConnsPerHost", int64(config.MaxConnsPerHost)},
		{"MaxIdleConnsPerHost", int64(config.MaxIdleConnsPerHost)},
		{"MaxResponseHeaderBytes", config.MaxResponseHeaderBytes},
	} {
		if f.value < 0 {
			return nil, wrong("TransportConfig.%s is negative", f.name)
		}
	}
	t := &Transport{
		dial:    config.DialContext,
		buffers: make(freeList, maxFreeBuffers),
		tls:     &tls.Config{MinVersion: tls.VersionTLS12},
		timeout: cmp.Or(config.TLSHandshakeTimeout, 10*time.Second),
	}
	if t.dial == nil {
		t.dial = (&net.Dialer{Timeout: cmp.Or(config.DialTimeout, 10*time.Second)}).DialContext
	}
	if config.TLS != nil {
		t.tls = config.TLS.Clone()
	}
	t.tls.NextProtos = []string{"http/1.1"}
	t.plain = &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if c := gateConnOf(info.Conn); c != nil {
			c.arm(nil)
		}
	}}
	// With HTTP/2 many requests share a connection, and which bytes belong to
	// which request could not be told.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t.base = &http.Transport{
		Proxy:                  config.Proxy,
		DialContext:            t.dialPlain,
		DialTLSContext:         t.dialTLS,
		TLSClientConfig:        t.tls.Clone(), // used behind a proxy only
		TLSHandshakeTimeout:    t.timeout,
		IdleConnTimeout:        cmp.Or(config.IdleConnTimeout, 50*time.Second),
		MaxConnsPerHost:        cmp.Or(config.MaxConnsPerHost, 64),
		MaxIdleConnsPerHost:    cmp.Or(config.MaxIdleConnsPerHost, 16),
		MaxResponseHeaderBytes: cmp.Or(config.MaxResponseHeaderBytes, 256<<10),
		Protocols:              protocols,
	}
	return t, nil
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	a := attemptOf(req.Context())
	if a == nil {
		return t.base.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), t.plain)))
	}
	a.entered()
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		a.left()
	}
	return resp, err
}

// CloseIdleConnections closes the connections that are not in use. A [Sender]
// never calls it.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t *Transport) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := t.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &gateConn{Conn: raw, buffers: t.buffers}, nil
}

func (t *Transport) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := t.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := t.tls
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		config = config.Clone()
		config.ServerName = host
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	secure := tls.Client(raw, config)
	err = secure.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(secure.ConnectionState(), err)
	}
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &gateConn{Conn: secure, buffers: t.buffers}, nil
}

// gateConnOf finds the gate of a connection: the connection itself, or the
// one under the TLS that net/http itself puts up behind a proxy.
func gateConnOf(c net.Conn) *gateConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	gate, ok := c.(*gateConn)
	if !ok {
		return nil
	}
	return gate
}
