package vendorsim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestCallbackRestart checks each state of a delivery across a restart.
func TestCallbackRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := vendorsim.NewClock(start(), 0)
	plan := vendorsim.Plan{Rules: []vendorsim.Rule{{Boundary: vendorsim.CallbackLost, Rate: 1, Until: start().Add(10 * time.Second)}}}
	b, r := listening(t, vendorsim.Config{Dir: dir, Clock: clock, Seed: 7, Faults: plan})
	b.lob("POST", "/postcards", "", postcard("R"))
	b.pass(20*time.Second, time.Second) // the creation is lost
	r.answer = func(n int, _ received) (int, string) { return []int{0, 200, 500}[n], "" }
	b.pass(20*time.Second, time.Second) // one rendering is received, the other is not
	before, stats := b.sim.Events("lob"), b.sim.Stats()
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}

	again := &receiver{clock: clock}
	b = setup(t, vendorsim.Config{Dir: dir, Clock: clock, Faults: plan, CallbackTransport: again})
	b.clock = clock
	if diff := cmp.Diff(before, b.sim.Events("lob")); diff != "" {
		t.Errorf("events after a restart (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(stats.Vendors["lob"], b.sim.Stats().Vendors["lob"]); diff != "" {
		t.Errorf("stats after a restart (-want +got)\n%s", diff)
	}
	b.pass(48*time.Hour, time.Second)
	want := []string{"postcard.rendered_thumbnails", "postcard.mailed"}
	if diff := cmp.Diff(want, again.types(t)); diff != "" {
		t.Fatalf("after a restart (-want +got)\n%s", diff)
	}
	// The first attempt was at second 31; the clock stood at 40.
	if after := again.all()[0].at.Sub(start()); after != 91*time.Second {
		t.Errorf("the retry comes after %v, want 91 s", after)
	}
	if err := b.sim.PauseWebhook("lob", "", true); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}

	b = setup(t, vendorsim.Config{Dir: dir, Clock: clock, CallbackTransport: again})
	b.clock = clock
	b.pass(10*24*time.Hour, time.Hour)
	if len(again.all()) != 2 || !b.sim.Webhooks()[0].Disabled {
		t.Errorf("the pause is forgotten: %v", again.types(t))
	}
	if got := len(b.sim.Events("lob")); got != 8 {
		t.Errorf("%d events are known, want 8: what is not told is still true", got)
	}
}

// TestCallbackPauseRestart: a configuration that is as it was does not end a
// pause.
func TestCallbackPauseRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := vendorsim.NewClock(start(), 0)
	pausing := func(w *vendorsim.Webhook) { w.Policy = vendorsim.CallbackPolicy{PauseAfter: 1} }
	b, r := listening(t, vendorsim.Config{Dir: dir, Clock: clock}, pausing)
	r.answer = func(int, received) (int, string) { return 500, "" }
	b.lob("POST", "/postcards", "", postcard("R"))
	b.pass(time.Minute, time.Second)
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	b, r = listening(t, vendorsim.Config{Dir: dir, Clock: clock}, pausing)
	b.pass(48*time.Hour, time.Hour)
	if w := b.sim.Webhooks(); len(w) != 1 || w[0].PausedAt.IsZero() || len(r.all()) != 0 {
		t.Errorf("%+v, and %d callbacks", w, len(r.all()))
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	b, r = listening(t, vendorsim.Config{Dir: dir, Clock: clock}, pausing, func(w *vendorsim.Webhook) { w.URL += "/2" })
	b.pass(48*time.Hour, time.Hour)
	if w := b.sim.Webhooks(); len(w) != 1 || !w[0].PausedAt.IsZero() || len(r.all()) == 0 {
		t.Errorf("another one: %+v, and %d callbacks", w, len(r.all()))
	}
}

// TestCallbackAfterTheDisk: nobody hears of an event that a crash could still
// undo.
func TestCallbackAfterTheDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := stuck{make(chan struct{})}
		b, r := listening(t, vendorsim.Config{PrintWriter: log})
		created := make(chan answer)
		go func() { created <- b.lob("POST", "/postcards", "", postcard("R")) }()
		synctest.Wait() // it is accepted, and the journal does not get on
		b.clock.Advance(2 * time.Second)
		synctest.Wait()
		if n := len(r.all()); n != 0 {
			t.Errorf("%d callbacks about what is not on disk", n)
		}
		close(log.free)
		if a := <-created; a.status != 200 {
			t.Errorf("create: %d", a.status)
		}
		if err := b.sim.WaitCallbacks(t.Context()); err != nil || len(r.all()) != 1 {
			t.Errorf("%d callbacks: %v", len(r.all()), err)
		}
	})
}

// stuck is a print log that cannot be written until it is free.
type stuck struct{ free chan struct{} }

func (s stuck) Write(p []byte) (int, error) { <-s.free; return len(p), nil }

// TestCallbackFirstWebhookLater: an account without a webhook has nothing to
// tell; its first one hears what happens from then on, also after a restart.
func TestCallbackFirstWebhookLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := vendorsim.NewClock(start(), 0)
	r := &receiver{clock: clock}
	b := setup(t, vendorsim.Config{Dir: dir, Clock: clock, CallbackTransport: r})
	b.clock = clock
	b.lob("POST", "/postcards", "", postcard("R"))
	b.pass(time.Hour, time.Hour)
	if n := len(b.sim.Events("")); n != 0 {
		t.Errorf("%d events without a webhook", n)
	}
	hook := vendorsim.Webhook{Vendor: "lob", URL: "http://r.example", Secret: hookSecret}
	if err := b.sim.SetWebhook(hook); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	b = setup(t, vendorsim.Config{Dir: dir, Clock: clock, CallbackTransport: r})
	b.clock = clock
	b.pass(40*time.Hour, time.Hour)
	if got := r.types(t); len(got) != 1 || got[0] != "postcard.mailed" || b.sim.Events("lob")[0].Occurrence != 4 {
		t.Errorf("received %v", got)
	}
}

// TestCallbackTornState: what callbacks leave in the state file is read with
// the same suspicion as the rest.
func TestCallbackTornState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, _ := listening(t, vendorsim.Config{Dir: dir})
	b.lob("POST", "/postcards", "", postcard("R"))
	b.pass(time.Minute, time.Second)
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "state.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"an event of no order":   {`"event":{"type":"postcard.created","status":"postcard.created",`, `"event":{"type":"postcard.created","status":"postcard.created","order":"x","x":`},
		"an attempt of no event": {`"events":[1]`, `"events":[9]`},
		"no webhook":             {`"webhook":{"vendor"`, `"webhoof":{"vendor"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := bytes.Replace(whole, []byte(change[0]), []byte(change[1]), 1)
			if name == "an event of no order" {
				changed = bytes.Replace(changed, []byte(`"order":"psc_`), []byte(`"order":"xsc_`), 1)
			}
			if bytes.Equal(changed, whole) {
				t.Fatalf("nothing to change in\n%s", whole)
			}
			at := t.TempDir()
			if err := os.WriteFile(filepath.Join(at, "state.jsonl"), changed, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := vendorsim.New(vendorsim.Config{Dir: at}); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// inbox is a receiver on the network that answers 500 to three in ten, by
// chance, and to everything while it is down.
type inbox struct {
	mu       sync.Mutex
	received map[string]int    // event id to times
	stored   map[string]bool   // event id: answered as received
	pieces   map[string]string // event id to the piece
	tries    int
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var e lobEvent
	if err != nil || json.Unmarshal(body, &e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tries++
	i.received[e.ID]++
	i.pieces[e.ID] = e.Reference
	h := fnv.New32a()
	fmt.Fprint(h, e.ID, i.received[e.ID])
	if h.Sum32()%10 < 3 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	i.stored[e.ID] = true
}

// TestCallbackKill kills a simulator in the middle of its callbacks, again and
// again: every event is told at least once, none changes its name, and what
// was received is never unknown to the simulator.
func TestCallbackKill(t *testing.T) {
	t.Parallel()
	in := &inbox{received: map[string]int{}, stored: map[string]bool{}, pieces: map[string]string{}}
	server := httptest.NewServer(in)
	defer server.Close()
	setting, err := json.Marshal(childSetting{
		Webhook: vendorsim.Webhook{Vendor: "lob", URL: server.URL, Secret: hookSecret, Policy: vendorsim.CallbackPolicy{Parallel: 4}},
		Anchor:  vendorsim.NewClock(start(), 5*24*3600).Anchor(), // one for all children: ten days in two seconds
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	const rounds, pieces = 3, 40
	for round := range rounds {
		base, kill := child(t, dir, "VENDORSIM_CHILD_SETTING="+string(setting))
		for i := range pieces {
			sendPiece(t, client, base, fmt.Sprintf("%d-%d", round, i))
		}
		in.mu.Lock()
		tries := in.tries
		in.mu.Unlock()
		waitFor(t, func() bool { in.mu.Lock(); defer in.mu.Unlock(); return in.tries > tries+pieces })
		kill()
	}
	base, kill := child(t, dir, "VENDORSIM_CHILD_SETTING="+string(setting))
	defer kill()
	var truth []vendorsim.CallbackEvent
	var received []string
	waitFor(t, func() bool {
		in.mu.Lock()
		received = slices.Collect(maps.Keys(in.received)) // before the truth, which goes on
		in.mu.Unlock()
		truth = eventsOf(t, client, base)
		for _, e := range truth {
			if e.Deliveries[0].State == vendorsim.StatePending {
				return false
			}
		}
		return len(truth) >= rounds*pieces*8
	})
	known, told := map[string]bool{}, map[string]int{}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, e := range truth {
		if known[e.ID] {
			t.Errorf("two events are called %s", e.ID)
		}
		known[e.ID] = true
		if told[e.VendorID]++; told[e.VendorID] != e.Occurrence {
			t.Errorf("%s: event %d comes after %d", e.VendorID, e.Occurrence, told[e.VendorID]-1)
		}
		if d := e.Deliveries[0]; d.State == vendorsim.StateAcknowledged && !in.stored[e.ID] {
			t.Errorf("%s is acknowledged and was never received", e.ID)
		} else if d.State != vendorsim.StateAcknowledged || in.pieces[e.ID] != e.VendorID {
			t.Errorf("%s of %s: %+v, received about %q", e.ID, e.VendorID, d, in.pieces[e.ID])
		}
	}
	for _, id := range received {
		if !known[id] {
			t.Errorf("%s was received and is unknown to the vendor", id)
		}
	}
	if len(told) != rounds*pieces {
		t.Errorf("%d pieces are told of, want %d", len(told), rounds*pieces)
	}
}

func sendPiece(t *testing.T, client *http.Client, base, key string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/lob/v1/postcards", jsonReader(t, postcard(key)))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("live_simlob", "")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("create: %d", res.StatusCode)
	}
}

// eventsOf reads the truth from a simulator's control plane.
func eventsOf(t *testing.T, client *http.Client, base string) []vendorsim.CallbackEvent {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/_sim/events?vendor=lob", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out []vendorsim.CallbackEvent
	for lines := json.NewDecoder(res.Body); ; {
		var e vendorsim.CallbackEvent
		err := lines.Decode(&e)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
}
