package main

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// stream is one direction of a connection: bytes that are written at one end
// and arrive at the other one when their time has come, in order.
type stream struct {
	mu       sync.Mutex
	arrived  sync.Cond
	buf      []byte
	err      error // what a reader gets behind the last byte
	deadline time.Time
	timer    *time.Timer
	latest   time.Time // when the last of what is under way arrives
}

func newStream() *stream {
	s := &stream{}
	s.arrived.L = &s.mu
	return s
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(s.buf) > 0:
			n := copy(p, s.buf)
			s.buf = s.buf[n:]
			return n, nil
		case s.err != nil:
			return 0, s.err
		}
		s.arrived.Wait()
	}
}

// setDeadline bounds the reads.
func (s *stream) setDeadline(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.deadline = at
	if left := time.Until(at); !at.IsZero() && left > 0 {
		s.timer = time.AfterFunc(left, s.wake)
		return
	}
	s.arrived.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	s.arrived.Broadcast()
	s.mu.Unlock()
}

// send makes the bytes arrive after the time given, behind all that was sent
// before.
func (s *stream) send(b []byte, after time.Duration) {
	b = append([]byte(nil), b...)
	s.later(after, func() {
		if s.err == nil {
			s.buf = append(s.buf, b...)
		}
	})
}

// end makes the stream end behind all that was sent before.
func (s *stream) end(err error, after time.Duration) {
	s.later(after, func() {
		if s.err == nil {
			s.err = err
		}
	})
}

// cut ends the stream for its reader at once.
func (s *stream) cut(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf, s.err = nil, err
	if s.timer != nil {
		s.timer.Stop()
	}
	s.arrived.Broadcast()
}

// later does something to the stream when its time has come.
func (s *stream) later(after time.Duration, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	at := now.Add(after)
	if !at.After(s.latest) {
		at = s.latest.Add(1)
	}
	if !at.After(now) {
		do()
		s.arrived.Broadcast()
		return
	}
	s.latest = at
	time.AfterFunc(at.Sub(now), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		do()
		s.arrived.Broadcast()
	})
}

// end is one end of a connection: the vendor's, where nothing fails but by the
// vendor's own plan.
type end struct {
	in, out *stream
	latency func() time.Duration
}

var _ net.Conn = (*end)(nil)

// Read implements [net.Conn].
func (e *end) Read(p []byte) (int, error) { return e.in.Read(p) }

// Write implements [net.Conn].
func (e *end) Write(p []byte) (int, error) {
	e.out.send(p, e.latency())
	return len(p), nil
}

// Close implements [net.Conn].
func (e *end) Close() error {
	e.in.cut(net.ErrClosed)
	e.out.end(io.EOF, 0)
	return nil
}

// LocalAddr implements [net.Conn].
func (e *end) LocalAddr() net.Addr { return address{} }

// RemoteAddr implements [net.Conn].
func (e *end) RemoteAddr() net.Addr { return address{} }

// SetDeadline implements [net.Conn].
func (e *end) SetDeadline(t time.Time) error { return e.SetReadDeadline(t) }

// SetReadDeadline implements [net.Conn].
func (e *end) SetReadDeadline(t time.Time) error {
	e.in.setDeadline(t)
	return nil
}

// SetWriteDeadline implements [net.Conn]: writes never wait.
func (e *end) SetWriteDeadline(time.Time) error { return nil }

// address is that of every end.
type address struct{}

// Network implements [net.Addr].
func (address) Network() string { return "memory" }

// String implements [net.Addr].
func (address) String() string { return "memory" }
