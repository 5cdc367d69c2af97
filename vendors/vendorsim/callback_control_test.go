package vendorsim_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestCallbackControl does over HTTP what a program elsewhere does.
func TestCallbackControl(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	b := setup(t, vendorsim.Config{CallbackTransport: r})
	r.clock = b.clock
	post := func(path, body string, want int) {
		t.Helper()
		if a := b.do(t.Context(), http.MethodPost, path, strings.NewReader(body), nil); a.status != want {
			t.Errorf("%s %s: %d %s, want %d", path, body, a.status, a.raw, want)
		}
	}
	post("/_sim/webhooks", `{"vendor":"lob","url":"http://r.example","secret":"whsec","policy":{"retries":["1h"],"lag":"3s"}}`, 204)
	b.lob("POST", "/postcards", "", postcard("R"))
	b.lob("POST", "/postcards", "", postcard("S"))
	post("/_sim/clock", `{"advance":"4s"}`, 200)
	if err := b.sim.WaitCallbacks(t.Context()); err != nil {
		t.Fatal(err)
	}
	post("/_sim/webhooks/pause", `{"vendor":"lob"}`, 204)
	post("/_sim/clock", `{"advance":"1h"}`, 200)
	a := b.do(t.Context(), http.MethodGet, "/_sim/events?vendor=lob&ref=S", nil, nil)
	var got []string
	for line := range bytes.Lines(a.raw) {
		var e vendorsim.CallbackEvent
		if err := json.Unmarshal(line, &e); err != nil || e.Ref != "S" {
			t.Fatalf("%s: %v", line, err)
		}
		got = append(got, e.Type+" "+string(e.Deliveries[0].State))
	}
	want := []string{"postcard.created acknowledged", "postcard.rendered_pdf dropped", "postcard.rendered_thumbnails dropped"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
	a = b.do(t.Context(), http.MethodGet, "/_sim/webhooks", nil, nil)
	var hooks []vendorsim.WebhookState
	if err := json.Unmarshal(a.raw, &hooks); err != nil {
		t.Fatal(err)
	}
	if len(hooks) != 1 || !hooks[0].Disabled || hooks[0].ID != "main" || hooks[0].Policy.Lag != vendorsim.Duration(3*time.Second) {
		t.Errorf("webhooks %s", a.raw)
	}
	post("/_sim/webhooks/pause", `{"vendor":"lob","id":"main","on":false}`, 204)
	if b.sim.Webhooks()[0].Disabled {
		t.Error("the pause does not end")
	}
	post("/_sim/webhooks/pause", `{"vendor":"lob","id":"other"}`, 400)
	for _, bad := range []string{
		`{`, `{"vendor":"nobody","url":"http://r.example","secret":"s"}`, `{"vendor":"pcm","url":"http://r.example","secret":"s"}`,
		`{"vendor":"lob","url":"r.example","secret":"s"}`, `{"vendor":"lob","url":"ftp://r.example","secret":"s"}`,
		`{"vendor":"lob","url":"http://r.example"}`, `{"vendor":"lob","url":"http://r.example","secret":"s","format":"jwt"}`,
		`{"vendor":"lob","url":"http://r.example","secret":"s","mode":"demo"}`,
		`{"vendor":"lob","url":"http://r.example","secret":"s","policy":{"lag":"-1s"}}`,
		`{"vendor":"lob","url":"http://r.example","secret":"s","policy":{"retries":["-1s"]}}`,
		`{"vendor":"lob","url":"http://r.example","secret":"s","policy":{"status":20}}`,
		`{"vendor":"lob","url":"http://r.example","secret":"s","policy":{"pause_after":-1}}`,
	} {
		post("/_sim/webhooks", bad, 400)
	}
	if _, err := vendorsim.New(vendorsim.Config{Webhooks: []vendorsim.Webhook{{Vendor: "pcm", URL: "http://r.example", Secret: "s"}}}); err == nil {
		t.Error("a webhook of a vendor without callbacks is accepted")
	}
}

// TestCallbackWebhooksDiffer: each webhook hears what it asked for, in its own
// form; their fortunes are apart.
func TestCallbackWebhooksDiffer(t *testing.T) {
	t.Parallel()
	b, r := listening(t, vendorsim.Config{Webhooks: []vendorsim.Webhook{
		{Vendor: "lob", ID: "live", Mode: "live", URL: "https://receiver.example/live", Secret: "another secret", Format: "seconds"},
		{Vendor: "lob", ID: "test", Mode: "test", URL: "https://receiver.example/test", Secret: hookSecret},
	}}, func(w *vendorsim.Webhook) { w.Types = []string{"postcard.rendered_pdf"} })
	r.answer = func(_ int, got received) (int, string) {
		if len(got.header.Get("Lob-Signature-Timestamp")) == 10 {
			return 500, ""
		}
		return 200, ""
	}
	b.lob("POST", "/postcards", "", postcard("R"))
	b.pass(time.Minute, time.Second)
	seconds := map[string]int{}
	for _, g := range r.all() {
		if len(g.header.Get("Lob-Signature-Timestamp")) == 10 {
			seconds[g.event(t).Type.ID]++
		} else {
			seconds["ms "+g.event(t).Type.ID]++
			checkLobSignature(t, g)
		}
	}
	want := map[string]int{
		"postcard.created": 1, "postcard.rendered_pdf": 1, "postcard.rendered_thumbnails": 1, "ms postcard.rendered_pdf": 1,
	}
	if diff := cmp.Diff(want, seconds); diff != "" {
		t.Errorf("callbacks (-want +got)\n%s", diff)
	}
	for _, e := range b.sim.Events("lob") {
		for _, d := range e.Deliveries {
			if (d.Webhook == "main") != (d.State == vendorsim.StateAcknowledged) || d.Webhook == "test" {
				t.Errorf("%s to %s: %s", e.Type, d.Webhook, d.State)
			}
		}
	}
}

// TestCallbackShown: the vendor's newest callback about a piece can be had
// without a webhook, always the same for the same time.
func TestCallbackShown(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	b.lob("POST", "/postcards", "", postcard("R"))
	show := func(secret string, at time.Time) received {
		t.Helper()
		header, body, err := b.sim.Callback(vendorsim.Webhook{Vendor: "lob", Secret: secret}, "R", at)
		if err != nil {
			t.Fatal(err)
		}
		return received{header, body, at}
	}
	first := show(hookSecret, start())
	checkLobSignature(t, first)
	if diff := cmp.Diff(first.header, show(hookSecret, start()).header); diff != "" {
		t.Errorf("again (-want +got)\n%s", diff)
	}
	other := show("another", start().Add(time.Second))
	if string(other.body) != string(first.body) || other.header.Get("Lob-Signature") == first.header.Get("Lob-Signature") {
		t.Error("another secret signs as the first does, or another event")
	}
	b.clock.Advance(40 * time.Hour)
	if later := show(hookSecret, start()).event(t); later.ID == first.event(t).ID || later.Type.ID != "postcard.mailed" {
		t.Errorf("later: %+v", later)
	}
	if n := len(b.sim.Events("")); n != 0 {
		t.Errorf("%d events were made", n)
	}
	for _, bad := range []vendorsim.Webhook{{Vendor: "pcm", Secret: "s"}, {Vendor: "lob"}, {Vendor: "lob", Secret: "s", Format: "x"}} {
		if _, _, err := b.sim.Callback(bad, "R", start()); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, _, err := b.sim.Callback(vendorsim.Webhook{Vendor: "lob", Secret: "s"}, "nobody", start()); err == nil {
		t.Error("a piece that is not there is told of")
	}
}
