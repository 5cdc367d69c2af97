package vendorsim_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// lobLetter returns a valid body of a letter.
func lobLetter(edit ...func(map[string]any)) map[string]any {
	return postcard("R", append([]func(map[string]any){
		with("from", postcard("")["to"]), with("file", "<p>x</p>"), with("color", false), with("size", nil), with("front", nil), with("back", nil),
	}, edit...)...)
}

// toAbroad sends a body to Paris.
func toAbroad(change ...func(address map[string]any)) func(map[string]any) {
	return func(m map[string]any) {
		address := map[string]any{
			"name": "Jane", "address_line1": "1 Rue", "address_city": "Paris", "address_zip": "75001", "address_country": "FR",
		}
		for _, c := range change {
			c(address)
		}
		m["to"] = address
	}
}

// TestLobCombinations: what each field allows by itself, and together it does not.
func TestLobCombinations(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	service := func(name string) func(map[string]any) { return with("extra_service", name) }
	for _, tc := range []struct {
		name, path string
		edit       []func(map[string]any)
		code       string
	}{
		{"certified at home", "letters", []func(map[string]any){service("certified")}, ""},
		{"certified abroad", "letters", []func(map[string]any){service("certified"), toAbroad()}, "invalid_international_feature"},
		{"registered abroad", "letters", []func(map[string]any){service("registered"), toAbroad()}, ""},
		{"registered at home, as in the documentation's example", "letters", []func(map[string]any){service("registered")}, ""},
		{"certified, and standard", "letters", []func(map[string]any){service("certified"), with("mail_type", "usps_standard")}, "invalid"},
		{"certified, and legal", "letters", []func(map[string]any){service("certified_return_receipt"), with("size", "us_legal")}, "invalid"},
		{"fsc on legal", "letters", []func(map[string]any){with("fsc", true), with("size", "us_legal")}, "invalid"},
		{"fsc", "letters", []func(map[string]any){with("fsc", true)}, ""},
		{"no postal code, and a state", "letters", []func(map[string]any){
			toAbroad(func(a map[string]any) { delete(a, "address_zip"); a["address_state"] = "Kowloon" }),
		}, ""},
		{"neither postal code nor state", "letters", []func(map[string]any){
			toAbroad(func(a map[string]any) { delete(a, "address_zip") }),
		}, "invalid"},
	} {
		want := http.StatusOK
		if tc.code != "" {
			want = http.StatusUnprocessableEntity
		}
		a := b.lob("POST", "/"+tc.path, "", lobLetter(tc.edit...))
		if a.status != want || want != http.StatusOK && a.at(t, "error", "code") != tc.code {
			t.Errorf("%s: %d %s, want %d %s", tc.name, a.status, a.raw, want, tc.code)
		}
	}
}

func TestLobVersions(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	sized := lobLetter(with("size", "us_legal"))
	for version, want := range map[string]string{
		"": "", "2020-02-11": "invalid", "2023-12-31": "invalid", "2024-01-01": "", "2019-02-11": "unsupported_lob_version", "v1": "unsupported_lob_version",
	} {
		a := b.json("POST", "/lob/v1/letters", sized, map[string]string{"Authorization": basic("live_simlob"), "Lob-Version": version})
		if (a.status == http.StatusOK) != (want == "") || want != "" && a.at(t, "error", "code") != want {
			t.Errorf("version %q: %d %s", version, a.status, a.raw)
		}
	}
	if a := b.json("POST", "/lob/v1/letters", lobLetter(), map[string]string{"Authorization": basic("live_simlob"), "Lob-Version": "2020-02-11"}); a.status != http.StatusOK {
		t.Errorf("a letter without a size: %d %s", a.status, a.raw)
	}
}

func TestLobFiles(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	for name, tc := range map[string]struct {
		file string
		size int
		code string
	}{
		"a PDF": {"letter.pdf", 100, ""}, "an image": {"letter.png", 100, "invalid_file"},
		"of five MiB": {"letter.PDF", 5 << 20, ""}, "of more": {"letter.pdf", 5<<20 + 1, "file_size_exceeds_limit"},
	} {
		var body bytes.Buffer
		mw := multipart.NewWriter(&body)
		for k, v := range formOf(lobLetter(with("file", nil))) {
			_ = mw.WriteField(k, v[0])
		}
		part, err := mw.CreateFormFile("file", tc.file)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(make([]byte, tc.size))
		_ = mw.Close()
		a := b.do(t.Context(), "POST", "/lob/v1/letters", &body, map[string]string{
			"Authorization": basic("live_simlob"), "Content-Type": mw.FormDataContentType(),
		})
		if (a.status == http.StatusOK) != (tc.code == "") || tc.code != "" && a.at(t, "error", "code") != tc.code {
			t.Errorf("%s: %d %s %v", name, a.status, a.raw, a.err)
		}
	}
}

// TestLobFilters: a filter that is ignored shows what it should not.
func TestLobFilters(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	plain := b.lob("POST", "/postcards", "", postcard("PLAIN")).text(t, "id")
	b.clock.Advance(time.Second)
	later := b.lob("POST", "/postcards", "", postcard("LATER", with("send_date", "2026-12-24"))).text(t, "id")
	for query, want := range map[string][]string{
		"":                         {later, plain},
		"scheduled=true":           {later},
		"scheduled=false":          {plain},
		"send_date[gt]=2026-12-01": {later},
		"send_date[lt]=2026-12-01": {plain},
		"campaign_id=cmp_1":        nil,
		"metadata=" + url.QueryEscape(`{"ref":"PLAIN"}`):                   {plain},
		"metadata=" + url.QueryEscape(`{"ref":"NOBODY"}`):                  nil,
		"size=" + url.QueryEscape(`["6x9","6x11"]`):                        {later, plain},
		"size=" + url.QueryEscape(`["6x11"]`):                              nil,
		"sort_by=" + url.QueryEscape(`{"date_created":"asc"}`):             {plain, later},
		"date_created=" + url.QueryEscape(`{"gt":"2026-11-23T15:00:00Z"}`): {later},
	} {
		a := b.lob("GET", "/postcards?"+query, "", nil)
		if diff := cmp.Diff(want, ids(t, a)); a.status != http.StatusOK || diff != "" {
			t.Errorf("%s: %d (-want +got)\n%s", query, a.status, diff)
		}
	}
	if a := b.lob("GET", "/postcards?include="+url.QueryEscape(`["total_count"]`), "", nil); a.at(t, "total_count") != 2.0 {
		t.Errorf("total: %s", a.raw)
	}
}

// TestLobTrackingNumbers: those of the test mode are dummies, and none of registered mail.
func TestLobTrackingNumbers(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	for account, want := range map[string]map[string]bool{
		"live_simlob": {"certified": true, "registered": true}, "test_simlob": {"certified": true, "registered": false},
	} {
		for service, number := range want {
			edit := []func(map[string]any){with("extra_service", service)}
			if service == "registered" {
				edit = append(edit, toAbroad())
			}
			a := b.lobAs(account, "POST", "/letters", "", lobLetter(edit...))
			text, _ := a.at(t, "tracking_number").(string)
			if (text != "") != number || strings.ContainsAny(text, " ") {
				t.Errorf("%s %s: tracking number %q", account, service, text)
			}
		}
	}
}
