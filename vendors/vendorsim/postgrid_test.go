package vendorsim_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// postgridOnly is a configuration with nothing else.
func postgridOnly(cfg vendorsim.PostGridConfig) vendorsim.Config {
	return vendorsim.Config{Vendors: []vendorsim.Vendor{{Name: "postgrid"}}, PostGrid: cfg}
}

// pg sends a JSON body (or none) with the live key.
func (b *bundle) pg(method, path string, body any) answer {
	b.t.Helper()
	return b.pgAs("live_sk_simpostgrid", method, path, "", body)
}

func (b *bundle) pgAs(account, method, path, key string, body any) answer {
	b.t.Helper()
	return b.json(method, "/postgrid/print-mail/v1"+path, body, map[string]string{"X-Api-Key": account, "Idempotency-Key": key})
}

// pgCard returns a valid body of a postcard; edit changes it.
func pgCard(ref string, edit ...func(map[string]any)) map[string]any {
	body := map[string]any{
		"to": map[string]any{
			"firstName": "Ann", "lastName": "Doe", "addressLine1": "90 Canal St", "city": "Boston",
			"provinceOrState": "MA", "postalOrZip": "02114", "countryCode": "US",
		},
		"frontHTML": "<b>front</b>", "backHTML": "<b>back</b>", "size": "6x4",
		"metadata": map[string]any{"ref": ref}, "description": ref,
	}
	for _, e := range edit {
		e(body)
	}
	return body
}

// pgLetter returns a valid body of a letter.
func pgLetter(ref string, edit ...func(map[string]any)) map[string]any {
	return pgCard(ref, append([]func(map[string]any){
		with("from", pgCard("")["to"]), with("html", "<p>Dear {{to.firstName}}</p>"), with("size", nil),
		with("frontHTML", nil), with("backHTML", nil),
	}, edit...)...)
}

// TestPostGridKeys: keys do nothing on orders unless the account is one where
// they do.
func TestPostGridKeys(t *testing.T) {
	t.Parallel()
	for name, honored := range map[string]bool{"ignored": false, "honored": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, postgridOnly(vendorsim.PostGridConfig{IdempotencyKeys: honored}))
			send := func(account, path string, body any) string {
				a := b.pgAs(account, "POST", path, "k", body)
				if a.status != 201 {
					t.Fatalf("%d %s", a.status, a.raw)
				}
				return a.text(t, "id")
			}
			first := send("live_sk_simpostgrid", "/postcards", pgCard("R"))
			if !regexp.MustCompile(`^postcard_[a-z0-9]{16}$`).MatchString(first) {
				t.Errorf("id %q", first)
			}
			b.clock.Advance(24*time.Hour - time.Millisecond)
			changed := send("live_sk_simpostgrid", "/postcards", pgCard("R", with("size", "9x6")))
			if (changed == first) != honored {
				t.Errorf("the same key: the same order %v, want %v", changed == first, honored)
			}
			if letter := send("live_sk_simpostgrid", "/letters", pgLetter("R")); letter == first {
				t.Error("a letter replays a postcard")
			}
			if test := send("test_sk_simpostgrid", "/postcards", pgCard("R")); test == first {
				t.Error("test mode replays a live order")
			}
			b.clock.Advance(time.Millisecond)
			if late := send("live_sk_simpostgrid", "/postcards", pgCard("R")); honored && late == first {
				t.Error("the key outlives 24 hours")
			}
		})
	}
}

func TestPostGridOrder(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	a := b.pg("POST", "/letters", pgLetter("R", with("mailingClass", "certified"), with("color", true), with("mergeVariables", map[string]any{"x": "y"})))
	got := a.json(t)
	delete(got, "id")
	for _, role := range []string{"to", "from"} {
		contact, _ := got[role].(map[string]any)
		delete(contact, "id")
	}
	contact := func() map[string]any {
		return map[string]any{
			"object": "contact", "live": true, "firstName": "Ann", "lastName": "Doe", "addressLine1": "90 CANAL ST", "city": "BOSTON",
			"provinceOrState": "MA", "postalOrZip": "02114", "countryCode": "US", "addressStatus": "verified",
			"skipVerification": false, "forceVerifiedStatus": false,
			"createdAt": "2026-11-23T15:00:00.000Z", "updatedAt": "2026-11-23T15:00:00.000Z",
		}
	}
	want := map[string]any{
		"object": "letter", "live": true, "status": "ready", "to": contact(), "from": contact(), "size": "us_letter",
		"mailingClass": "certified", "color": true, "doubleSided": false, "addressPlacement": "top_first_page", "envelope": "standard",
		"mergeVariables": map[string]any{"x": "y"}, "metadata": map[string]any{"ref": "R"}, "description": "R",
		"sendDate": "2026-11-23T15:00:00.000Z", "createdAt": "2026-11-23T15:00:00.000Z", "updatedAt": "2026-11-23T15:00:00.000Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	line := b.sim.Prints()[0]
	if line.Ref != "R" || line.Recipient != vendorsim.RecipientDigest("90 Canal St", "", "Boston", "MA", "02114") {
		t.Errorf("print line %+v", line)
	}
	described := b.pg("POST", "/postcards", pgCard("", with("description", "D"), with("metadata", nil)))
	if got := b.sim.Prints()[1].Ref; described.status != 201 || got != "D" {
		t.Errorf("without metadata the reference is %q, want the description", got)
	}
	failed := b.pg("POST", "/postcards", pgCard("U", func(m map[string]any) {
		to, _ := m["to"].(map[string]any)
		to["addressLine1"] = "1 Undeliverable Way"
	}))
	if failed.at(t, "to", "addressStatus") != "failed" {
		t.Errorf("an address that cannot be verified: %s", failed.raw)
	}
}

func TestPostGridEncodings(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	fields := map[string]string{"size": "us_letter", "color": "true", "metadata[ref]": "FORM", "mailingClass": "first_class"}
	for _, role := range []string{"to", "from"} {
		for k, v := range map[string]string{
			"companyName": "Firm", "addressLine1": "1 High St", "city": "Leeds", "postalOrZip": "LS1 1AA", "countryCode": "GB",
		} {
			fields[role+"["+k+"]"] = v
		}
	}
	form := url.Values{"html": {"<p>"}}
	var upload bytes.Buffer
	mw := multipart.NewWriter(&upload)
	for k, v := range fields {
		form.Set(k, v)
		if err := mw.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	part, err := mw.CreateFormFile("pdf", "pdf.pdf")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("%PDF-1.7"))
	_ = mw.Close()
	for media, body := range map[string]io.Reader{
		"application/x-www-form-urlencoded": strings.NewReader(form.Encode()), mw.FormDataContentType(): &upload,
	} {
		a := b.do(t.Context(), "POST", "/postgrid/print-mail/v1/letters", body, map[string]string{
			"X-Api-Key": "live_sk_simpostgrid", "Content-Type": media,
		})
		if a.status != 201 || a.at(t, "to", "city") != "Leeds" || a.at(t, "color") != true || a.at(t, "metadata", "ref") != "FORM" {
			t.Errorf("%s: %d %s %v", media, a.status, a.raw, a.err)
		}
		if _, uploaded := a.json(t)["uploadedPDF"]; uploaded != strings.HasPrefix(media, "multipart") {
			t.Errorf("%s: uploaded %v", media, uploaded)
		}
	}
}

func TestPostGridValidation(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	to := func(name string, value any) func(map[string]any) {
		return func(m map[string]any) {
			address, _ := m["to"].(map[string]any)
			address[name] = value
		}
	}
	for name, edit := range map[string]func(map[string]any){
		"no to":                  with("to", nil),
		"no name":                to("firstName", ""),
		"no line":                to("addressLine1", nil),
		"no country":             to("countryCode", ""),
		"a country's name":       to("countryCode", "Germany"),
		"a number for a name":    to("firstName", 7),
		"no size":                with("size", nil),
		"a size, length first":   with("size", "4x6"),
		"an unknown class":       with("mailingClass", "pigeon"),
		"no front":               with("frontHTML", nil),
		"both forms of a side":   with("backTemplate", "template_1"),
		"metadata of no pairs":   with("metadata", "x"),
		"a send date in words":   with("sendDate", "tomorrow"),
		"a PDF that is no URL":   with("pdf", "letter.pdf"),
		"a description in parts": with("description", []any{"x"}),
	} {
		if a := b.pg("POST", "/postcards", pgCard("R", edit)); a.status != 400 || a.at(t, "error", "type") != "validation_error" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	for name, edit := range map[string]func(map[string]any){
		"an unknown contact":  with("to", "contact_123"),
		"an unknown template": func(m map[string]any) { m["backHTML"], m["backTemplate"] = nil, "tmpl_1" },
	} {
		if a := b.pg("POST", "/postcards", pgCard("R", edit)); a.status != 404 || a.at(t, "error", "type") != "not_found_error" || a.at(t, "object") != "error" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	for name, body := range map[string]any{
		"a letter without from": pgLetter("R", with("from", nil)), "a letter with two sides": pgCard("R", with("from", pgCard("")["to"])),
		"a flag in words": pgLetter("R", with("color", "yes please")),
	} {
		if a := b.pg("POST", "/letters", body); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if n := len(b.sim.Prints()); n != 0 {
		t.Errorf("%d printed", n)
	}
}

func TestPostGridAccess(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	for key, want := range map[string]int{"": 401, "live_sk_other": 401, "test_sk_simpostgrid": 200, "live_sk_simpostgrid": 200} {
		if a := b.pgAs(key, "GET", "/postcards", "", nil); a.status != want {
			t.Errorf("key %q: %d, want %d", key, a.status, want)
		}
	}
	id := b.pg("POST", "/postcards", pgCard("R")).text(t, "id")
	for path, want := range map[string]int{
		"/postcards/" + id: 200, "/letters/" + id: 404, "/postcards/postcard_none": 404, "/boxes": 404,
		"/postcards/" + id + "/x": 404, "/postcards/" + id + "/x/y": 404, "/events/x": 404,
	} {
		if a := b.pg("GET", path, nil); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
	if a := b.pgAs("test_sk_simpostgrid", "GET", "/postcards/"+id, "", nil); a.status != 404 || a.at(t, "error", "type") != "not_found_error" {
		t.Errorf("test mode reads a live order: %d %s", a.status, a.raw)
	}
}

// pgIDs are the ids on a page, which says how much there is.
func pgIDs(t *testing.T, a answer, total int) []string {
	t.Helper()
	if a.status != 200 || a.at(t, "object") != "list" || a.at(t, "totalCount") != float64(total) {
		t.Errorf("%d %s, want a list of %d", a.status, a.raw, total)
	}
	return ids(t, a)
}

func TestPostGridSearchAndPages(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	var want []string // newest first
	for i := range 25 {
		want = append([]string{b.pg("POST", "/postcards", pgCard(fmt.Sprint("REF", i))).text(t, "id")}, want...)
		b.clock.Advance(time.Second)
	}
	b.pgAs("test_sk_simpostgrid", "POST", "/postcards", "", pgCard("REF3"))
	b.pg("POST", "/letters", pgLetter("REF3"))
	for query, page := range map[string][]string{
		"": want[:10], "?limit=4&skip=23": want[23:], "?skip=20": want[20:], "?skip=25": nil, "?limit=100": want, "?search=": want[:10],
	} {
		if diff := cmp.Diff(page, pgIDs(t, b.pg("GET", "/postcards"+query, nil), 25)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
	for search, page := range map[string][]string{
		`"REF3"`: {want[21]}, `"REF24"`: {want[0]}, `"none of them"`: nil, `REF11`: {want[13]}, `"EF20"`: {want[4]}, `"` + want[7] + `"`: {want[7]},
	} {
		if diff := cmp.Diff(page, pgIDs(t, b.pg("GET", "/postcards?search="+url.QueryEscape(search), nil), len(page))); diff != "" {
			t.Errorf("search for %s (-want +got)\n%s", search, diff)
		}
	}
	// A structured search is exact, and of the field alone.
	for search, page := range map[string][]string{
		`{"metadata.ref":"REF3"}`: {want[21]}, `{"metadata.ref":"EF20"}`: nil, `{"description":"REF3","size":"6x4"}`: {want[21]},
		`{"to.city":"Boston","metadata.ref":"REF24"}`: {want[0]}, `{"metadata":"REF3"}`: nil, `{"metadata.ref.x":"REF3"}`: nil,
	} {
		if diff := cmp.Diff(page, pgIDs(t, b.pg("GET", "/postcards?search="+url.QueryEscape(search), nil), len(page))); diff != "" {
			t.Errorf("search for %s (-want +got)\n%s", search, diff)
		}
	}
	if got := pgIDs(t, b.pg("GET", "/postcards?limit=30&search=%2290+Canal+St%22", nil), 25); len(got) != 25 {
		t.Errorf("a search for what all have finds %d", len(got))
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "skip=-1"} {
		if a := b.pg("GET", "/postcards?"+query, nil); a.status != 400 {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}
