package retry

import (
	"io"
	"net"
	"sync/atomic"
)

// gateConn is a connection that asks the attempt it was handed to before the
// first byte of a request is written. For https it stands above TLS, so that
// it sees the bytes of the request and not those of the handshake.
//
// The write side of a connection of net/http belongs to one goroutine, and to
// one request at a time; arming happens before that request is handed to it.
type gateConn struct {
	net.Conn
	buffers freeList

	armed atomic.Pointer[attempt]
	// fresh is true until the first write after arming.
	fresh atomic.Bool
}

// arm binds the connection to the attempt whose request comes next; nil takes
// the gate away.
func (c *gateConn) arm(a *attempt) {
	c.fresh.Store(true)
	c.armed.Store(a)
}

// disarm ends the attempt's right to write. What a round tripper that did not
// wait for its transport still tries to write is refused.
func (c *gateConn) disarm(a, closed *attempt) {
	c.armed.CompareAndSwap(a, closed)
}

// Write writes p, unless it begins a send that may not happen. Then no byte
// is written.
func (c *gateConn) Write(p []byte) (int, error) {
	a := c.armed.Load()
	if a == nil || len(p) == 0 {
		return c.Conn.Write(p)
	}
	if !c.fresh.Load() {
		if a.isClosed() {
			return 0, errOver
		}
		return c.Conn.Write(p)
	}
	if err := a.begin(true); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	// Nothing was taken by the connection (by the kernel, or no whole record
	// by TLS): the vendor cannot have seen a byte of it.
	a.wrote(n > 0)
	if n > 0 {
		c.fresh.Store(false)
	}
	return n, err
}

// ReadFrom lets io.Copy stream a body through a buffer that is used again; it
// would allocate one of its own for each request.
func (c *gateConn) ReadFrom(r io.Reader) (int64, error) {
	buffer := c.buffers.get()
	defer c.buffers.put(buffer)
	return io.CopyBuffer(writerOnly{c}, r, buffer[:])
}

const (
	copyBufferSize = 32 << 10
	maxFreeBuffers = 16
)

// freeList keeps a few copy buffers. A sync.Pool would miss whenever the
// goroutine that writes has moved to another processor.
type freeList chan *[copyBufferSize]byte

func (f freeList) get() *[copyBufferSize]byte {
	select {
	case buffer := <-f:
		return buffer
	default:
		return new([copyBufferSize]byte)
	}
}

func (f freeList) put(buffer *[copyBufferSize]byte) {
	select {
	case f <- buffer:
	default:
	}
}

// writerOnly hides ReadFrom, which would otherwise call itself.
type writerOnly struct{ io.Writer }

var _ io.ReaderFrom = (*gateConn)(nil)
