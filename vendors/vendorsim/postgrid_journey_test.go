package vendorsim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestPostGridCancel until the midnight, Eastern time, that ends the send date.
func TestPostGridCancel(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{})) // 10:00 in New York
	create := func(ref, sendDate string) string {
		return b.pg("POST", "/postcards", pgCard(ref, with("sendDate", sendDate))).text(t, "id")
	}
	status := func(id string) string { return b.pg("GET", "/postcards/"+id, nil).text(t, "status") }
	early, late, noted := create("EARLY", ""), create("LATE", "2025-01-01"), create("NOTED", "")
	planned := create("PLANNED", "2026-11-25T12:00:00.000Z")
	b.clock.Advance(14*time.Hour - time.Millisecond)
	if a := b.pg("DELETE", "/postcards/"+early, nil); a.status != 200 || a.at(t, "status") != "cancelled" || a.at(t, "cancellation", "reason") != "user_initiated" {
		t.Errorf("cancel: %d %s", a.status, a.raw)
	}
	if a := b.pg("POST", "/postcards/"+noted+"/cancellation", map[string]any{"note": "x"}); a.status != 200 || a.at(t, "status") != "cancelled" {
		t.Errorf("cancel with a note: %d %s", a.status, a.raw)
	}
	if a := b.pg("DELETE", "/postcards/"+early, nil); a.status != 422 {
		t.Errorf("a second time: %d", a.status)
	}
	b.clock.Advance(time.Millisecond)
	if a := b.pg("DELETE", "/postcards/"+late, nil); a.status != 422 || status(late) != "printing" {
		t.Errorf("at midnight: %d %s, %s", a.status, a.raw, status(late))
	}
	b.clock.Advance(48*time.Hour - time.Millisecond)
	if status(planned) != "ready" {
		t.Errorf("before the end of its send date: %s", status(planned))
	}
	b.clock.Advance(time.Millisecond)
	if a := b.pg("DELETE", "/postcards/"+planned, nil); a.status != 422 || status(planned) != "printing" {
		t.Errorf("on the day after its send date: %d %s", a.status, status(planned))
	}
	if a := b.pg("GET", "/postcards/"+early, nil); a.at(t, "status") != "cancelled" || a.at(t, "updatedAt") != "2026-11-24T04:59:59.999Z" {
		t.Errorf("read back: %s", a.raw)
	}
	for ref, want := range map[string]map[string]int{"EARLY": {vendorsim.Printed: 1, vendorsim.Voided: 1}, "LATE": {vendorsim.Printed: 1}} {
		if diff := cmp.Diff(want, b.events(ref)); diff != "" {
			t.Errorf("print log of %s (-want +got)\n%s", ref, diff)
		}
	}
	if a := b.pg("DELETE", "/postcards/postcard_none", nil); a.status != 404 {
		t.Errorf("unknown: %d", a.status)
	}
}

// TestPostGridJourney follows both axes of a live order, and those of orders
// that have one only.
func TestPostGridJourney(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	home := b.pg("POST", "/letters", pgLetter("HOME", with("mailingClass", "certified"))).text(t, "id")
	abroad := b.pg("POST", "/letters", pgLetter("ABROAD", func(m map[string]any) {
		m["to"] = map[string]any{"companyName": "Firm", "addressLine1": "1 High St", "countryCode": "GB"}
	})).text(t, "id")
	test := b.pgAs("test_sk_simpostgrid", "POST", "/letters", "", pgLetter("TEST")).text(t, "id")
	seen := func(account, id string) string {
		a := b.pgAs(account, "GET", "/letters/"+id, "", nil)
		imb, _ := a.json(t)["imbStatus"].(string)
		return strings.TrimSuffix(a.text(t, "status")+"/"+imb, "/")
	}
	journeys := map[string][]string{}
	note := func(name, account, id string) {
		now := seen(account, id)
		if path := journeys[name]; len(path) == 0 || path[len(path)-1] != now {
			journeys[name] = append(path, now)
		}
	}
	if _, rendered := b.pg("GET", "/letters/"+home, nil).json(t)["url"]; rendered {
		t.Error("the preview is there at once")
	}
	for range 24 * 16 {
		note("home", "live_sk_simpostgrid", home)
		note("abroad", "live_sk_simpostgrid", abroad)
		note("test", "test_sk_simpostgrid", test)
		b.clock.Advance(time.Hour)
	}
	want := map[string][]string{
		"home": {
			"ready", "printing", "processed_for_delivery", "processed_for_delivery/entered_mail_stream",
			"processed_for_delivery/out_for_delivery", "completed/out_for_delivery",
		},
		"abroad": {"ready", "printing", "processed_for_delivery", "completed"},
		"test":   {"ready", "completed"},
	}
	if diff := cmp.Diff(want, journeys); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	a := b.pg("GET", "/letters/"+home, nil)
	if _, rendered := a.json(t)["url"]; !rendered || a.text(t, "trackingNumber") == "" || a.at(t, "imbZIPCode") != "02114" || a.at(t, "imbDate") == nil {
		t.Errorf("at the end: %s", a.raw)
	}
}

func TestPostGridProgressions(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	live := b.pg("POST", "/postcards", pgCard("LIVE")).text(t, "id")
	id := b.pgAs("test_sk_simpostgrid", "POST", "/postcards", "", pgCard("TEST")).text(t, "id")
	step := func(account, id string) answer {
		b.clock.Advance(time.Minute)
		return b.pgAs(account, "POST", "/postcards/"+id+"/progressions", "", nil)
	}
	for _, want := range []string{"printing", "processed_for_delivery", "completed"} {
		if a := step("test_sk_simpostgrid", id); a.status != 200 || a.at(t, "status") != want {
			t.Errorf("%d %s, want %s", a.status, a.raw, want)
		}
		if want == "printing" {
			if a := b.pgAs("test_sk_simpostgrid", "DELETE", "/postcards/"+id, "", nil); a.status != 422 {
				t.Errorf("cancel of what is printing: %d", a.status)
			}
		}
	}
	canceled := b.pgAs("test_sk_simpostgrid", "POST", "/postcards", "", pgCard("GONE")).text(t, "id")
	b.pgAs("test_sk_simpostgrid", "DELETE", "/postcards/"+canceled, "", nil)
	for name, a := range map[string]answer{
		"completed": step("test_sk_simpostgrid", id), "canceled": step("test_sk_simpostgrid", canceled), "live": step("live_sk_simpostgrid", live),
	} {
		if a.status != 422 || a.at(t, "error", "type") != "invalid_progression_error" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if a := step("test_sk_simpostgrid", live); a.status != 404 {
		t.Errorf("of the other mode: %d", a.status)
	}
}
