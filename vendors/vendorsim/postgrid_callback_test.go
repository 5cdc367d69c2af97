package vendorsim_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// pgTold is what the tests look at of an event of PostGrid's.
type pgTold struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		Status string `json:"status"`
		Imb    string `json:"imbStatus"`
	} `json:"data"`
}

// told verifies a callback by hand and returns its event.
func (g received) told(t *testing.T, secret string) pgTold {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	raw := g.body
	var sum []byte
	if stamped := g.header.Get("PostGrid-Signature"); stamped != "" {
		stamp, v1, _ := strings.Cut(strings.TrimPrefix(stamped, "t="), ",v1=")
		mac.Write([]byte(stamp + "." + string(raw)))
		sum, _ = hex.DecodeString(v1)
	} else {
		parts := strings.Split(string(raw), ".")
		if len(parts) != 3 {
			t.Fatalf("no token: %s", raw)
		}
		mac.Write([]byte(parts[0] + "." + parts[1]))
		sum, _ = base64.RawURLEncoding.DecodeString(parts[2])
		raw, _ = base64.RawURLEncoding.DecodeString(parts[1])
	}
	if !hmac.Equal(mac.Sum(nil), sum) {
		t.Errorf("the signature of %s does not fit", g.body)
	}
	var e pgTold
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return e
}

// TestPostGridCallbacks sets webhooks up by the API, one of each form, and
// compares what they are told with the event log.
func TestPostGridCallbacks(t *testing.T) {
	t.Parallel()
	clock := vendorsim.NewClock(start(), 0)
	r := &receiver{clock: clock}
	cfg := postgridOnly(vendorsim.PostGridConfig{})
	cfg.Clock, cfg.CallbackTransport = clock, r
	b := setup(t, cfg)
	b.clock = clock
	const test, secret = "test_sk_simpostgrid", "a secret of the receiver's"
	for _, format := range []string{"jwt", "json"} {
		body := pgHook("postcard.created", "postcard.updated")
		body["payloadFormat"] = format
		if a := b.pgAs(test, http.MethodPost, "/webhooks", "", body); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	}
	id := b.pgAs(test, http.MethodPost, "/postcards", "", pgCard("A")).text(t, "id")
	b.pass(time.Minute, time.Second)
	for range 2 {
		b.pgAs(test, http.MethodPost, "/postcards/"+id+"/progressions", "", nil)
		b.pass(time.Minute, time.Second)
	}
	b.pg(http.MethodPost, "/postcards", pgCard("LIVE")) // of the other mode: nobody listens
	gone := b.pgAs(test, http.MethodPost, "/postcards", "", pgCard("B")).text(t, "id")
	b.pass(time.Minute, time.Second)
	b.pgAs(test, http.MethodDelete, "/postcards/"+gone, "", nil)
	b.pass(24*time.Hour, time.Hour)
	var got []string
	forms, told := map[bool]int{}, map[string]bool{}
	for _, g := range r.all() {
		e := g.told(t, secret)
		token := g.header.Get("PostGrid-Signature") == ""
		if forms[token]++; token {
			got = append(got, e.Type+" "+e.Data.Status)
			told[e.ID] = true
		}
	}
	want := []string{
		"postcard.created ready", "postcard.updated printing", "postcard.updated processed_for_delivery",
		"postcard.created ready", "postcard.updated cancelled", "postcard.updated completed",
	}
	if diff := cmp.Diff(want, got); diff != "" || forms[true] != forms[false] {
		t.Errorf("tokens and others %v (-want +got)\n%s", forms, diff)
	}
	logged := ids(t, b.pgAs(test, http.MethodGet, "/events", "", nil))
	for _, id := range logged {
		delete(told, id)
	}
	if len(logged) != len(want) || len(told) != 0 {
		t.Errorf("%d events in the log, and not in it %v", len(logged), told)
	}
}

// TestPostGridWantsExactly200 and tries three more times, after an hour, two and
// four.
func TestPostGridWantsExactly200(t *testing.T) {
	t.Parallel()
	clock := vendorsim.NewClock(start(), 0)
	r := &receiver{clock: clock, answer: func(int, received) (int, string) { return http.StatusNoContent, "" }}
	cfg := postgridOnly(vendorsim.PostGridConfig{TestTracking: true})
	cfg.Clock, cfg.CallbackTransport = clock, r
	cfg.Webhooks = []vendorsim.Webhook{{Vendor: "postgrid", URL: "https://receiver.example/pg", Secret: hookSecret, Types: []string{"postcard.created"}}}
	b := setup(t, cfg)
	b.clock = clock
	b.pgAs("test_sk_simpostgrid", http.MethodPost, "/postcards", "", pgCard("A"))
	b.pass(24*time.Hour, time.Minute)
	var waits []time.Duration
	all := r.all()
	for i := 1; i < len(all); i++ {
		waits = append(waits, all[i].at.Sub(all[i-1].at).Round(time.Hour))
	}
	if diff := cmp.Diff([]time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour}, waits); diff != "" {
		t.Errorf("waits (-want +got)\n%s", diff)
	}
	if got := b.pgLog("test_sk_simpostgrid", ""); len(got) != 1 { // a webhook that was set by hand listens as well
		t.Errorf("log %v", got)
	}
}
