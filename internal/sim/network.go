package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The fields that tell the network what a request is about. Vendors ignore
// them.
const (
	refField = "X-Sim-Ref"
	opField  = "X-Sim-Op"
	keyField = "X-Sim-Key" // which credentials it comes with
)

// network is the way from all replicas to one vendor. It implements
// [net.Listener] for the vendor's server.
type network struct {
	w      *world
	vendor string
	server http.Server
	conns  chan net.Conn
	done   chan struct{}
	once   sync.Once
	serial atomic.Int64
}

func newNetwork(w *world, vendor string, handler http.Handler) *network {
	n := &network{w: w, vendor: vendor, conns: make(chan net.Conn), done: make(chan struct{})}
	n.server = http.Server{Handler: handler, ReadHeaderTimeout: time.Hour, IdleTimeout: 40 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	if w.profile.freeze > 0 { // what is written after hours finds the connection open
		n.server.ReadHeaderTimeout, n.server.IdleTimeout = 24*time.Hour, 24*time.Hour
	}
	w.servers.Go(func() { _ = n.server.Serve(n) }) // it ends with Close
	return n
}

// Accept implements [net.Listener].
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (n *network) Close() error {
	n.once.Do(func() { close(n.done) })
	return nil
}

// Addr implements [net.Listener].
func (n *network) Addr() net.Addr { return address{} }

// dialer returns how a replica opens connections to the vendor.
func (n *network) dialer(p *process) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		w, about := n.w, p.name+"/"+n.vendor
		w.stall(p, "stall.dial", about)
		if err := p.pass(); err != nil {
			return nil, err
		}
		if w.chaotic() {
			switch w.dice.pick("net.dial", about, w.profile.net.dial, w.profile.net.dial/4) {
			case 0:
				w.struck("net.refused")
				return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
			case 1:
				w.struck("net.dial_hangs")
				select { // net/http dials on when the request is over
				case <-ctx.Done():
				case <-p.died:
				case <-time.After(30 * time.Second):
				}
				return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ETIMEDOUT}
			}
		}
		there, back := newStream(), newStream()
		serial := about + "#" + strconv.FormatInt(n.serial.Add(1), 10)
		far := &end{in: there, out: back, latency: n.latency(serial + "<")}
		near := &wire{end: end{in: back, out: there, latency: n.latency(serial + ">")}, n: n, p: p}
		select {
		case n.conns <- far:
			p.opened(near)
			return near, nil
		case <-n.done:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// latency returns how long the writes of one end take to arrive. No two are
// alike, so that few things happen at one instant.
func (n *network) latency(name string) func() time.Duration {
	var i atomic.Int64
	return func() time.Duration {
		r := n.w.dice.at("net.latency", name, int(i.Add(1)))
		return time.Millisecond + time.Duration(r*float64(60*time.Millisecond))
	}
}

// wire is a replica's end of a connection: what fails between it and the vendor
// fails here.
type wire struct {
	end
	n *network
	p *process

	mu      sync.Mutex
	ref, op string
	frozen  bool // a write is under way in a process that stands still
	closed  bool
}

// The faults of a write, in the order of their rates.
const (
	cutBefore = iota
	cutWithin
	cutAfter
	swallowed
	stale
	late
)

// Write implements [net.Conn].
func (c *wire) Write(b []byte) (int, error) {
	if err := c.p.pass(); err != nil {
		return 0, err
	}
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed { // while the process stood still
		return 0, net.ErrClosed
	}
	w := c.n.w
	first := c.tagged(b)
	submit := c.op == "submit"
	if submit && first {
		if c.freeze() {
			defer c.out.end(io.EOF, c.latency())
		}
	}
	fault := -1
	if w.chaotic() && first && c.ref != "" {
		r := w.profile.net
		fault = w.dice.pick("net."+c.op, c.ref, r.cut, r.cut, r.cut, r.swallow, r.swallow, r.late)
	}
	if first && fault != cutBefore {
		c.p.mu.Lock()
		c.p.writes[c.n.vendor]++
		c.p.mu.Unlock()
		if submit {
			w.wireSend(c.p, c.n.vendor, c.ref)
		}
	}
	switch fault {
	case cutBefore:
		c.strike("net.cut_before")
		c.hangUp(syscall.ECONNRESET)
		return 0, &net.OpError{Op: "write", Net: "memory", Err: syscall.ECONNRESET}
	case cutWithin:
		c.strike("net.cut_within")
		c.out.send(b[:len(b)/2], c.latency())
		c.hangUp(syscall.ECONNRESET)
		return len(b) / 2, &net.OpError{Op: "write", Net: "memory", Err: syscall.ECONNRESET}
	case cutAfter:
		c.strike("net.cut_after")
		c.out.send(b, c.latency())
		c.hangUp(syscall.ECONNRESET)
	case swallowed:
		c.strike("net.swallowed")
	case stale:
		c.strike("net.stale_connection")
		c.in.end(io.EOF, c.latency())
	case late:
		c.strike("net.late")
		delay := w.dice.between("net.late_by", c.ref, 10*time.Second, 20*time.Minute)
		w.expectBytes(delay)
		c.out.send(b, delay)
	default:
		c.out.send(b, c.latency())
	}
	return len(b), nil
}

// tagged reads from the head of a request what it is about; false when this is
// the rest of one.
func (c *wire) tagged(b []byte) bool {
	ref := field(b, refField)
	if ref == "" {
		return false
	}
	c.mu.Lock()
	c.ref, c.op = ref, field(b, opField)
	c.mu.Unlock()
	return true
}

func field(b []byte, name string) string {
	_, rest, ok := bytes.Cut(b, []byte("\r\n"+name+": "))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value)
}

func (c *wire) strike(boundary string) {
	c.n.w.struck(boundary)
	c.n.w.note(c.ref, c.p.name+": "+boundary+" to "+c.n.vendor)
}

// freeze stops the whole process between the last check of its time and the
// write: no client can prevent what follows. It reports whether the connection
// was closed meanwhile: the bytes go out all the same, the write was under way.
func (c *wire) freeze() (closed bool) {
	w := c.n.w
	rate := w.profile.freeze
	if rate == 0 || !w.chaotic() || w.dice.next("freeze.write", c.ref) >= rate {
		return false
	}
	d := w.dice.between("freeze.for", c.ref, time.Minute, 5*time.Hour)
	c.strike("process.frozen_at_write")
	w.froze(c.ref)
	c.mu.Lock()
	c.frozen = true
	c.mu.Unlock()
	w.expectBytes(d)
	c.p.freeze(d)
	sleep(d)
	w.note(c.ref, c.p.name+": thawed")
	c.mu.Lock()
	c.frozen = false
	closed = c.closed
	c.mu.Unlock()
	return closed
}

// hangUp breaks the connection for both ends.
func (c *wire) hangUp(err error) {
	c.in.cut(err)
	c.out.end(io.ErrUnexpectedEOF, 0)
}

// Close implements [net.Conn]. Bytes that are under way arrive all the same.
func (c *wire) Close() error {
	c.mu.Lock()
	c.closed = true
	frozen := c.frozen
	c.mu.Unlock()
	c.in.cut(net.ErrClosed)
	if !frozen {
		c.out.end(io.EOF, 0)
	}
	return nil
}
