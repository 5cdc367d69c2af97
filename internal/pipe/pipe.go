// Package pipe is a listener in memory: net/http works on it inside a synctest
// bubble, without a socket, a port or the kernel.
package pipe

import (
	"context"
	"net"
	"sync"
)

// Listener hands out the far ends of in-memory connections. It is safe for
// concurrent use. In a synctest bubble it is made there.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

var _ net.Listener = (*Listener)(nil)

// New returns a listener.
func New() *Listener { return &Listener{conns: make(chan net.Conn), done: make(chan struct{})} }

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. It may be called again.
func (l *Listener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

// Addr implements [net.Listener].
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// Dial connects, wherever it is asked to: it has the form of the field
// DialContext of a transport.
func (l *Listener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
