package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Press is Acme for tests, as a [net/http.Handler]: its wire API as documented,
// and the truth about what it took. It is a vendortest.Simulator and
// vendortest.Callbacks.
type Press struct {
	Key string

	mu     sync.Mutex
	now    time.Time
	pieces []*piece
	byKey  map[string]*piece
	// lose is how many answers are lost from now on, after the piece was taken.
	lose int
}

type piece struct {
	wire

	sum [sha256.Size]byte // of the request
}

// NewPress returns a press whose clock stands at a Monday.
func NewPress(key string) *Press {
	return &Press{Key: key, now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), byKey: map[string]*piece{}}
}

// Advance moves the clock on.
func (p *Press) Advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// Orders counts what was ever taken under a reference.
func (p *Press) Orders(ref string) int { return p.count(ref, func(*piece) bool { return true }) }

// Alive counts what of it is printed.
func (p *Press) Alive(ref string) int {
	return p.count(ref, func(o *piece) bool { return o.Status != "cancelled" })
}

// Lose loses the answers to the next n submissions.
func (p *Press) Lose(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = n
}

func (p *Press) count(ref string, which func(*piece) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, o := range p.pieces {
		if o.Reference == ref && which(o) {
			n++
		}
	}
	return n
}

// state is a piece as it is by now.
func (p *Press) state(o *piece) wire {
	w := o.wire
	w.To, w.From, w.Front, w.Back = nil, nil, "", ""
	if w.Status == "received" {
		switch age := p.now.Sub(w.CreatedAt); {
		case age >= 96*time.Hour:
			w.Status = "delivered"
		case age >= 24*time.Hour:
			w.Status = "mailed"
		case age >= 4*time.Hour:
			w.Status = "printing"
		}
	}
	return w
}

// ServeHTTP implements [net/http.Handler].
func (p *Press) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Date", p.now.UTC().Format(http.TimeFormat))
	id, one := strings.CutPrefix(r.URL.Path, "/v1/pieces/")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+p.Key:
		answer(w, http.StatusUnauthorized, code("bad_key"))
	case r.Method == http.MethodPost && r.URL.Path == "/v1/pieces":
		p.take(w, r.Header.Get("Idempotency-Key"), body)
	case r.Method == http.MethodGet && r.URL.Path == "/v1/pieces":
		p.list(w, r.URL.Query().Get("reference"), r.URL.Query().Get("after"))
	case one && p.byID(id) == nil:
		answer(w, http.StatusNotFound, code("unknown"))
	case one && r.Method == http.MethodDelete:
		o := p.byID(id)
		if p.state(o).Status != "received" {
			answer(w, http.StatusConflict, code("too_late"))
			return
		}
		o.Status = "cancelled"
		answer(w, http.StatusOK, p.state(o))
	case one && r.Method == http.MethodGet:
		answer(w, http.StatusOK, p.state(p.byID(id)))
	default:
		answer(w, http.StatusMethodNotAllowed, code("method"))
	}
}

func (p *Press) take(w http.ResponseWriter, key string, body []byte) {
	sum := sha256.Sum256(body)
	if o := p.byKey[key]; o != nil {
		if o.sum != sum {
			answer(w, http.StatusUnprocessableEntity, code("idempotency_mismatch"))
			return
		}
		w.Header().Set("Idempotent-Replayed", "true")
		answer(w, http.StatusOK, p.state(o))
		return
	}
	o := &piece{sum: sum}
	if json.Unmarshal(body, &o.wire) != nil || o.To == nil || o.Front == "" || key == "" {
		answer(w, http.StatusUnprocessableEntity, code("invalid"))
		return
	}
	test := true
	o.ID, o.Status, o.CreatedAt, o.Test = fmt.Sprintf("pc_%04d", len(p.pieces)+1), "received", p.now, &test
	p.pieces, p.byKey[key] = append(p.pieces, o), o
	if p.lose > 0 {
		p.lose--
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusCreated, p.state(o))
}

// list shows two pieces a page: a short page is what finds a reader that stops
// too early.
func (p *Press) list(w http.ResponseWriter, ref, after string) {
	pieces, next := []wire{}, ""
	for _, o := range p.pieces {
		if o.Reference != ref || o.ID <= after {
			continue
		}
		if len(pieces) == 2 {
			next = pieces[1].ID
			break
		}
		pieces = append(pieces, p.state(o))
	}
	answer(w, http.StatusOK, map[string]any{"pieces": pieces, "next": next})
}

func (p *Press) byID(id string) *piece {
	for _, o := range p.pieces {
		if o.ID == id {
			return o
		}
	}
	return nil
}

// Callback returns what Acme says of the newest event about a reference. It signs
// by hand: a check of the scheme by the scheme's own code would prove nothing.
func (p *Press) Callback(ref, secret string, at time.Time) (http.Header, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range slices.Backward(p.pieces) {
		if o.Reference != ref {
			continue
		}
		w := p.state(o)
		var body bytes.Buffer
		if err := json.NewEncoder(&body).Encode(map[string]any{"id": "ev_" + w.ID + "_" + w.Status, "at": w.CreatedAt, "piece": w}); err != nil {
			panic(err)
		}
		stamp := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(stamp + "."))
		mac.Write(body.Bytes())
		return http.Header{"Acme-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}, body.Bytes()
	}
	panic("no event about " + ref)
}

func code(c string) any { return map[string]any{"error": map[string]any{"code": c}} }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
