package vendorsim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// The requests here are as the vendors' own libraries write them, one test a library:
// a simulator with which a real client cannot work proves nothing about one that can.

// formOf flattens a body as libraries do that send forms: to[name]=…, tags[]=….
func formOf(body map[string]any) url.Values {
	out := url.Values{}
	var add func(name string, v any)
	add = func(name string, v any) {
		switch v := v.(type) {
		case nil:
		case map[string]any:
			for k, inner := range v {
				add(name+"["+k+"]", inner)
			}
		case []any:
			for _, inner := range v {
				add(name+"[]", inner)
			}
		default:
			out.Add(name, fmt.Sprint(v))
		}
	}
	for k, v := range body {
		add(k, v)
	}
	return out
}

// TestLobsNodeLibrary sends forms: flags as words, merge variables as JSON in one
// piece, and buffers as files that it names itself.
func TestLobsNodeLibrary(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	head := map[string]string{
		"Authorization": basic("test_simlob"), "Accept": "application/json", "User-Agent": "Lob/v1 NodeBindings/6.6.3",
		"Content-Type": "application/x-www-form-urlencoded", "idempotency-key": "n-1",
	}
	form := formOf(lobLetter(with("double_sided", true), with("description", "Demo Letter")))
	form.Set("merge_variables", `{"name":"Harry","list":[1,2]}`)
	first := b.do(t.Context(), "POST", "/lob/v1/letters", strings.NewReader(form.Encode()), head)
	if first.status != http.StatusOK || first.at(t, "color") != false || first.at(t, "double_sided") != true || first.at(t, "to", "address_zip") != "94107-1741" {
		t.Fatalf("%d %s", first.status, first.raw)
	}
	if diff := cmp.Diff(map[string]any{"name": "Harry", "list": []any{1.0, 2.0}}, first.at(t, "merge_variables")); diff != "" {
		t.Errorf("merge variables (-want +got)\n%s", diff)
	}
	again := b.do(t.Context(), "POST", "/lob/v1/letters", strings.NewReader(form.Encode()), head)
	if again.at(t, "id") != first.at(t, "id") {
		t.Error("a key in small letters is none")
	}
	var upload bytes.Buffer
	mw := multipart.NewWriter(&upload)
	for k, v := range formOf(postcard("UP", with("front", nil))) {
		_ = mw.WriteField(k, v[0])
	}
	part, err := mw.CreateFormFile("front", "front.pdf")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("%PDF-1.7"))
	_ = mw.Close()
	head["Content-Type"] = mw.FormDataContentType()
	delete(head, "idempotency-key")
	if a := b.do(t.Context(), "POST", "/lob/v1/postcards", &upload, head); a.status != http.StatusOK || a.at(t, "metadata", "ref") != "UP" {
		t.Errorf("an upload: %d %s", a.status, a.raw)
	}
	query := url.Values{"limit": {"1"}, "metadata[ref]": {"UP"}, "date_created[gt]": {"2026-11-01"}, "include[0]": {"total_count"}}
	if a := b.lobAs("test_simlob", "GET", "/postcards?"+query.Encode(), "", nil); len(ids(t, a)) != 1 || a.at(t, "total_count") != 1.0 {
		t.Errorf("its list: %s", a.raw)
	}
}

// TestLobsCurl is of the documentation: -d pairs, one to a field.
func TestLobsCurl(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	body := "description=Demo Postcard job&metadata[campaign]=NEWYORK2015&to[name]=Harry&to[address_line1]=210 King St" +
		"&to[address_city]=San Francisco&to[address_state]=CA&to[address_zip]=94107&size=6x9&use_type=marketing" +
		"&front=" + url.QueryEscape("<html>Front HTML for {{name}}</html>") + "&back=" + url.QueryEscape("<html>Back</html>") + "&merge_variables[name]=Harry"
	a := b.do(t.Context(), "POST", "/lob/v1/postcards", strings.NewReader(body), map[string]string{
		"Authorization": basic("test_simlob"), "Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": "026e7634-24d7-486c-a0bb-4a17fd0eebc5",
	})
	if a.status != http.StatusOK || a.at(t, "merge_variables", "name") != "Harry" || a.at(t, "metadata", "campaign") != "NEWYORK2015" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := b.lobAs("test_simlob", "GET", "/postcards?metadata[campaign]=NEWYORK2015&limit=2", "", nil); len(ids(t, a)) != 1 {
		t.Errorf("its list: %s", a.raw)
	}
}

// TestLobsTypeScriptLibrary sends JSON, in the query, too.
func TestLobsTypeScriptLibrary(t *testing.T) {
	t.Parallel()
	b := setup(t, vendorsim.Config{})
	id := b.lobAs("test_simlob", "POST", "/postcards", "k", postcard("TS", with("merge_variables", map[string]any{"a": nil}))).text(t, "id")
	query := url.Values{
		"limit": {"5"}, "include": {`["total_count"]`}, "metadata": {`{"ref":"TS"}`}, "size": {`["6x9"]`},
		"date_created": {`{"gt":"2020-01-01","lt":"2030-01-31T12:34:56Z"}`}, "mail_type": {"usps_first_class"}, "sort_by": {`{"date_created":"asc"}`},
	}
	a := b.lobAs("test_simlob", "GET", "/postcards?"+query.Encode(), "", nil)
	if diff := cmp.Diff([]string{id}, ids(t, a)); diff != "" || a.at(t, "total_count") != 1.0 {
		t.Errorf("%s (-want +got)\n%s", a.raw, diff)
	}
	if a := b.lobAs("test_simlob", "DELETE", "/postcards/"+id, "", nil); a.at(t, "id") != id || a.at(t, "deleted") != true {
		t.Errorf("its cancellation: %s", a.raw)
	}
}

// TestPostGridsFirstLibrary sends forms, of lists and objects in each other, and reads
// of an error that it is one.
func TestPostGridsFirstLibrary(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{}))
	send := func(path string, form url.Values) answer {
		return b.do(t.Context(), "POST", "/postgrid/print-mail/v1"+path, strings.NewReader(form.Encode()), map[string]string{
			"x-api-key": "test_sk_simpostgrid", "Content-Type": "application/x-www-form-urlencoded",
		})
	}
	letter := pgLetter("PY", with("doubleSided", true), with("mergeVariables", map[string]any{"testCamel": 1, "test_snake": 1}),
		with("metadata", map[string]any{"ref": "PY", "test": []any{10, 20}, "deep": map[string]any{"er": "x"}}))
	a := send("/letters", formOf(letter))
	want := map[string]any{"ref": "PY", "test": []any{"10", "20"}, "deep": map[string]any{"er": "x"}}
	if a.status != http.StatusCreated || a.at(t, "doubleSided") != true {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if diff := cmp.Diff(want, a.at(t, "metadata")); diff != "" {
		t.Errorf("metadata (-want +got)\n%s", diff)
	}
	hook := send("/webhooks", formOf(map[string]any{"enabledEvents": []any{"letter.created", "postcard.updated"}, "url": "https://example.com/hook", "enabled": false}))
	if diff := cmp.Diff([]any{"letter.created", "postcard.updated"}, hook.at(t, "enabledEvents")); diff != "" || hook.at(t, "enabled") != false {
		t.Errorf("its webhook: %s (-want +got)\n%s", hook.raw, diff)
	}
	for _, refused := range []answer{
		send("/letters", url.Values{}), b.pg("GET", "/letters/letter_1", nil), b.pg("DELETE", "/letters/letter_1", nil), b.pgAs("no", "GET", "/letters", "", nil),
	} {
		if refused.at(t, "object") != "error" || refused.text(t, "error", "type") == "" || refused.text(t, "error", "message") == "" {
			t.Errorf("%d %s is no error to it", refused.status, refused.raw)
		}
	}
	events := b.pgAs("test_sk_simpostgrid", "GET", "/events?type[]=letter.created", "", nil)
	if events.at(t, "object") != "list" || events.at(t, "limit") != 10.0 {
		t.Errorf("its events: %s", events.raw)
	}
}

// TestPostGridsNodeLibrary sends JSON, or what it was given as a form with a file, and
// headers of its own; of lists in a query it makes one text.
func TestPostGridsNodeLibrary(t *testing.T) {
	t.Parallel()
	b := setup(t, postgridOnly(vendorsim.PostGridConfig{LogAllEvents: true}))
	head := map[string]string{
		"X-API-Key": "test_sk_simpostgrid", "Accept": "application/json", "User-Agent": "PostGrid/JS 0.5.0",
		"X-Stainless-Retry-Count": "0", "X-Stainless-Timeout": "60", "Content-Type": "application/json",
	}
	raw, err := json.Marshal(pgCard("NODE1"))
	if err != nil {
		t.Fatal(err)
	}
	made := b.do(t.Context(), "POST", "/postgrid/print-mail/v1/postcards", bytes.NewReader(raw), head)
	if made.status != http.StatusCreated || made.at(t, "live") != false {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	id := made.text(t, "id")
	if a := b.pgAs("test_sk_simpostgrid", "GET", "/postcards/"+id+"/url", "", nil); a.at(t, "id") != id || a.at(t, "object") != "postcard" || a.text(t, "url") == "" {
		t.Errorf("its preview: %s", a.raw)
	}
	var upload bytes.Buffer
	mw := multipart.NewWriter(&upload)
	for k, v := range formOf(pgCard("NODE2", with("frontHTML", nil), with("backHTML", nil))) {
		_ = mw.WriteField(k, v[0])
	}
	part, err := mw.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="pdf"; filename="card.pdf"`}, "Content-Type": {"application/pdf"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("%PDF-1.7"))
	_ = mw.Close()
	head["Content-Type"] = mw.FormDataContentType()
	if a := b.do(t.Context(), "POST", "/postgrid/print-mail/v1/postcards", &upload, head); a.status != http.StatusCreated {
		t.Errorf("an upload: %d %s", a.status, a.raw)
	}
	for query, want := range map[string]int{
		"/events?type=postcard.created,letter.created": 2, "/postcards?search=%22NODE1%22": 1, "/postcards?search=" + url.QueryEscape(`{"metadata.ref":"NODE2"}`): 1,
	} {
		if a := b.pgAs("test_sk_simpostgrid", "GET", query, "", nil); a.at(t, "totalCount") != float64(want) {
			t.Errorf("%s: %s, want %d", query, a.raw, want)
		}
	}
}
