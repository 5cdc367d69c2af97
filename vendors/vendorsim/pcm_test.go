package vendorsim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

func TestPCMReferenceIsUnique(t *testing.T) {
	t.Parallel()
	for name, free := range map[string]bool{"taken after a cancel": false, "free after a cancel": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, vendorsim.Config{PCM: vendorsim.PCMConfig{FreeRefOnCancel: free}})
			token := b.login("production")
			first := b.pcm(token, "POST", "/order/postcard", pcmCard("REF"))
			if first.status != 201 || first.at(t, "extRefNbr") != "REF" {
				t.Fatalf("%d %s", first.status, first.raw)
			}
			again := b.pcm(token, "POST", "/order/postcard", pcmCard("REF", with("size", "46S")))
			data, _ := again.at(t, "error", "data").([]any)
			want := []any{map[string]any{
				"message": "Specified external reference number was duplicated for this order", "property": "extRefNbr",
			}}
			if diff := cmp.Diff(want, data); again.status != 409 || diff != "" {
				t.Errorf("%d (-want +got)\n%s", again.status, diff)
			}
			if a := b.pcm(b.login("sandbox"), "POST", "/order/postcard", pcmCard("REF")); a.status != 201 {
				t.Errorf("sandbox shares references with production: %d", a.status)
			}
			id := fmt.Sprint(first.at(t, "orderID"))
			if a := b.pcm(token, "DELETE", "/order/"+id, nil); a.status != 204 {
				t.Errorf("cancel: %d %s", a.status, a.raw)
			}
			if a := b.pcm(token, "DELETE", "/order/"+id, nil); a.status != 400 {
				t.Errorf("second cancel: %d %s", a.status, a.raw)
			}
			if a := b.pcm(token, "GET", "/order/"+id, nil); a.at(t, "status") != "Canceled" {
				t.Errorf("read back: %s", a.raw)
			}
			status := map[bool]int{false: 409, true: 201}[free]
			if a := b.pcm(token, "POST", "/order/postcard", pcmCard("REF")); a.status != status {
				t.Errorf("reference of a canceled order: %d, want %d", a.status, status)
			}
		})
	}
}

func TestPCMToken(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	token := b.login("production")
	for name, bad := range map[string]string{"none": "", "garbage": "a.b.c", "tampered": token[:len(token)-4] + "AAAA"} {
		if a := b.pcm(bad, "GET", "/order", nil); a.status != 401 || a.at(t, "error", "code") != 401.0 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	b.clock.Advance(time.Hour - time.Second)
	if a := b.pcm(token, "GET", "/order", nil); a.status != 200 {
		t.Errorf("before the end: %d", a.status)
	}
	b.clock.Advance(time.Second)
	if a := b.pcm(token, "GET", "/order", nil); a.status != 401 {
		t.Errorf("expired: %d", a.status)
	}
	if a := b.pcm("", "POST", "/auth/login", map[string]any{"apiKey": "production-pcm", "apiSecret": "wrong"}); a.status != 401 {
		t.Errorf("wrong secret: %d", a.status)
	}
	child := map[string]any{"apiKey": "production-pcm", "apiSecret": "production-secret-pcm", "childRefNbr": strings.Repeat("x", 51)}
	if a := b.pcm("", "POST", "/auth/login", child); a.status != 400 {
		t.Errorf("a child's reference of 51 characters: %d %s", a.status, a.raw)
	}
	if a := b.pcm("", "POST", "/auth/login", map[string]any{"apiKey": "x"}); a.status != 400 {
		t.Errorf("no secret: %d", a.status)
	}
}

func TestPCMCutoffAndBatches(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{PCM: vendorsim.PCMConfig{TokenTTL: 30 * 24 * time.Hour}})
	token, sandbox := b.login("production"), b.login("sandbox")
	id := func(a answer) string { return fmt.Sprint(a.at(t, "orderID")) }
	first := b.pcm(token, "POST", "/order/postcard", pcmCard("A"))
	second := id(b.pcm(token, "POST", "/order/postcard", pcmCard("B")))
	test := id(b.pcm(sandbox, "POST", "/order/postcard", pcmCard("C")))
	planned := id(b.pcm(token, "POST", "/order/postcard", pcmCard("D", with("mailDate", "2026-12-24"))))
	batch := fmt.Sprintf("%.0f", first.at(t, "batchID"))
	state := func() [2]any {
		return [2]any{b.pcm(token, "GET", "/order/"+id(first), nil).at(t, "status"), b.pcm(token, "GET", "/batch/"+batch, nil).at(t, "status")}
	}
	// The cut-off is 11:30 PM EST, which is 4:30 UTC of the next day.
	b.clock.Set(time.Date(2026, 11, 24, 4, 29, 59, 0, time.UTC))
	if a := b.pcm(token, "DELETE", "/order/"+second, nil); a.status != 204 {
		t.Errorf("cancel before the cut-off: %d %s", a.status, a.raw)
	}
	var got [][2]any
	got = append(got, state())
	b.clock.Set(time.Date(2026, 11, 24, 4, 30, 0, 0, time.UTC))
	for _, order := range []string{id(first), second} {
		if a := b.pcm(token, "DELETE", "/order/"+order, nil); a.status != 400 {
			t.Errorf("cancel at the cut-off: %d", a.status)
		}
	}
	got = append(got, state())
	if err := b.sim.SetOutage("pcm", vendorsim.OutagePayment, true); err != nil {
		t.Fatal(err)
	}
	got = append(got, state())
	if err := b.sim.SetOutage("pcm", vendorsim.OutagePayment, false); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(20 * time.Hour)
	got = append(got, state())
	b.clock.Advance(4 * 24 * time.Hour)
	got = append(got, state())
	want := [][2]any{
		{"Pending", "Pending"},
		{"Processing", "Processing"},
		{"Pending", "Pending Payment"},
		{"Processed", "Mailing"},
		{"Delivered", "Delivered"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order and batch (-want +got)\n%s", diff)
	}
	// The first is when the batch went to press, by the documentation; the other is when its status changed.
	if a := b.pcm(token, "GET", "/batch/"+batch, nil); a.at(t, "createdDate") != "2026-11-24T04:30:00.000Z" || a.at(t, "lastModifiedDate") != "2026-11-28T04:30:00.000Z" {
		t.Errorf("the batch's dates: %s", a.raw)
	}
	if a := b.pcm(sandbox, "GET", "/order/"+test, nil); a.at(t, "status") != "Pending" {
		t.Errorf("sandbox went to press: %s", a.raw)
	}
	if a := b.pcm(token, "DELETE", "/order/"+planned, nil); a.status != 204 {
		t.Errorf("cancel of a later mailDate: %d", a.status)
	}
	orders := b.pcm(token, "GET", "/batch/"+batch+"/orders", nil)
	if got := orders.at(t, "pagination", "totalResults"); got != 2.0 {
		t.Errorf("%v orders in the batch, want 2", got)
	}
	people := b.pcm(token, "GET", fmt.Sprint(b.pcm(token, "GET", "/batch/"+batch, nil).at(t, "subresources", "recipients"), "?perPage=1&page=2"), nil)
	if list, _ := people.at(t, "results").([]any); people.at(t, "pagination", "totalResults") != 2.0 || len(list) != 1 {
		t.Errorf("the batch's recipients: %s", people.raw)
	}
	if got := b.pcm(token, "GET", "/batch", nil).at(t, "pagination", "totalResults"); got != 2.0 {
		t.Errorf("%v batches, want 2", got)
	}
}

func TestPCMList(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	token := b.login("production")
	for i := range 23 {
		b.pcm(token, "POST", "/order/postcard", pcmCard(fmt.Sprint("R", i)))
	}
	var refs []any
	pages := 0
	for path := "/order"; path != ""; pages++ {
		a := b.pcm(token, "GET", path, nil)
		results, _ := a.at(t, "results").([]any)
		for _, r := range results {
			m, _ := r.(map[string]any)
			refs = append(refs, m["extRefNbr"])
		}
		path, _ = a.at(t, "pagination", "nextPage").(string) // null on the last page
	}
	if len(refs) != 23 || pages != 3 || refs[22] != "R22" {
		t.Errorf("%d orders on %d pages: %v", len(refs), pages, refs)
	}
	found := b.pcm(token, "GET", "/order?extRefNbr=R7", nil)
	results, _ := found.at(t, "results").([]any)
	if m, _ := results[0].(map[string]any); len(results) != 1 || m["extRefNbr"] != "R7" {
		t.Errorf("by reference: %s", found.raw)
	}
	if a := b.pcm(token, "GET", "/order?extRefNbr=none", nil); a.status != 200 || a.at(t, "pagination", "totalResults") != 0.0 {
		t.Errorf("absent: %s", a.raw)
	}
	bulk := b.pcm(token, "POST", "/order/bulk-cancel", map[string]any{"orders": []int{100001, 100002, 9}})
	results, _ = bulk.at(t, "results").([]any)
	var codes []any
	for _, r := range results {
		m, _ := r.(map[string]any)
		codes = append(codes, m["code"])
	}
	if diff := cmp.Diff([]any{200.0, 200.0, 404.0}, codes); diff != "" {
		t.Errorf("bulk cancel (-want +got)\n%s", diff)
	}
}

func TestPCMValidation(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	token := b.login("production")
	recipient := func(name string, value any) func(map[string]any) {
		return func(m map[string]any) {
			all, _ := m["recipients"].([]any)
			r, _ := all[0].(map[string]any)
			r[name] = value
		}
	}
	noName := func(m map[string]any) { recipient("firstName", "")(m); recipient("lastName", "")(m) }
	for name, tc := range map[string]struct {
		edit func(map[string]any)
		want int
	}{
		"mail class":     {with("mailClass", "Express"), 400},
		"no recipients":  {with("recipients", []any{}), 400},
		"no name":        {noName, 400},
		"no city":        {recipient("city", ""), 400},
		"no back":        {with("back", ""), 400},
		"size":           {with("size", "5x7"), 400},
		"46 is first":    {with("mailClass", "Standard"), 400},
		"mail date past": {with("mailDate", "2026-11-22"), 400},
		"mail date form": {with("mailDate", "11/24/2026"), 400},
		"front no art":   {with("front", "f.pdf"), 400},
		"variable":       {recipient("variables", []any{map[string]any{"value": "x"}}), 400},
		"return address": {with("returnAddress", map[string]any{"city": "X"}), 400},
		"unverifiable":   {recipient("zipCode", "00000"), 422},
	} {
		a := b.pcm(token, "POST", "/order/postcard", pcmCard("R", tc.edit))
		if a.status != tc.want || a.at(t, "error", "message") != "One or more errors occurred" {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.raw, tc.want)
		}
	}
	if n := len(b.sim.Prints()); n != 0 {
		t.Errorf("%d printed", n)
	}
	letter := pcmCard("L", with("letter", "<p>x</p>"), with("letterStock", "Regular"), with("color", false),
		with("printOnBothSides", true), with("insertAddressingPage", false), with("envelope", map[string]any{"type": "fullWindow"}))
	if a := b.pcm(token, "POST", "/order/letter", letter); a.status != 201 {
		t.Errorf("letter: %d %s", a.status, a.raw)
	}
	for name, edit := range map[string]func(map[string]any){
		"an image for a letter":    with("letter", "https://c.example/l.PNG?v=1"),
		"a letter that is no art":  with("letter", "Dear Alex"),
		"an envelope without name": with("envelope", map[string]any{"type": "Custom"}),
	} {
		if a := b.pcm(token, "POST", "/order/letter", pcmCard("L2", with("letter", "<p>x</p>"), with("letterStock", "Regular"), with("color", false),
			with("printOnBothSides", true), with("insertAddressingPage", false), with("envelope", map[string]any{"type": "fullWindow"}), edit)); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	brochure := pcmCard("B", with("brochure", "https://c.example/b.pdf"), with("brochureOptions", map[string]any{"foldType": "Bi"}))
	one, _ := brochure["recipients"].([]any)
	brochure["recipients"] = append(one, map[string]any{
		"company": "X", "address": "1 Main St", "city": "Boston", "state": "MA", "zipCode": "02101",
	})
	if a := b.pcm(token, "POST", "/order/brochure", brochure); a.status != 201 {
		t.Errorf("brochure: %d %s", a.status, a.raw)
	}
	if got := b.events("B")[vendorsim.Printed]; got != 2 {
		t.Errorf("an order for two printed %d", got)
	}
}
