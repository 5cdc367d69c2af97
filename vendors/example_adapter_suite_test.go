package vendors_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors/vendortest"
)

// TestExampleAdapter: what is shown as an adapter is one.
func TestExampleAdapter(t *testing.T) {
	t.Parallel()
	vendortest.Run(t, func(t *testing.T) vendortest.Harness {
		t.Helper()
		const key = "acme-key-1f0c7d52"
		return vendortest.Harness{
			Adapter: acme{key: key}, Secrets: []string{key},
			Refusal:   func(int) []byte { return []byte(`{"refusal":"something is wrong"}`) },
			Simulator: &acmePress{key: key, now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), byKey: map[string]map[string]any{}},
		}
	})
}

// acmePress is the vendor of the example.
type acmePress struct {
	key string

	mu     sync.Mutex
	now    time.Time
	orders []map[string]any
	byKey  map[string]map[string]any
}

func (p *acmePress) Advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func (p *acmePress) Orders(ref string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, o := range p.orders {
		if o["reference"] == ref {
			n++
		}
	}
	return n
}

func (p *acmePress) Alive(ref string) int { return p.Orders(ref) }

func (p *acmePress) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, one := strings.CutPrefix(r.URL.Path, "/orders/")
	n, err := strconv.Atoi(id)
	switch key := r.Header.Get("Idempotency-Key"); {
	case r.Header.Get("Authorization") != "Bearer "+p.key:
		p.refuse(w, http.StatusUnauthorized, "key")
	case one && (err != nil || n < 1 || n > len(p.orders)):
		p.refuse(w, http.StatusNotFound, "id")
	case one:
		_ = json.NewEncoder(w).Encode(p.show(p.orders[n-1]))
	case p.byKey[key] != nil:
		_ = json.NewEncoder(w).Encode(p.show(p.byKey[key]))
	default:
		var in map[string]any
		if json.NewDecoder(r.Body).Decode(&in) != nil || in["to"] == nil || key == "" {
			p.refuse(w, http.StatusUnprocessableEntity, "order")
			return
		}
		o := map[string]any{
			"id": strconv.Itoa(len(p.orders) + 1), "reference": in["reference"], "digest": in["digest"], "created": p.now,
		}
		p.orders, p.byKey[key] = append(p.orders, o), o
		_ = json.NewEncoder(w).Encode(p.show(o))
	}
}

func (p *acmePress) refuse(w http.ResponseWriter, status int, what string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"refusal": what})
}

// show is an order in an answer: two days after it was taken it was mailed.
func (p *acmePress) show(o map[string]any) map[string]any {
	shown := maps.Clone(o)
	shown["status"] = "received"
	if created, ok := o["created"].(time.Time); ok && p.now.Sub(created) >= 48*time.Hour {
		shown["status"] = "mailed"
	}
	return shown
}
