package vendorsim_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

func TestLobCreateReplaysUnderTheSameKey(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	first := b.lob("POST", "/postcards", "key-1", postcard("REF1"))
	again := b.lob("POST", "/postcards", "key-1", postcard("REF1"))
	changed := b.lob("POST", "/postcards", "key-1", postcard("REF1", with("front", "<i>other</i>")))
	for _, a := range []answer{first, again, changed} {
		if a.status != http.StatusOK {
			t.Fatalf("status %d: %s %v", a.status, a.raw, a.err)
		}
	}
	if diff := cmp.Diff(first.json(t), again.json(t)); diff != "" {
		t.Errorf("replay (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(first.json(t), changed.json(t)); diff != "" {
		t.Errorf("replay with another body (-want +got)\n%s", diff)
	}
	if id, _ := first.at(t, "id").(string); !regexp.MustCompile(`^psc_[a-z0-9]{16}$`).MatchString(id) {
		t.Errorf("id %q", id)
	}
	if got := first.at(t, "to", "address_line1"); got != "210 KING ST" {
		t.Errorf("address %v is not in upper case", got)
	}
	if diff := cmp.Diff(map[string]int{vendorsim.Printed: 1}, b.events("REF1")); diff != "" {
		t.Errorf("print log (-want +got)\n%s", diff)
	}
	// Another type and the other mode are other scopes of the same key.
	letter := postcard("REF2", with("file", "<p>x</p>"), with("color", false), with("from", postcard("")["to"]), with("size", nil))
	if a := b.lob("POST", "/letters", "key-1", letter); a.status != http.StatusOK || a.at(t, "object") != "letter" {
		t.Errorf("letter under the same key: %d %s", a.status, a.raw)
	}
	test := b.lobAs("test_simlob", "POST", "/postcards", "key-1", postcard("REF1"))
	if test.status != http.StatusOK || test.at(t, "id") == first.at(t, "id") {
		t.Error("test mode replayed a live piece")
	}
	id := first.text(t, "id")
	if a := b.lobAs("test_simlob", "GET", "/postcards/"+id, "", nil); a.status != http.StatusNotFound {
		t.Errorf("test mode reads a live piece: %d", a.status)
	}
}

func TestLobKeys(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{Lob: vendorsim.LobConfig{ConflictOnChange: true}})
	first := b.lob("POST", "/postcards?idempotency_key=k", "", postcard("R"))
	if again := b.lob("POST", "/postcards", "k", postcard("R")); again.at(t, "id") != first.at(t, "id") {
		t.Error("the key in the query is not the key in the header")
	}
	if a := b.lob("POST", "/postcards?idempotency_key=k", "k", postcard("R")); a.status != 422 || a.at(t, "error", "code") != "bad_request" {
		t.Errorf("two keys: %d %s", a.status, a.raw)
	}
	if a := b.lob("POST", "/postcards", strings.Repeat("k", 257), postcard("R")); a.status != 422 {
		t.Errorf("long key: %d", a.status)
	}
	if a := b.lob("POST", "/postcards", "k", postcard("R", with("size", "6x11"))); a.status != 422 || a.at(t, "error", "code") != "conflict" {
		t.Errorf("changed body: %d %s", a.status, a.raw)
	}
	b.clock.Advance(24*time.Hour - time.Millisecond)
	if a := b.lob("POST", "/postcards", "k", postcard("R")); a.at(t, "id") != first.at(t, "id") {
		t.Error("the key is forgotten before 24 hours")
	}
	b.clock.Advance(time.Millisecond)
	if a := b.lob("POST", "/postcards", "k", postcard("R")); a.at(t, "id") == first.at(t, "id") {
		t.Error("the key outlives 24 hours")
	}
	if got := b.events("R")[vendorsim.Printed]; got != 2 {
		t.Errorf("%d printed, want 2: the second is the price of a late resend", got)
	}
}

func TestLobEncodings(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	form := url.Values{"front": {"<b>1</b>"}, "back": {"<b>2</b>"}, "use_type": {"marketing"}, "metadata[ref]": {"FORM"}}
	for k, v := range map[string]string{
		"name": "A B", "address_line1": "1 Main St", "address_city": "Boston", "address_state": "ma", "address_zip": "02101",
	} {
		form.Set("to["+k+"]", v)
	}
	a := b.do(t.Context(), "POST", "/lob/v1/postcards", strings.NewReader(form.Encode()), map[string]string{
		"Authorization": basic("live_simlob"), "Content-Type": "application/x-www-form-urlencoded",
	})
	if a.status != 200 || a.at(t, "to", "address_state") != "MA" || a.at(t, "metadata", "ref") != "FORM" {
		t.Errorf("form: %d %s %v", a.status, a.raw, a.err)
	}
	want := vendorsim.RecipientDigest("1 Main St", "", "Boston", "MA", "02101")
	if got := b.sim.Prints()[0].Recipient; got != want {
		t.Errorf("recipient %s, want %s", got, want)
	}
}

// TestLobMultipartIsStreamed sends more than may be held.
func TestLobMultipartIsStreamed(t *testing.T) { //nolint:paralleltest // it measures the process's memory
	b := setup(t, vendorsim.Config{Lob: vendorsim.LobConfig{MaxFile: 64 << 20}})
	send := func(size int64, last byte) answer {
		pr, pw := io.Pipe()
		mw := multipart.NewWriter(pw)
		go func() {
			for k, v := range map[string]string{
				"to[name]": "A B", "to[address_line1]": "1 Main St", "to[address_city]": "Boston", "to[address_state]": "MA",
				"to[address_zip]": "02101", "back": "<b>2</b>", "use_type": "marketing", "metadata[ref]": "MULTI",
			} {
				_ = mw.WriteField(k, v)
			}
			part, _ := mw.CreateFormFile("front", "front.pdf")
			_, _ = io.Copy(part, io.LimitReader(zeros{}, size-1))
			_, _ = part.Write([]byte{last})
			_ = mw.Close()
			_ = pw.Close()
		}()
		return b.do(t.Context(), "POST", "/lob/v1/postcards", pr, map[string]string{
			"Authorization": basic("live_simlob"), "Content-Type": mw.FormDataContentType(), "Idempotency-Key": "multi",
		})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := send(32<<20, 1)
	runtime.ReadMemStats(&after)
	if a.status != 200 {
		t.Fatalf("%d %s %v", a.status, a.raw, a.err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("32 MiB cost %d bytes of memory", got)
	}
	if a := send(1024, 2); a.status != 200 {
		t.Errorf("replay: %d", a.status)
	}
	if n := len(b.sim.Prints()); n != 1 {
		t.Errorf("%d printed", n)
	}
	if a := send(65<<20, 2); a.status != 422 && a.err == nil {
		t.Errorf("too large: %d %s", a.status, a.raw)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestLobValidation(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	to := func(name string, value any) func(map[string]any) {
		return func(m map[string]any) {
			address, _ := m["to"].(map[string]any)
			address[name] = value
		}
	}
	many := map[string]any{}
	for i := range 21 {
		many[fmt.Sprint(i)] = "v"
	}
	for name, tc := range map[string]struct {
		edit func(map[string]any)
		code string
	}{
		"no use_type":         {with("use_type", nil), "mail_use_type_can_not_be_null"},
		"bad use_type":        {with("use_type", "party"), "invalid"},
		"no to":               {with("to", nil), "invalid"},
		"unknown address id":  {with("to", "adr_1"), "not_found"},
		"lines over 50":       {to("address_line1", strings.Repeat("x", 51)), "address_length_exceeds_limit"},
		"name over 40":        {to("name", strings.Repeat("x", 41)), "invalid"},
		"no name":             {to("name", ""), "invalid"},
		"bad zip":             {to("address_zip", "9410"), "invalid"},
		"bad state":           {to("address_state", "California"), "invalid"},
		"undeliverable":       {to("address_zip", "00000"), "failed_deliverability_strictness"},
		"abroad without from": {to("address_country", "DE"), "invalid"},
		"bad size":            {with("size", "5x7"), "invalid"},
		"standard on 4x6":     {func(m map[string]any) { m["size"], m["mail_type"] = "4x6", "usps_standard" }, "invalid"},
		"no front":            {with("front", nil), "invalid"},
		"front of 10000":      {with("front", "<"+strings.Repeat("x", 9999)), "invalid"},
		"front not HTML":      {with("front", "hello"), "invalid_file"},
		"21 metadata":         {with("metadata", many), "invalid"},
		"metadata key 41":     {with("metadata", map[string]any{strings.Repeat("k", 41): "v"}), "invalid"},
		"metadata value 501":  {with("metadata", map[string]any{"k": strings.Repeat("v", 501)}), "invalid"},
		"metadata quote":      {with("metadata", map[string]any{"k": `"`}), "invalid"},
		"metadata nested":     {with("metadata", map[string]any{"k": map[string]any{}}), "invalid"},
		"description 256":     {with("description", strings.Repeat("d", 256)), "invalid"},
		"merge whitespace":    {with("merge_variables", map[string]any{"a b": "c"}), "merge_variable_whitespace"},
		"send_date past":      {with("send_date", "2026-11-23T14:00:00Z"), "invalid"},
		"send_date far":       {with("send_date", "2027-11-23"), "invalid"},
	} {
		a := b.lob("POST", "/postcards", "", postcard("R", tc.edit))
		if a.err != nil || a.status != 422 && a.status != 404 || a.at(t, "error", "code") != tc.code || a.at(t, "error", "status_code") != float64(a.status) {
			t.Errorf("%s: %d %s %v, want %s", name, a.status, a.raw, a.err, tc.code)
		}
	}
	if n := len(b.sim.Prints()); n != 0 {
		t.Errorf("%d printed", n)
	}
	ok := postcard("R", to("address_country", "DE"), with("size", "4x6"), func(m map[string]any) {
		m["from"] = postcard("")["to"]
	})
	if a := b.lob("POST", "/postcards", "", ok); a.status != 200 || a.at(t, "to", "address_country") != "GERMANY" {
		t.Errorf("abroad: %d %s", a.status, a.raw)
	}
}

func TestLobAccess(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	for key, want := range map[string]int{"": 401, "live_other": 401, "test_pub_x": 403, "test_simlob": 200} {
		if a := b.lobAs(key, "GET", "/postcards", "", nil); a.status != want {
			t.Errorf("key %q: %d, want %d", key, a.status, want)
		}
	}
	if a := b.lob("GET", "/checks", "", nil); a.status != 404 || a.at(t, "error", "code") != "unrecognized_endpoint" {
		t.Errorf("unknown endpoint: %d %s", a.status, a.raw)
	}
}

func TestLobRateLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	for i := range 150 {
		a := b.lob("GET", "/postcards", "", nil)
		if a.status != 200 || a.header.Get("ratelimit-remaining") != fmt.Sprint(149-i) {
			t.Fatalf("request %d: %d, remaining %q", i, a.status, a.header.Get("ratelimit-remaining"))
		}
	}
	a := b.lob("GET", "/postcards", "", nil)
	if a.status != 429 || a.at(t, "error", "code") != "rate_limit_exceeded" || a.header.Get("Retry-After") != "" {
		t.Errorf("over the limit: %d %s %v", a.status, a.raw, a.header)
	}
	if want := fmt.Sprint(start().Add(5 * time.Second).Unix()); a.header.Get("X-Rate-Limit-Reset") != want {
		t.Errorf("reset %q, want %s", a.header.Get("X-Rate-Limit-Reset"), want)
	}
	if a := b.lob("GET", "/letters", "", nil); a.status != 200 {
		t.Errorf("another endpoint: %d", a.status)
	}
	if a := b.lob("GET", "/postcards/psc_none", "", nil); a.status != 404 {
		t.Errorf("one piece is another endpoint than their list: %d", a.status)
	}
	b.clock.Advance(5 * time.Second)
	if a := b.lob("GET", "/postcards", "", nil); a.status != 200 {
		t.Errorf("after the window: %d", a.status)
	}
}

func TestLobListPages(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	var want []string // newest first
	for i := range 7 {
		a := b.lob("POST", "/postcards", "", postcard(fmt.Sprint("R", i)))
		want = append([]string{a.text(t, "id")}, want...)
		b.clock.Advance(time.Second)
	}
	b.lobAs("test_simlob", "POST", "/postcards", "", postcard("R3"))
	var got []string
	last := ""
	for path := "/postcards?limit=3&include[]=total_count"; path != ""; {
		a := b.lob("GET", path, "", nil)
		if a.at(t, "total_count") != 7.0 {
			t.Errorf("total %v", a.at(t, "total_count"))
		}
		got = append(got, ids(t, a)...)
		last, path = path, ""
		if next, ok := a.at(t, "next_url").(string); ok {
			path = strings.TrimPrefix(next, "http://sim/lob/v1")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got)\n%s", diff)
	}
	previous := b.lob("GET", last, "", nil).text(t, "previous_url")
	if diff := cmp.Diff(want[3:6], ids(t, b.lob("GET", strings.TrimPrefix(previous, "http://sim/lob/v1"), "", nil))); diff != "" {
		t.Errorf("page before the last (-want +got)\n%s", diff)
	}
	for query, want := range map[string][]string{
		"metadata[ref]=R3": want[3:4], "metadata[ref]=none": nil, "status=rendered": nil,
		"date_created[gte]=2026-11-23T15:00:05Z": want[:2], "date_created[lt]=2026-11-23T15:00:02Z": want[5:], "size=6x11": nil,
	} {
		if diff := cmp.Diff(want, ids(t, b.lob("GET", "/postcards?"+query, "", nil))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
	for _, query := range []string{"limit=0", "limit=101", "before=x&after=y", "date_created[gt]=soon"} {
		if a := b.lob("GET", "/postcards?"+query, "", nil); a.status != 422 {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}

func ids(t *testing.T, a answer) []string {
	t.Helper()
	var out []string
	data, _ := a.at(t, "data").([]any)
	for _, o := range data {
		m, _ := o.(map[string]any)
		id, _ := m["id"].(string)
		out = append(out, id)
	}
	return out
}

func TestLobCancel(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	create := func(ref, sendDate string) string {
		body := postcard(ref)
		if sendDate != "" {
			body["send_date"] = sendDate
		}
		return b.lob("POST", "/postcards", "key-"+ref, body).text(t, "id")
	}
	early, late, planned := create("EARLY", ""), create("LATE", ""), create("PLANNED", "2026-11-25")
	b.clock.Advance(5*time.Minute - time.Second)
	for range 2 { // a second time is the same
		if a := b.lob("DELETE", "/postcards/"+early, "", nil); a.status != 200 || a.at(t, "deleted") != true {
			t.Errorf("cancel: %d %s", a.status, a.raw)
		}
	}
	b.clock.Advance(time.Second)
	if a := b.lob("DELETE", "/postcards/"+late, "", nil); a.status != 422 || a.at(t, "error", "code") != "not_deletable" {
		t.Errorf("late cancel: %d %s", a.status, a.raw)
	}
	if a := b.lob("DELETE", "/postcards/"+planned, "", nil); a.status != 200 {
		t.Errorf("cancel before the send date: %d", a.status)
	}
	if a := b.lob("GET", "/postcards/"+early, "", nil); a.at(t, "deleted") != true {
		t.Errorf("read back: %s", a.raw)
	}
	if a := b.lob("POST", "/postcards", "key-EARLY", postcard("EARLY")); a.at(t, "id") != early || a.at(t, "deleted") != true {
		t.Errorf("the key of a canceled piece does not replay it: %s", a.raw)
	}
	if diff := cmp.Diff(map[string]int{vendorsim.Printed: 1, vendorsim.Voided: 1}, b.events("EARLY")); diff != "" {
		t.Errorf("print log (-want +got)\n%s", diff)
	}
	if a := b.lob("DELETE", "/postcards/psc_none", "", nil); a.status != 404 {
		t.Errorf("unknown: %d", a.status)
	}
}

func TestLobStatusMovesWithTime(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	id := b.lob("POST", "/postcards", "", postcard("R")).text(t, "id")
	names := func() (string, []string) {
		a := b.lob("GET", "/postcards/"+id, "", nil)
		var out []string
		events, _ := a.at(t, "tracking_events").([]any)
		for _, e := range events {
			m, _ := e.(map[string]any)
			name, _ := m["name"].(string)
			out = append(out, name)
		}
		return a.text(t, "status"), out
	}
	if status, events := names(); status != "processed" || events != nil {
		t.Errorf("at once: %s %v", status, events)
	}
	b.clock.Advance(time.Minute)
	if status, _ := names(); status != "rendered" {
		t.Errorf("after a minute: %s", status)
	}
	b.clock.Advance(10 * 24 * time.Hour)
	_, events := names()
	if diff := cmp.Diff([]string{"Mailed", "In Transit", "In Local Area", "Processed for Delivery", "Delivered"}, events); diff != "" {
		t.Errorf("after ten days (-want +got)\n%s", diff)
	}
	test := b.lobAs("test_simlob", "POST", "/postcards", "", postcard("R")).text(t, "id")
	b.clock.Advance(10 * 24 * time.Hour)
	if a := b.lobAs("test_simlob", "GET", "/postcards/"+test, "", nil); !bytes.Contains(a.raw, []byte(`"tracking_events":[]`)) {
		t.Errorf("test mode is tracked: %s", a.raw)
	}
}
