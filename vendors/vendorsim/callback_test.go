package vendorsim_test

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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

const hookSecret = "whsec-for-tests"

// receiver takes callbacks without a network. It is the transport of the
// simulator.
type receiver struct {
	clock  *vendorsim.Clock
	answer func(n int, got received) (status int, body string) // n from 1; nil: 200

	mu  sync.Mutex
	got []received
}

// received is a callback as it came.
type received struct {
	header http.Header
	body   []byte
	at     time.Time
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	got := received{req.Header, body, r.clock.Now()}
	r.got = append(r.got, got)
	n := len(r.got)
	r.mu.Unlock()
	status, text := http.StatusOK, ""
	if r.answer != nil {
		status, text = r.answer(n, got)
	}
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	header := http.Header{"Location": {"https://elsewhere.example/"}} // counts for a redirect only
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(text)), Header: header, Request: req}, nil
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// lobEvent is what the tests look at of an event of Lob's.
type lobEvent struct {
	ID   string `json:"id"`
	Type struct {
		ID   string `json:"id"`
		Test bool   `json:"enabled_for_test"`
	} `json:"event_type"`
	Reference string `json:"reference_id"`
	Created   string `json:"date_created"`
	Body      struct {
		ID      string `json:"id"`
		Status  string `json:"status"`
		Deleted bool   `json:"deleted"`
		Scans   []any  `json:"tracking_events"`
	} `json:"body"`
}

func (g received) event(t *testing.T) lobEvent {
	t.Helper()
	var e lobEvent
	if err := json.Unmarshal(g.body, &e); err != nil {
		t.Fatalf("%s: %v", g.body, err)
	}
	return e
}

// types are the types of the events received, in the order of receipt.
func (r *receiver) types(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, g := range r.all() {
		out = append(out, g.event(t).Type.ID)
	}
	return out
}

// listening returns a simulator of Lob with a webhook to a receiver.
func listening(t *testing.T, cfg vendorsim.Config, edit ...func(*vendorsim.Webhook)) (*bundle, *receiver) {
	t.Helper()
	clock, ok := cfg.Clock.(*vendorsim.Clock)
	if !ok {
		clock = vendorsim.NewClock(start(), 0)
	}
	r := &receiver{clock: clock}
	hook := vendorsim.Webhook{Vendor: "lob", URL: "https://receiver.example/lob", Secret: hookSecret}
	for _, e := range edit {
		e(&hook)
	}
	cfg.Clock, cfg.CallbackTransport = clock, r
	cfg.Webhooks = append(cfg.Webhooks, hook)
	b := setup(t, cfg)
	b.clock = clock
	return b, r
}

// pass lets time go by in steps, each with all its callbacks.
func (b *bundle) pass(d, step time.Duration) {
	b.t.Helper()
	for ; d > 0; d -= step {
		b.clock.Advance(min(d, step))
		if err := b.sim.WaitCallbacks(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
}

// deliveries are the deliveries of all events of Lob's.
func (b *bundle) deliveries() []vendorsim.CallbackDelivery {
	var out []vendorsim.CallbackDelivery
	for _, e := range b.sim.Events("lob") {
		out = append(out, e.Deliveries...)
	}
	return out
}

// TestCallbacks follows a piece from its creation to the mailbox.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	b, r := listening(t, vendorsim.Config{})
	id := b.lob("POST", "/postcards", "", postcard("R")).text(t, "id")
	b.pass(10*24*time.Hour, 3*time.Hour)
	want := []string{
		"postcard.created", "postcard.rendered_pdf", "postcard.rendered_thumbnails", "postcard.mailed", "postcard.in_transit",
		"postcard.in_local_area", "postcard.processed_for_delivery", "postcard.delivered",
	}
	if diff := cmp.Diff(want, r.types(t)); diff != "" {
		t.Fatalf("events (-want +got)\n%s", diff)
	}
	seen := map[string]bool{}
	truth := b.sim.Events("lob")
	for i, g := range r.all() {
		e := g.event(t)
		if seen[e.ID] || !strings.HasPrefix(e.ID, "evt_") || e.Reference != id || e.Body.ID != id {
			t.Errorf("%s: id %s, reference %s, body %s", e.Type.ID, e.ID, e.Reference, e.Body.ID)
		}
		seen[e.ID] = true
		if want := max(0, i-2); len(e.Body.Scans) != want {
			t.Errorf("%s shows %d scans, want %d: the piece as it was", e.Type.ID, len(e.Body.Scans), want)
		}
		if (i == 0) != (e.Body.Status == "processed") {
			t.Errorf("%s shows status %s", e.Type.ID, e.Body.Status)
		}
		if e.Type.Test != (i < 3 || e.Type.ID == "postcard.delivered") { // by the table of events
			t.Errorf("%s enabled for test: %v", e.Type.ID, e.Type.Test)
		}
		checkLobSignature(t, g)
		if e.Created != truth[i].Time.Format("2006-01-02T15:04:05.000Z") || g.at.Before(truth[i].Time.Add(time.Second)) {
			t.Errorf("%s: created %s, received %v, truth %v", e.Type.ID, e.Created, g.at, truth[i].Time)
		}
	}
	for i, e := range truth {
		want := vendorsim.CallbackEvent{
			Vendor: "lob", ID: r.all()[i].event(t).ID, VendorID: id, Ref: "R", Mode: "test", Type: want[i], Status: want[i],
			Time: e.Time, Occurrence: i + 1,
		}
		want.Mode = e.Mode
		d := e.Deliveries
		e.Deliveries = nil
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("event (-want +got)\n%s", diff)
		}
		if len(d) != 1 || d[0].State != vendorsim.StateAcknowledged || len(d[0].Attempts) != 1 || !d[0].Acknowledged.Equal(r.all()[i].at) {
			t.Errorf("%s: %+v", e.Type, d)
		}
	}
	if s := b.sim.Stats().Vendors["lob"]; s.Events != 8 || s.Callbacks != 8 || s.Acknowledged != 8 {
		t.Errorf("stats %+v", s)
	}
}

// checkLobSignature computes the signature by hand.
func checkLobSignature(t *testing.T, g received) {
	t.Helper()
	stamp := g.header.Get("Lob-Signature-Timestamp")
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(bytes.Join([][]byte{[]byte(stamp), g.body}, []byte(".")))
	if want := hex.EncodeToString(mac.Sum(nil)); g.header.Get("Lob-Signature") != want {
		t.Errorf("signature %q, want %q", g.header.Get("Lob-Signature"), want)
	}
	if want := strconv.FormatInt(g.at.UnixMilli(), 10); stamp != want {
		t.Errorf("timestamp %s, want %s", stamp, want)
	}
}

// TestCallbacksOfTheVoid: a piece that ends tells how, and nothing after it.
func TestCallbacksOfTheVoid(t *testing.T) {
	t.Parallel()
	b, r := listening(t, vendorsim.Config{Faults: vendorsim.Plan{Rules: []vendorsim.Rule{{Boundary: vendorsim.SendLateFailure, Rate: 1, From: start().Add(time.Hour)}}}})
	id := b.lob("POST", "/postcards", "", postcard("C")).text(t, "id")
	b.pass(time.Minute, time.Minute)
	if a := b.lob("DELETE", "/postcards/"+id, "", nil); a.status != http.StatusOK {
		t.Fatalf("cancel: %d", a.status)
	}
	b.pass(time.Hour, time.Hour)
	// Days at once: the failure still comes before the scans that never are.
	b.lob("POST", "/letters", "", letter("F"))
	b.pass(10*24*time.Hour, 10*24*time.Hour)
	want := []string{
		"postcard.created", "postcard.rendered_pdf", "postcard.rendered_thumbnails", "postcard.deleted",
		"letter.created", "letter.rendered_pdf", "letter.rendered_thumbnails", "letter.failed",
	}
	if diff := cmp.Diff(want, r.types(t)); diff != "" {
		t.Fatalf("events (-want +got)\n%s", diff)
	}
	got := r.all()
	if got := string(got[3].body); !strings.Contains(got, `"body":{"deleted":true,"id":"`+id+`"}`) {
		t.Errorf("a deletion shows more than an id: %s", got)
	}
	for i, status := range []string{"processed", "rendered", "rendered", "failed"} {
		if e := got[4+i].event(t); e.Body.Status != status {
			t.Errorf("%s: status %s, want %s", e.Type.ID, e.Body.Status, status)
		}
	}
}

func letter(ref string) map[string]any {
	return postcard(ref, func(m map[string]any) {
		for _, k := range []string{"front", "back", "size"} {
			delete(m, k)
		}
		m["file"], m["color"] = "<b>letter</b>", true
		m["from"] = map[string]any{
			"name": "Ann Doe", "address_line1": "185 Berry St", "address_city": "San Francisco", "address_state": "CA", "address_zip": "94107",
		}
	})
}

// TestRetries: what is not received is sent again as the vendor does.
func TestRetries(t *testing.T) {
	t.Parallel()
	const m, h = time.Minute, time.Hour
	accept := func(status int, body string) func(int, received) (int, string) {
		return func(int, received) (int, string) { return status, body }
	}
	exactly200 := vendorsim.CallbackPolicy{Status: 200, Retries: []vendorsim.Duration{vendorsim.Duration(h), vendorsim.Duration(2 * h), vendorsim.Duration(4 * h)}}
	for _, test := range []struct {
		name   string
		policy vendorsim.CallbackPolicy
		answer func(int, received) (int, string)
		after  []time.Duration // of the attempts, from the first
		state  vendorsim.DeliveryState
	}{
		{"any 2xx", vendorsim.CallbackPolicy{}, accept(204, ""), []time.Duration{0}, vendorsim.StateAcknowledged},
		{
			"never received",
			vendorsim.CallbackPolicy{},
			accept(500, ""),
			[]time.Duration{0, m, 6 * m, 21 * m, 81 * m, 261 * m, 621 * m, 1341 * m, 2781 * m},
			vendorsim.StateGivenUp,
		},
		{"a redirect is no receipt", vendorsim.CallbackPolicy{Retries: []vendorsim.Duration{}}, accept(307, ""), []time.Duration{0}, vendorsim.StateGivenUp},
		{"a broken connection", vendorsim.CallbackPolicy{}, func(n int, _ received) (int, string) {
			if n < 3 {
				return 0, ""
			}
			return 200, ""
		}, []time.Duration{0, m, 6 * m}, vendorsim.StateAcknowledged},
		{"failures too far apart for a pause", vendorsim.CallbackPolicy{
			PauseAfter: 2, PauseWithin: vendorsim.Duration(h), Retries: []vendorsim.Duration{vendorsim.Duration(h), vendorsim.Duration(h)},
		}, accept(500, ""), []time.Duration{0, h, 2 * h}, vendorsim.StateGivenUp},
		{"exactly 200", exactly200, accept(202, ""), []time.Duration{0, h, 3 * h, 7 * h}, vendorsim.StateGivenUp},
		{"exactly 200, and it is", exactly200, accept(200, "x"), []time.Duration{0}, vendorsim.StateAcknowledged},
		{"half a minute", impatient(), accept(500, ""), []time.Duration{0, m / 2, m, m * 3 / 2}, vendorsim.StateGivenUp},
		{"a body", vendorsim.CallbackPolicy{Body: "true", Retries: []vendorsim.Duration{vendorsim.Duration(h)}}, func(n int, _ received) (int, string) {
			return 200, []string{"false", "true\n"}[n-1]
		}, []time.Duration{0, h}, vendorsim.StateAcknowledged},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, r := listening(t, vendorsim.Config{}, func(w *vendorsim.Webhook) {
				w.Policy, w.Types = test.policy, []string{"postcard.created"}
			})
			r.answer = test.answer
			b.lob("POST", "/postcards", "", postcard("R"))
			b.pass(time.Second, time.Second)
			b.pass(3*24*time.Hour, 30*time.Second)
			var after []time.Duration
			for _, g := range r.all() {
				after = append(after, g.at.Sub(start().Add(time.Second)))
				checkLobSignature(t, g) // a fresh one
			}
			if diff := cmp.Diff(test.after, after); diff != "" {
				t.Errorf("attempts (-want +got)\n%s", diff)
			}
			d := b.deliveries()[0]
			if d.State != test.state || len(d.Attempts) != len(test.after) || d.Acknowledged.IsZero() == (test.state == vendorsim.StateAcknowledged) {
				t.Errorf("%+v, want %s", d, test.state)
			}
		})
	}
}

// impatient is the policy of a vendor that soon gives up, and soon pauses.
func impatient() vendorsim.CallbackPolicy {
	const s = vendorsim.Duration(time.Second)
	return vendorsim.CallbackPolicy{
		Retries: []vendorsim.Duration{30 * s, 30 * s, 30 * s}, Status: 200, PauseAfter: 5, PauseWithin: 24 * 3600 * s,
	}
}

// TestPause: failures stop a webhook whose vendor does that; what happens
// meanwhile is never told, and setting it anew goes on.
func TestPause(t *testing.T) {
	t.Parallel()
	b, r := listening(t, vendorsim.Config{}, func(w *vendorsim.Webhook) {
		w.Policy, w.Types = impatient(), []string{"postcard.created"}
	})
	r.answer = func(n int, _ received) (int, string) { return 200 + 300*min(1, max(0, 9-n)), "" }
	states := func() (out []vendorsim.DeliveryState) {
		for _, d := range b.deliveries() {
			out = append(out, d.State)
		}
		return out
	}
	for i := range 4 { // the first has four attempts, the second one
		b.lob("POST", "/postcards", "", postcard(fmt.Sprint("R", i)))
		b.pass(2*time.Minute, time.Second)
	}
	want := []vendorsim.DeliveryState{vendorsim.StateGivenUp, vendorsim.StateDropped, vendorsim.StateDropped, vendorsim.StateDropped}
	if diff := cmp.Diff(want, states()); diff != "" || len(r.all()) != 5 {
		t.Errorf("%d attempts (-want +got)\n%s", len(r.all()), diff)
	}
	hook := b.sim.Webhooks()[0]
	if hook.PausedAt.IsZero() || hook.Pending != 0 {
		t.Errorf("webhook %+v", hook)
	}
	if err := b.sim.SetWebhook(hook.Webhook); err != nil {
		t.Fatal(err)
	}
	b.pass(48*time.Hour, time.Hour)
	if len(r.all()) != 5 {
		t.Error("what happened during the pause is told after it")
	}
	b.lob("POST", "/postcards", "", postcard("R5"))
	b.pass(5*time.Minute, time.Second)
	if got := states(); got[4] != vendorsim.StateAcknowledged {
		t.Errorf("after the pause: %v", got)
	}
	// By hand.
	if err := b.sim.PauseWebhook("lob", "", true); err != nil {
		t.Fatal(err)
	}
	b.lob("POST", "/postcards", "", postcard("R6"))
	b.pass(time.Hour, time.Hour)
	if err := b.sim.PauseWebhook("lob", "main", false); err != nil {
		t.Fatal(err)
	}
	b.lob("POST", "/postcards", "", postcard("R7"))
	b.pass(time.Hour, time.Hour)
	if got := states(); got[5] != vendorsim.StateDropped || got[6] != vendorsim.StateAcknowledged {
		t.Errorf("paused by hand: %v", got)
	}
	if err := b.sim.PauseWebhook("lob", "other", true); err == nil {
		t.Error("a webhook that is not there is paused")
	}
}
