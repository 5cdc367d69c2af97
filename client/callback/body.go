package callback

import (
	"container/list"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// bodies bounds how many bodies are under way. A body that comes slowly must not
// keep one from an honest sender, whose body comes in one piece: when all are
// taken, the one that has been read for longest is cut off.
type bodies struct {
	free chan struct{}

	mu sync.Mutex
	// reading are those that may be cut off, the oldest first.
	reading *list.List
}

// body is one that is under way.
type body struct {
	all *bodies
	// cut makes the read fail; nil when that cannot be done.
	cut func()
	at  *list.Element
	// more is the place of one that is longer than usual.
	more *body
	// evicted: it was cut off for another one.
	evicted bool
}

func newBodies(n int) *bodies {
	b := &bodies{free: make(chan struct{}, n), reading: list.New()}
	for range n {
		b.free <- struct{}{}
	}
	return b
}

// placeWait is how long a new body waits for the one that was cut off to go, or
// for one that is being stored: a burst of callbacks waits for the inbox a
// little, which is better than that their vendor repeats them in an hour. One
// that waits has not been read, and takes no memory.
const placeWait = time.Second

// take returns nil when no place becomes free in time: all bodies are being
// stored, and none of those can be cut off.
func (b *bodies) take(cut func()) *body {
	select {
	case <-b.free:
		return b.begin(cut)
	default:
	}
	b.evict()
	timer := time.NewTimer(placeWait)
	defer timer.Stop()
	select {
	case <-b.free:
		return b.begin(cut)
	case <-timer.C:
		return nil
	}
}

func (b *bodies) begin(cut func()) *body {
	one := &body{all: b, cut: cut}
	if cut != nil {
		b.mu.Lock()
		one.at = b.reading.PushBack(one)
		b.mu.Unlock()
	}
	return one
}

// evict cuts off the body that has been read for longest, if one can be.
func (b *bodies) evict() {
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest := b.reading.Front()
	if oldest == nil {
		return
	}
	if one, ok := b.reading.Remove(oldest).(*body); ok {
		one.at, one.evicted = nil, true
		one.cut() // under the lock: after come returns the connection is another request's
	}
}

// came ends the time in which the body may be cut off. It reports whether it
// was.
func (o *body) came() (evicted bool) {
	if o.more != nil && o.more.came() {
		evicted = true
	}
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	if o.at != nil {
		o.all.reading.Remove(o.at)
		o.at = nil
	}
	return evicted || o.evicted
}

// release gives the place to another body.
func (o *body) release() {
	if o.more != nil {
		o.more.release()
	}
	o.all.free <- struct{}{}
}

var errNoPlace = errors.New("too many long bodies are under way")

// read returns the body, as it came.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request, rt *route, one *body) ([]byte, *refusal) {
	rc := http.NewResponseController(w)
	timed := rc.SetReadDeadline(time.Now().Add(min(r.readTimeout, rt.answerWithin()/2))) == nil
	raw, err := r.readWhole(http.MaxBytesReader(w, req.Body, rt.maxBody), req.ContentLength, rt, one)
	evicted := one.came()
	_, large := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
		if timed && !evicted {
			_ = rc.SetReadDeadline(time.Time{}) // it would end the request's context while the inbox writes
		}
		return raw, nil
	case evicted, errors.Is(err, errNoPlace):
		return nil, refuse(reasonBusy)
	case large:
		return nil, refuse(reasonTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(reasonSlow)
	default:
		return nil, refuse(reasonCut)
	}
}

// readWhole reads the body; one that is longer than usual takes a second place.
func (r *Receiver) readWhole(from io.Reader, stated int64, rt *route, one *body) ([]byte, error) {
	if rt.maxBody <= usualBody {
		return readAll(nil, from, stated)
	}
	raw, err := readAll(nil, io.LimitReader(from, usualBody), stated)
	if err != nil || len(raw) < usualBody {
		return raw, err
	}
	if one.more = r.large.take(one.cut); one.more == nil {
		return nil, errNoPlace
	}
	return readAll(raw, from, 0)
}

// readAll reads to the end, behind what was read. The stated length is believed as far as
// it costs little.
func readAll(raw []byte, from io.Reader, stated int64) ([]byte, error) {
	if raw == nil {
		raw = make([]byte, 0, min(max(stated, 0), 16<<10)+512)
	}
	for {
		if len(raw) == cap(raw) {
			raw = append(raw, 0)[:len(raw)]
		}
		n, err := from.Read(raw[len(raw):cap(raw)])
		if raw = raw[:len(raw)+n]; err == io.EOF {
			return raw, nil
		} else if err != nil {
			return raw, err
		}
	}
}

// hangUp closes the connection behind the answer, without waiting for the rest of
// a body that nobody wants.
func hangUp(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // not every server can
}

// cutter returns what makes reading the request's body fail; nil when the server
// cannot do that.
func cutter(w http.ResponseWriter) func() {
	rc := http.NewResponseController(w)
	if rc.SetReadDeadline(time.Time{}) != nil {
		return nil
	}
	return func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) }
}
