package vendorsim

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// maxDrain bounds what is read of a body that nobody wants.
const maxDrain = 64 << 20

// ServeHTTP carries out an outage, or lets the vendor's API answer.
func (in *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := in.sim
	now := s.now()
	// One clock for the whole answer: what the client reads as the vendor's
	// time is the time that keys and tokens live by.
	w.Header().Set("Date", now.Format(http.TimeFormat))
	s.mu.Lock()
	kind := in.outage(now)
	s.mu.Unlock()
	o := in.wire.opOf(r)
	if kind == "" || kind == OutagePayment || kind == OutagePartial && o == opSend {
		in.wire.ServeHTTP(w, r)
		return
	}
	in.keep(&decision{op: o, rule: &Rule{Boundary: Boundary("outage." + string(kind))}})
	switch kind {
	case OutageRefuse:
		reset(w)
	case OutageHang:
		s.hang(r, 0)
		reset(w)
	case OutageEmpty:
		drain(r)
		in.wire.empty(w, r)
	case OutageError, OutagePartial, OutagePayment:
		drain(r)
		in.wire.fail(w, http.StatusServiceUnavailable)
	}
}

// before carries out a fault that strikes before the request is processed. It
// reports whether to go on.
func (in *instance) before(w http.ResponseWriter, r *http.Request, d *decision) bool {
	if d.rule == nil {
		return true
	}
	switch d.rule.Boundary {
	case SendRefuse, CancelRefuse, ReadRefuse, ListRefuse, LoginRefuse:
		in.keep(d)
		reset(w)
		return false
	case SendErrorBefore, CancelErrorBefore, ReadError, ListError, LoginError:
		in.keep(d)
		in.wire.fail(w, http.StatusInternalServerError)
		return false
	case faultPartialBefore:
		in.keep(d)
		in.wire.fail(w, http.StatusServiceUnavailable)
		return false
	case SendThrottle, CancelThrottle, ReadThrottle, ListThrottle:
		in.keep(d)
		in.wire.throttled(w, d.rule.delay())
		return false
	case SendLate:
		if !in.sim.hang(r, d.rule.delay()) {
			reset(w)
			return false
		}
	default: // strikes later
	}
	return true
}

// refuseEarly carries out a [SendRefuse] before the body is read.
func (in *instance) refuseEarly(w http.ResponseWriter, d *decision) bool {
	if !d.is(SendRefuse) {
		return false
	}
	in.keep(d)
	reset(w)
	return true
}

// answer writes an answer whose work is done, unless the fault keeps it back.
// A nil body is an answer without one.
func (in *instance) answer(w http.ResponseWriter, r *http.Request, d *decision, status int, body any) {
	in.keep(d)
	switch d.fault() {
	case SendLost, CancelLost:
		reset(w)
		return
	case SendErrorAfter, CancelErrorAfter:
		in.wire.fail(w, http.StatusInternalServerError)
		return
	case faultPartialAfter:
		in.wire.fail(w, http.StatusServiceUnavailable)
		return
	case SendSlow, CancelSlow, ReadSlow, ListSlow:
		in.sim.pause(r, d.rule.delay())
	case SendCut, ReadCut, ListCut:
		cut(w, status, body)
		return
	default: // struck earlier, or shaped the body
	}
	writeJSON(w, status, body)
}

// reject answers a request that was not carried out, for a reason of its own:
// the fault that was drawn for it did not strike.
func (in *instance) reject(w http.ResponseWriter, d *decision, status int, body any) {
	d.rule = nil
	in.keep(d)
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(http.ErrAbortHandler) // only maps and structs of plain values come here
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone is the client's affair
}

// cut declares the whole answer, writes half of it, and closes.
func cut(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b[:len(b)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// reset breaks the connection without an answer; over TCP with a reset instead
// of an orderly end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // not HTTP/1: the server knows how to end a stream
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// hang waits for the client to go, for the delay (0: for ever), or for the
// simulator to close; for the last it returns false.
func (s *Sim) hang(r *http.Request, delay time.Duration) bool {
	drain(r) // the server notices that a client has gone only after its body
	return s.pause(r, delay)
}

func (s *Sim) pause(r *http.Request, delay time.Duration) bool {
	var after <-chan time.Time
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-r.Context().Done():
		return true
	case <-after:
		return true
	case <-s.closing:
		return false
	}
}

func drain(r *http.Request) { _, _ = io.CopyN(io.Discard, r.Body, maxDrain) }

// errTooLarge is a body over the limit.
var errTooLarge = errors.New("request body too large")

// readBody reads a body of at most limit bytes.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, err
}

// baseURL returns the scheme and host that the client used.
func baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
