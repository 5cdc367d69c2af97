package vendorsim_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

func TestFail(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{PCM: vendorsim.PCMConfig{TokenTTL: 30 * 24 * time.Hour}})
	token := b.login("production")
	if err := b.sim.Fail("pcm", "A", "x"); err == nil {
		t.Error("an order that nobody placed has failed")
	}
	if err := b.sim.Fail("nobody", "A", "x"); err == nil {
		t.Error("a vendor that is not there has an order")
	}
	recipient := func(ref string) func(map[string]any) {
		return func(m map[string]any) {
			all, _ := m["recipients"].([]any)
			r, _ := all[0].(map[string]any)
			r["extRefNbr"] = ref
		}
	}
	id := fmt.Sprint(b.pcm(token, "POST", "/order/postcard", pcmCard("A", recipient("label"))).at(t, "orderID"))
	b.pcm(token, "POST", "/order/postcard", pcmCard("B"))
	for range 2 { // a second time it is as dead as it was
		if err := b.sim.Fail("pcm", "A", "no such address"); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.pcm(token, "GET", "/order/"+id, nil).at(t, "status"); got != "Undeliverable" {
		t.Errorf("the order is %v", got)
	}
	if diff := cmp.Diff(map[string]int{vendorsim.Printed: 1, vendorsim.Voided: 1}, b.events("A")); diff != "" {
		t.Errorf("print log (-want +got)\n%s", diff)
	}
	list := func(query string) (lines []map[string]any) {
		t.Helper()
		a := b.pcm(token, "GET", "/recipient/undeliverable"+query, nil)
		if a.status != 200 || json.Unmarshal(a.raw, &lines) != nil {
			t.Fatalf("%s: %d %s", query, a.status, a.raw)
		}
		return lines
	}
	want := []map[string]any{{"batchID": list("")[0]["batchID"], "orderID": 100001.0, "extRefNbr": "label", "failureReason": "no such address"}}
	if diff := cmp.Diff(want, list("")); diff != "" {
		t.Errorf("before the batch is mailed (-want +got)\n%s", diff)
	}
	b.clock.Advance(48 * time.Hour)
	if list("")[0]["date"] == nil {
		t.Error("after the batch was mailed its date is missing")
	}
	for query, n := range map[string]int{
		"?startDate=2026-11-23T00:00:00Z": 1, "?startDate=2026-11-25T00:00:00Z": 0, "?endDate=2026-11-23T00:00:00Z": 0,
		"?batchID=1": 0, fmt.Sprintf("?batchID=%.0f", want[0]["batchID"]): 1,
	} {
		if got := list(query); len(got) != n {
			t.Errorf("%s: %d lines, want %d", query, len(got), n)
		}
	}
	if a := b.pcm(token, "GET", "/recipient/undeliverable?startDate=soon", nil); a.status != 400 {
		t.Errorf("a date that is none: %d", a.status)
	}
}
