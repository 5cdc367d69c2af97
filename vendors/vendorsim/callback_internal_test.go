package vendorsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// batching is a vendor that puts up to 50 events into a callback. Its orders
// are Lob's.
type batching struct{ *lob }

func (b batching) sends() (CallbackPolicy, []string) {
	const s = Duration(time.Second)
	return CallbackPolicy{
		Retries: []Duration{30 * s, 30 * s, 30 * s}, Status: 200, PauseAfter: 5, PauseWithin: 24 * 3600 * s, Batch: 50,
	}, []string{"json"}
}

func (b batching) eventID(*order, int) string { return "" }

func (b batching) compose(c *composition) (http.Header, []byte) {
	var names []string
	for _, e := range c.events {
		names = append(names, e.order.Ref+" "+strings.TrimPrefix(e.Type, "postcard."))
	}
	body, err := json.Marshal(names)
	if err != nil {
		panic(err)
	}
	return http.Header{"Attempt": {strconv.Itoa(c.attempt)}}, body
}

// collector takes batches.
type collector struct {
	mu   sync.Mutex
	got  [][]string
	nth  []string // the attempt that each was
	fail int      // how many more are refused
}

func (c *collector) RoundTrip(req *http.Request) (*http.Response, error) {
	var names []string
	if err := json.NewDecoder(req.Body).Decode(&names); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got, c.nth = append(c.got, names), append(c.nth, req.Header.Get("Attempt"))
	status := http.StatusOK
	if c.fail > 0 {
		c.fail--
		status = http.StatusInternalServerError
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func batcher(t *testing.T, cfg Config) (*Sim, *instance, *collector, *Clock) {
	t.Helper()
	clock := NewClock(time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC), 0)
	c := &collector{}
	cfg.Clock, cfg.Vendors, cfg.CallbackTransport = clock, []Vendor{{Name: "lob"}}, c
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	in := s.vendors["lob"]
	if l, ok := in.wire.(*lob); ok {
		in.wire = batching{l}
	}
	if err := s.SetWebhook(Webhook{Vendor: "lob", URL: "http://r.example", Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	return s, in, c, clock
}

// orderOf accepts a piece as the API does.
func (in *instance) orderOf(t *testing.T, ref string) {
	t.Helper()
	d := &draft{id: func(num int, _ time.Time) string { return fmt.Sprint("psc_", num) }}
	d.Mode, d.Kind, d.Ref, d.Recipients = "test", "postcards", ref, []string{"x"}
	d.data = func(o *order) any {
		return &lobData{To: &lobAddress{Country: lobUnitedStates}, SendDate: o.Created.Add(time.Minute)}
	}
	if _, _, err := in.accept(d, in.decide(opSend, ref)); err != nil {
		t.Fatal(err)
	}
}

func pass(t *testing.T, s *Sim, c *Clock, d time.Duration) {
	t.Helper()
	c.Advance(d)
	if err := s.WaitCallbacks(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestBatches: what is due at once travels together, at most 50 events a
// callback, and is repeated together.
func TestBatches(t *testing.T) {
	t.Parallel()
	s, in, c, clock := batcher(t, Config{})
	for i := range 70 {
		in.orderOf(t, fmt.Sprint("R", i))
	}
	c.fail = 1
	pass(t, s, clock, time.Second)
	pass(t, s, clock, 30*time.Second)
	var sizes []int
	for _, batch := range c.got {
		sizes = append(sizes, len(batch))
	}
	// 70 creations, of which the first 50 are refused and repeated; then, at the
	// same second, 140 renderings.
	if want := []int{50, 20, 50, 50, 50, 40}; !slices.Equal(sizes, want) || !slices.Equal(c.nth, []string{"1", "1", "2", "1", "1", "1"}) {
		t.Fatalf("batches of %v (attempts %v), want %v", sizes, c.nth, want)
	}
	if !slices.Equal(c.got[0], c.got[2]) {
		t.Error("the second attempt has other events")
	}
	seen := map[string]int{}
	for _, batch := range append([][]string{c.got[1]}, c.got[2:]...) {
		for _, name := range batch {
			seen[name]++
		}
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s is acknowledged %d times", name, n)
		}
	}
	if len(seen) != 210 {
		t.Errorf("%d events are told, want 210", len(seen))
	}
	for _, e := range s.Events("lob") {
		if e.Deliveries[0].State != StateAcknowledged {
			t.Errorf("%+v", e)
		}
	}
}

// TestBatchFault gathers events that are apart.
func TestBatchFault(t *testing.T) {
	t.Parallel()
	s, in, c, clock := batcher(t, Config{Faults: Plan{Rules: []Rule{{Boundary: CallbackBatch, Rate: 1}}}})
	for i := range 3 {
		in.orderOf(t, fmt.Sprint("R", i))
		pass(t, s, clock, 10*time.Second)
	}
	if len(c.got) != 0 {
		t.Fatalf("told before the time: %v", c.got)
	}
	for range 10 {
		pass(t, s, clock, time.Minute)
	}
	// Three pieces with three events each, all within five minutes.
	if len(c.got) != 1 || len(c.got[0]) != 9 {
		t.Errorf("callbacks %v, want one of nine events", c.got)
	}
}

// replanning is a vendor whose orders can be told to be done at once.
type replanning struct {
	batching

	done map[string]time.Time
}

func (r replanning) moments(o *order) []moment {
	all := r.batching.moments(o)[:2]
	if at, ok := r.done[o.ID]; ok {
		all = append(all[:1:1], moment{Type: "postcard.done", At: at})
	}
	return all
}

// TestReplanned: what lies ahead of an order may change, and is told of when it
// comes.
func TestReplanned(t *testing.T) {
	t.Parallel()
	s, in, c, clock := batcher(t, Config{})
	b, ok := in.wire.(batching)
	if !ok {
		t.Fatal("no batching")
	}
	r := replanning{b, map[string]time.Time{}}
	s.mu.Lock()
	in.wire = r
	s.mu.Unlock()
	in.orderOf(t, "R")
	in.orderOf(t, "S")
	pass(t, s, clock, 5*time.Second)
	s.mu.Lock()
	o := in.orders[0]
	r.done[o.ID] = s.now()
	in.replanned(o)
	s.mu.Unlock()
	pass(t, s, clock, 2*time.Second)
	pass(t, s, clock, time.Hour)
	if got, want := fmt.Sprint(c.got), "[[R created S created] [R done] [S rendered_pdf]]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}
