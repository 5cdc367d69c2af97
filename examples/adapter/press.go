package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Press is Acme for tests, as a [net/http.Handler]: its wire API as documented,
// and the truth about what it took. It is a vendortest.Simulator,
// vendortest.Callbacks and vendortest.AccountCallbacks.
//
// It shares nothing with the adapter, not even the names of fields: both are
// written from the documentation, so that a mistake in one of them shows.
type Press struct {
	Key string

	mu    sync.Mutex
	now   time.Time
	cards []*card
	byKey map[string]*card
	// lose is how many answers are lost from now on, after the piece was taken.
	lose int
}

// card is a piece as the press keeps it. Who gets it is of no interest here.
type card struct {
	id, reference, digest, size, class string
	created, canceled                  time.Time

	sum [sha256.Size]byte // of the request
}

// NewPress returns a press whose clock stands at a Monday.
func NewPress(key string) *Press {
	return &Press{Key: key, now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), byKey: map[string]*card{}}
}

// Advance moves the clock on.
func (p *Press) Advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// Orders counts what was ever taken under a reference.
func (p *Press) Orders(ref string) int { return p.count(ref, func(*card) bool { return true }) }

// Alive counts what of it is printed.
func (p *Press) Alive(ref string) int {
	return p.count(ref, func(c *card) bool { return c.canceled.IsZero() })
}

// Lose loses the answers to the next n submissions.
func (p *Press) Lose(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = n
}

func (p *Press) count(ref string, which func(*card) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.cards {
		if c.reference == ref && which(c) {
			n++
		}
	}
	return n
}

// state is where a piece is by now, and since when.
func (p *Press) state(c *card) (status string, since time.Time) {
	if !c.canceled.IsZero() {
		return "canceled", c.canceled
	}
	status, since = "received", c.created
	for _, step := range []struct {
		after time.Duration
		to    string
	}{{4 * time.Hour, "printing"}, {24 * time.Hour, "mailed"}, {96 * time.Hour, "delivered"}} {
		if at := c.created.Add(step.after); !p.now.Before(at) {
			status, since = step.to, at
		}
	}
	return status, since
}

// show is a piece in an answer. Nobody needs the price: it is there as such
// things are.
func (p *Press) show(c *card) map[string]any {
	status, since := p.state(c)
	return map[string]any{
		"id": c.id, "status": status, "status_at": since, "created_at": c.created, "test": true, "size": c.size, "class": c.class,
		"reference": c.reference, "digest": c.digest, "price": map[string]any{"cents": 61, "currency": "USD"},
	}
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
	i := slices.IndexFunc(p.cards, func(c *card) bool { return c.id == id })
	switch {
	case r.Header.Get("Authorization") != "Bearer "+p.Key:
		answer(w, http.StatusUnauthorized, code("bad_key"))
	case r.Method == http.MethodPost && r.URL.Path == "/v1/pieces":
		p.take(w, r.Header.Get("Idempotency-Key"), body)
	case r.Method == http.MethodGet && r.URL.Path == "/v1/pieces":
		p.list(w, r.URL.Query().Get("reference"), r.URL.Query().Get("after"))
	case one && i < 0:
		answer(w, http.StatusNotFound, code("unknown"))
	case one && r.Method == http.MethodDelete:
		p.cancel(w, p.cards[i])
	case one && r.Method == http.MethodGet:
		answer(w, http.StatusOK, p.show(p.cards[i]))
	default:
		answer(w, http.StatusMethodNotAllowed, code("method"))
	}
}

// cancel answers the second time as the first.
func (p *Press) cancel(w http.ResponseWriter, c *card) {
	switch status, _ := p.state(c); status {
	case "received":
		c.canceled = p.now
	case "canceled":
	default:
		answer(w, http.StatusConflict, code("too_late"))
		return
	}
	answer(w, http.StatusOK, p.show(c))
}

func (p *Press) take(w http.ResponseWriter, key string, body []byte) {
	sum := sha256.Sum256(body)
	if c := p.byKey[key]; c != nil {
		if c.sum != sum {
			answer(w, http.StatusUnprocessableEntity, code("idempotency_mismatch"))
			return
		}
		w.Header().Set("Idempotent-Replayed", "true")
		answer(w, http.StatusOK, p.show(c))
		return
	}
	c, ok := read(body)
	if !ok || key == "" || len(key) > 64 {
		answer(w, http.StatusUnprocessableEntity, code("invalid"))
		return
	}
	c.id, c.created, c.sum = "pc_"+strconv.Itoa(10_000+len(p.cards)), p.now, sum
	p.cards, p.byKey[key] = append(p.cards, c), c
	if p.lose > 0 {
		p.lose--
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusCreated, p.show(c))
}

// read refuses what Acme would: a field that it does not know is an error there.
func read(body []byte) (*card, bool) {
	type party struct {
		Name    string `json:"name"`
		Company string `json:"company"`
		Street  string `json:"street"`
		Unit    string `json:"unit"`
		City    string `json:"city"`
		State   string `json:"state"`
		Zip     string `json:"zip"`
		Country string `json:"country"`
	}
	var in struct {
		To        party             `json:"to"`
		From      *party            `json:"from"`
		Size      string            `json:"size"`
		Class     string            `json:"class"`
		Front     string            `json:"front"`
		Back      string            `json:"back"`
		SendOn    string            `json:"send_on"`
		Reference string            `json:"reference"`
		Digest    string            `json:"digest"`
		Tags      map[string]string `json:"tags"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if d.Decode(&in) != nil {
		return nil, false
	}
	for _, a := range []*party{&in.To, in.From} {
		if a != nil && (a.Name+a.Company == "" || a.Street == "" || a.City == "" || len(a.State) != 2 || len(a.Zip) < 5 || a.Country != "US") {
			return nil, false
		}
	}
	ok := slices.Contains([]string{"4x6", "6x9"}, in.Size) && slices.Contains([]string{"first", "standard"}, in.Class) &&
		in.Front != "" && in.Back != ""
	return &card{reference: in.Reference, digest: in.Digest, size: in.Size, class: in.Class}, ok
}

// list shows two pieces a page: a short page is what finds a reader that stops
// too early.
func (p *Press) list(w http.ResponseWriter, ref, after string) {
	pieces, next := []any{}, ""
	for _, c := range p.cards {
		if c.reference != ref || c.id <= after {
			continue
		}
		if len(pieces) == 2 {
			break
		}
		pieces, next = append(pieces, p.show(c)), c.id
	}
	if last := slices.IndexFunc(p.cards, func(c *card) bool { return c.reference == ref && c.id > next }); last < 0 {
		next = ""
	}
	answer(w, http.StatusOK, map[string]any{"pieces": pieces, "next": next})
}

// Callback returns what Acme says of the newest event about a reference.
func (p *Press) Callback(ref, secret string, at time.Time) (http.Header, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range slices.Backward(p.cards) {
		if c.reference == ref {
			status, since := p.state(c)
			return sign(secret, at, map[string]any{"id": "ev_" + c.id + "_" + status, "type": "piece." + status, "at": since, "piece": p.show(c)})
		}
	}
	panic("no event about " + ref)
}

// AccountCallback returns what Acme says of the account: it is about no piece.
func (*Press) AccountCallback(secret string, at time.Time) (http.Header, []byte) {
	return sign(secret, at, map[string]any{"id": "ev_limit_1", "type": "account.limit_changed", "at": "2026-03-02T09:00:00Z", "account": map[string]any{"limit": 5000}})
}

// sign signs by hand: a check of the scheme by the scheme's own code would prove
// nothing.
func sign(secret string, at time.Time, event map[string]any) (http.Header, []byte) {
	body, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return http.Header{"Acme-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}, body
}

func code(c string) any { return map[string]any{"error": map[string]any{"code": c}} }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
