package vendorsim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// pgHook returns a valid body of a webhook.
func pgHook(types ...string) map[string]any {
	return map[string]any{"url": "https://receiver.example/pg", "secret": "a secret of the receiver's", "payloadFormat": "json", "enabledEvents": types}
}

// pgLog is the event log, newest first: type, order and what changed.
func (b *bundle) pgLog(account, query string) []string {
	b.t.Helper()
	a := b.pgAs(account, "GET", "/events"+query, "", nil)
	if a.status != 200 {
		b.t.Fatalf("%d %s", a.status, a.raw)
	}
	var out []string
	data, _ := a.at(b.t, "data").([]any)
	for _, o := range data {
		e, _ := o.(map[string]any)
		order, _ := e["data"].(map[string]any)
		out = append(out, fmt.Sprint(e["type"], " ", order["description"], " ", order["status"], " ", e["updatedFields"]))
	}
	return out
}

// TestPostGridEvents: an event is there when a webhook listened for it, and
// shows the order as it was.
func TestPostGridEvents(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	const test = "test_sk_simpostgrid"
	step := func(id string) {
		b.clock.Advance(time.Minute)
		if a := b.pgAs(test, "POST", "/postcards/"+id+"/progressions", "", nil); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	id := b.pgAs(test, "POST", "/postcards", "", pgCard("A")).text(t, "id")
	step(id) // nobody listens
	if got := b.pgLog(test, ""); got != nil {
		t.Errorf("without a webhook: %v", got)
	}
	b.clock.Advance(time.Minute)
	hook := b.pgAs(test, "POST", "/webhooks", "", pgHook("postcard.updated", "letter.created")).text(t, "id")
	step(id)
	b.clock.Advance(time.Minute)
	b.pgAs(test, "POST", "/postcards", "", pgCard("B")) // nobody listens for created
	canceled := b.pgAs(test, "POST", "/letters", "", pgLetter("C")).text(t, "id")
	b.clock.Advance(time.Minute)
	b.pgAs(test, "DELETE", "/letters/"+canceled, "", nil)
	want := []string{"letter.created C ready map[]", "postcard.updated A processed_for_delivery map[status:processed_for_delivery]"}
	if diff := cmp.Diff(want, b.pgLog(test, "")); diff != "" {
		t.Errorf("with one (-want +got)\n%s", diff)
	}
	if got := b.pgLog("live_sk_simpostgrid", ""); got != nil {
		t.Errorf("live mode shows %v", got)
	}
	b.clock.Advance(time.Minute)
	b.pgAs(test, "POST", "/webhooks/"+hook, "", map[string]any{"enabled": false})
	step(id)
	if diff := cmp.Diff(want, b.pgLog(test, "")); diff != "" {
		t.Errorf("disabled (-want +got)\n%s", diff)
	}
	b.clock.Advance(time.Minute)
	b.pgAs(test, "POST", "/webhooks/"+hook, "", map[string]any{"enabled": true})
	b.clock.Advance(24 * time.Hour)
	want = append([]string{"postcard.updated B completed map[status:completed]"}, want...)
	if diff := cmp.Diff(want, b.pgLog(test, "")); diff != "" {
		t.Errorf("enabled again (-want +got)\n%s", diff)
	}
	for query, want := range map[string][]string{
		"?limit=1&skip=1": want[1:2], "?type=letter.created": want[1:2], "?type[]=letter.created&type[]=postcard.updated": want,
		"?type=box.created": nil, "?type=letter.created,postcard.updated": want, "?skip=3": nil,
	} {
		if diff := cmp.Diff(want, b.pgLog(test, query)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
	if a := b.pgAs(test, "GET", "/events?limit=101", "", nil); a.status != 400 {
		t.Errorf("a page too large: %d", a.status)
	}
}

// TestPostGridLogsEverything when it is told to, with ids that stay.
func TestPostGridLogsEverything(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{LogAllEvents: true, TestTracking: true}))
	b.pgAs("test_sk_simpostgrid", "POST", "/postcards", "", pgCard("A"))
	first := ids(t, b.pgAs("test_sk_simpostgrid", "GET", "/events", "", nil))
	if len(first) != 1 || !strings.HasPrefix(first[0], "event_") {
		t.Fatalf("%v", first)
	}
	b.clock.Advance(30 * 24 * time.Hour)
	log := b.pgLog("test_sk_simpostgrid", "")
	want := []string{
		"postcard.updated A completed map[status:completed]",
		"postcard.updated A processed_for_delivery map[imbStatus:out_for_delivery]",
		"postcard.updated A processed_for_delivery map[imbStatus:entered_mail_stream]",
		"postcard.updated A processed_for_delivery map[status:processed_for_delivery]",
		"postcard.updated A printing map[status:printing]",
		"postcard.created A ready map[]",
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	all := ids(t, b.pgAs("test_sk_simpostgrid", "GET", "/events", "", nil))
	seen := map[string]bool{}
	for _, id := range all {
		seen[id] = true
	}
	if len(seen) != len(all) || all[len(all)-1] != first[0] {
		t.Errorf("ids %v, the first was %s", all, first[0])
	}
}

func TestPostGridWebhooks(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	made := b.pg("POST", "/webhooks", map[string]any{"url": "https://receiver.example/pg", "enabledEvents": []string{"letter.updated"}})
	id := made.text(t, "id")
	got := made.json(t)
	secret, _ := got["secret"].(string)
	delete(got, "secret")
	want := map[string]any{
		"id": id, "object": "webhook", "live": true, "url": "https://receiver.example/pg", "enabled": true, "payloadFormat": "jwt",
		"enabledEvents": []any{"letter.updated"}, "createdAt": "2026-11-23T15:00:00.000Z", "updatedAt": "2026-11-23T15:00:00.000Z",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(secret) < 20 {
		t.Errorf("secret of %d characters (-want +got)\n%s", len(secret), diff)
	}
	b.clock.Advance(time.Hour)
	change := map[string]any{"payloadFormat": "json", "secret": "another secret of the receiver's", "description": "x", "metadata": map[string]any{"a": "b"}}
	if a := b.pg("POST", "/webhooks/"+id, change); a.status != 200 || a.at(t, "payloadFormat") != "json" || a.at(t, "url") != "https://receiver.example/pg" {
		t.Errorf("changed: %d %s", a.status, a.raw)
	}
	a := b.pg("GET", "/webhooks/"+id, nil)
	if a.at(t, "secret") != change["secret"] || a.at(t, "metadata", "a") != "b" || a.at(t, "updatedAt") != "2026-11-23T16:00:00.000Z" || a.at(t, "createdAt") != "2026-11-23T15:00:00.000Z" {
		t.Errorf("read back: %s", a.raw)
	}
	second := b.pg("POST", "/webhooks", pgHook("postcard.created")).text(t, "id")
	if diff := cmp.Diff([]string{id, second}, pgIDs(t, b.pg("GET", "/webhooks", nil), 2)); diff != "" {
		t.Errorf("list (-want +got)\n%s", diff)
	}
	pgIDs(t, b.pgAs("test_sk_simpostgrid", "GET", "/webhooks", "", nil), 0)
	if a := b.pg("DELETE", "/webhooks/"+id, nil); a.status != 200 || a.at(t, "deleted") != true {
		t.Errorf("deleted: %d %s", a.status, a.raw)
	}
	for _, method := range []string{"GET", "DELETE", "POST"} {
		var body any
		if method == "POST" {
			body = pgHook("letter.created")
		}
		if a := b.pg(method, "/webhooks/"+id, body); a.status != 404 {
			t.Errorf("%s afterwards: %d", method, a.status)
		}
	}
	for name, edit := range map[string]func(map[string]any){
		"plain http":         with("url", "http://receiver.example/pg"),
		"no URL":             with("url", nil),
		"a short secret":     with("secret", "short               secret"),
		"another format":     with("payloadFormat", "xml"),
		"no events":          with("enabledEvents", []string{}),
		"an unknown event":   with("enabledEvents", []string{"letter.delivered"}),
		"a URL that is none": with("url", 7),
	} {
		body := pgHook("letter.created")
		edit(body)
		if a := b.pg("POST", "/webhooks", body); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if a := b.pg("POST", "/webhooks", map[string]any{"url": "http://127.0.0.1:9/x", "enabledEvents": []string{"letter.created"}}); a.status != 200 {
		t.Errorf("a receiver on this machine: %d %s", a.status, a.raw)
	}
}

// TestPostGridRestart checks each kind of state across restarts.
func TestPostGridRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := vendorsim.NewClock(start(), 0)
	cfg := postgridOnly(vendorsim.PostGridConfig{IdempotencyKeys: true})
	cfg.Dir, cfg.Clock = dir, clock
	cfg.Faults = vendorsim.Plan{Rules: []vendorsim.Rule{{Boundary: vendorsim.SendErrorBefore, Rate: 1, First: 1}}}
	const test = "test_sk_simpostgrid"
	b := setup(t, cfg)
	b.clock = clock
	b.pgAs(test, "POST", "/postcards", "k", pgCard("A")) // struck
	id := b.pgAs(test, "POST", "/postcards", "k", pgCard("A")).text(t, "id")
	hook := b.pgAs(test, "POST", "/webhooks", "", pgHook("postcard.updated")).text(t, "id")
	clock.Advance(time.Minute)
	b.pgAs(test, "POST", "/postcards/"+id+"/progressions", "", nil)
	b.pgAs(test, "POST", "/postcards", "", pgCard("GONE"))
	gone := b.pgAs(test, "POST", "/postcards", "", pgCard("GONE")).text(t, "id")
	b.pgAs(test, "DELETE", "/postcards/"+gone, "", nil)
	log := b.pgLog(test, "")
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}

	clock.Advance(time.Minute)
	b = setup(t, cfg)
	if a := b.pgAs(test, "POST", "/postcards", "k", pgCard("A")); a.at(t, "id") != id || a.at(t, "status") != "printing" {
		t.Errorf("key and progression after a restart: %s", a.raw)
	}
	if a := b.pgAs(test, "GET", "/postcards/"+gone, "", nil); a.at(t, "status") != "cancelled" {
		t.Errorf("cancellation after a restart: %s", a.raw)
	}
	if diff := cmp.Diff(log, b.pgLog(test, "")); diff != "" || len(log) != 2 {
		t.Errorf("log after a restart (-want +got)\n%s", diff)
	}
	if a := b.pgAs(test, "GET", "/webhooks/"+hook, "", nil); a.status != 200 || a.at(t, "secret") != "a secret of the receiver's" {
		t.Errorf("webhook after a restart: %d %s", a.status, a.raw)
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	// The same state under an API that has no such changes.
	if _, err := vendorsim.New(vendorsim.Config{Dir: dir, Vendors: []vendorsim.Vendor{{Name: "postgrid", API: "lob"}}}); err == nil {
		t.Error("the state of another API is accepted")
	}
}
