package openapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

// check validates the request, and the answer when there is one.
func (s *spec) check(t *testing.T, x exchange) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), x.method, x.url, bytes.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = x.header.Clone()
	route, params, err := s.router.FindRoute(r)
	if err != nil {
		return err
	}
	var schema *openapi3.SchemaRef
	var body any
	opts := options()
	if len(x.body) > 0 {
		mediaType, _, err := mime.ParseMediaType(x.header.Get("Content-Type"))
		if err != nil {
			return err
		}
		content := route.Operation.RequestBody.Value.Content.Get(mediaType)
		if content == nil {
			return errors.New("the operation takes no " + mediaType)
		}
		schema = content.Schema
		if mediaType == "multipart/form-data" {
			// The validator does not read nested form fields: the form is made
			// the object that it stands for, and checked as that.
			opts.ExcludeRequestBody = true
			if body, err = formObject(x); err == nil {
				err = schema.Value.VisitJSON(body, openapi3.SetSchemaRegexCompiler(compile), openapi3.VisitAsRequest())
			}
		} else {
			err = json.Unmarshal(x.body, &body)
		}
		if err != nil {
			return err
		}
	}
	input := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: opts}
	if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := checkNames(route.Operation, r.URL.Query(), body, schema); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if x.answer == nil {
		return nil
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: x.status, Header: x.answerHeader,
		Body: io.NopCloser(bytes.NewReader(x.answer)), Options: opts,
	})
	if err != nil {
		return fmt.Errorf("answer with status %d: %w", x.status, err)
	}
	return nil
}

// formObject reads a form as the object that Lob makes of it: name[inner] is
// nested, "true" and "false" are booleans, and a file is its name.
func formObject(x exchange) (map[string]any, error) {
	_, params, err := mime.ParseMediaType(x.header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	reader := multipart.NewReader(bytes.NewReader(x.body), params["boundary"])
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return object, nil
		}
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		var value any = string(raw)
		switch {
		case part.FileName() != "":
			value = part.FileName()
		case value == "true", value == "false":
			value = value == "true"
		}
		outer, inner, nested := strings.Cut(part.FormName(), "[")
		if !nested {
			object[outer] = value
			continue
		}
		m, _ := object[outer].(map[string]any)
		if m == nil {
			m = map[string]any{}
			object[outer] = m
		}
		m[strings.TrimSuffix(inner, "]")] = value
	}
}

// simulator keeps every exchange of the suite of adapters.
type simulator struct {
	*vendorsim.Sim

	t     *testing.T
	spec  *spec
	clock *vendorsim.Clock
	lob   http.Handler
}

func newSimulator(t *testing.T) *simulator {
	t.Helper()
	clock := vendorsim.NewClock(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), 0)
	sim, err := vendorsim.New(vendorsim.Config{
		Clock: clock, Vendors: []vendorsim.Vendor{{Name: "lob"}},
		Lob: vendorsim.LobConfig{TestTracking: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return &simulator{Sim: sim, t: t, spec: load(t), clock: clock, lob: sim.Vendor("lob")}
}

func (s *simulator) adapter(t *testing.T) *lob.Adapter {
	t.Helper()
	a, err := lob.New(s.Credentials("lob")[0].Key, lob.WithUseType(lob.Operational))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func exchangeOf(sent vendortest.Sent) exchange {
	header := sent.Request.Header.Clone()
	if sent.Request.ContentType != "" {
		header.Set("Content-Type", sent.Request.ContentType)
	}
	x := exchange{method: sent.Request.Method, url: sent.Request.URL, header: header, body: sent.Body}
	if sent.Answer != nil {
		x.status, x.answer, x.answerHeader = sent.Answer.Status, sent.Answer.Body, sent.Answer.Header
	}
	return x
}

// TestConformance orders one of everything, follows it to the mailbox, and
// checks each request and each answer against Lob's schemas.
func TestConformance(t *testing.T) {
	t.Parallel()
	sim := newSimulator(t)
	a := sim.adapter(t)
	doer := &vendortest.Doer{Handler: sim.lob}
	products := vendortest.Submissions(vendortest.Harness{
		Adapter: a, Simulator: nil, Uploads: true,
		Templates: postproof.TemplateIDs{Front: "tmpl_a1b2c3d4e5f6a7b", Back: "tmpl_b1b2c3d4e5f6a7b"},
	})
	abroad := *products[0]
	abroad.Ref, abroad.VendorKey = "ABROADABROAD0001", strings.Repeat("ab", 16)
	abroad.Job.To = postproof.Address{
		Name: "Jane Doe", Line1: "370 Water St", City: "Summerside", Region: "PE", PostalCode: "C1N 1C4", Country: "CA",
	}
	scheduled := *products[0]
	scheduled.Ref, scheduled.VendorKey = "SCHEDULED0000001", strings.Repeat("cd", 16)
	scheduled.Job.SendDate = time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC)
	var ids []string
	for _, s := range append(products, &abroad, &scheduled) {
		body, err := a.Encode(t.Context(), s)
		if postproof.CodeOf(err) == postproof.CodeUnsupported {
			continue // registered mail within the US
		}
		if err != nil {
			t.Fatal(err)
		}
		order, err := a.Submit(t.Context(), doer, s, body)
		if err != nil {
			t.Fatalf("%s %s: %v", s.Job.Piece.Kind(), s.Job.Piece.Art().ContentKind(), err)
		}
		if _, err := a.Find(t.Context(), doer, s.Ref); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, order.Receipt.VendorID)
	}
	if err := a.Cancel(t.Context(), doer, ids[0]); err != nil {
		t.Fatal(err)
	}
	for range 8 { // days
		for _, id := range ids {
			if _, err := a.Get(t.Context(), doer, id); err != nil {
				t.Fatal(err)
			}
		}
		sim.clock.Advance(24 * time.Hour)
	}
	for _, err := range a.List(t.Context(), doer, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Cancel(t.Context(), doer, ids[1]); postproof.CodeOf(err) != postproof.CodeConflict {
		t.Errorf("cancel after the window: %v", err)
	}
	if _, err := a.Get(t.Context(), doer, "psc_0000000000000000"); postproof.CodeOf(err) != postproof.CodeNotFound {
		t.Errorf("get of an unknown id: %v", err)
	}
	routes := map[string]int{}
	for _, sent := range doer.Sent {
		routes[sent.Request.Method+" "+sent.Request.Route]++
		if err := sim.spec.check(t, exchangeOf(sent)); err != nil {
			t.Errorf("%s %s: %v", sent.Request.Method, sent.Request.Route, err)
		}
	}
	for _, kind := range []string{"postcards", "letters", "self_mailers"} {
		for _, want := range []string{"POST /v1/" + kind, "GET /v1/" + kind, "GET /v1/" + kind + "/{id}"} {
			if routes[want] == 0 {
				t.Errorf("nothing was checked of %s", want)
			}
		}
	}
	t.Logf("%d exchanges checked", len(doer.Sent))
}

// TestRefusals breaks one thing in a good exchange at a time: a check that
// passes everything proves nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	sim := newSimulator(t)
	a := sim.adapter(t)
	doer := &vendortest.Doer{Handler: sim.lob}
	good := map[postproof.PieceKind]exchange{}
	var form exchange
	for _, s := range vendortest.Submissions(vendortest.Harness{Adapter: a, Uploads: true}) {
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			continue
		}
		if _, err := a.Submit(t.Context(), doer, s, body); err != nil {
			t.Fatal(err)
		}
		x := exchangeOf(doer.Sent[len(doer.Sent)-1])
		if strings.HasPrefix(body.ContentType, "multipart/") {
			form = x
		} else if _, ok := good[s.Job.Piece.Kind()]; !ok {
			good[s.Job.Piece.Kind()] = x
		}
	}
	if _, err := a.Find(t.Context(), doer, "REFERENCE0000001"); err != nil {
		t.Fatal(err)
	}
	list := exchangeOf(doer.Sent[len(doer.Sent)-1])
	for name, x := range map[string]exchange{
		"postcard": good[postproof.KindPostcard], "letter": good[postproof.KindLetter],
		"self-mailer": good[postproof.KindSelfMailer], "form": form, "list": list,
	} {
		if err := sim.spec.check(t, x); err != nil {
			t.Fatalf("%s, unchanged: %v", name, err)
		}
	}
	for _, m := range []struct {
		name   string
		kind   postproof.PieceKind
		change func(o map[string]any)
	}{
		{"no recipient", postproof.KindPostcard, func(o map[string]any) { delete(o, "to") }},
		{"no back", postproof.KindPostcard, func(o map[string]any) { delete(o, "back") }},
		{"no use type", postproof.KindPostcard, func(o map[string]any) { delete(o, "use_type") }},
		{"unknown use type", postproof.KindPostcard, func(o map[string]any) { o["use_type"] = "spam" }},
		{"unknown size", postproof.KindPostcard, func(o map[string]any) { o["size"] = "6x4" }},
		{"unknown mail type", postproof.KindPostcard, func(o map[string]any) { o["mail_type"] = "first_class" }},
		{"artwork that is nothing", postproof.KindPostcard, func(o map[string]any) { o["front"] = "a red card" }},
		{"a misspelled field", postproof.KindPostcard, func(o map[string]any) { o["merge_vars"] = map[string]any{} }},
		{"short ZIP", postproof.KindPostcard, inner("to", "address_zip", "4397")},
		{"long state", postproof.KindPostcard, inner("to", "address_state", "Ohio")},
		{"long name", postproof.KindPostcard, inner("to", "name", strings.Repeat("n", 41))},
		{"unknown country", postproof.KindPostcard, inner("to", "address_country", "USA")},
		{"a misspelled line", postproof.KindPostcard, inner("to", "address_line_1", "x")},
		{"metadata that is a list", postproof.KindPostcard, func(o map[string]any) { o["metadata"] = []any{} }},
		{"metadata that is a number", postproof.KindPostcard, inner("metadata", "postproof_ref", 7)},
		{"no sender", postproof.KindLetter, func(o map[string]any) { delete(o, "from") }},
		{"color as a word", postproof.KindLetter, func(o map[string]any) { o["color"] = "yes" }},
		{"unknown placement", postproof.KindLetter, func(o map[string]any) { o["address_placement"] = "top" }},
		{"unknown extra service", postproof.KindLetter, func(o map[string]any) { o["extra_service"] = "drone" }},
		{"a postcard's side", postproof.KindSelfMailer, func(o map[string]any) { o["front"] = o["inside"] }},
		{"no inside", postproof.KindSelfMailer, func(o map[string]any) { delete(o, "inside") }},
	} {
		x := good[m.kind]
		x.body = changed(t, x.body, m.change)
		x.answer = nil
		if sim.spec.check(t, x) == nil {
			t.Errorf("request of a %s with %s passes", m.kind, m.name)
		}
	}
	for name, change := range map[string]func(o map[string]any){
		"an id of another kind": func(o map[string]any) { o["id"] = "ltr_123" },
		"no link":               func(o map[string]any) { delete(o, "url") },
		"an unknown status":     func(o map[string]any) { o["status"] = "printed" },
		"another object":        func(o map[string]any) { o["object"] = "letter" },
		"a size of its own":     func(o map[string]any) { o["size"] = "46" },
		"events of no kind":     func(o map[string]any) { o["tracking_events"] = []any{map[string]any{"name": "Lost"}} },
	} {
		x := good[postproof.KindPostcard]
		x.answer = changed(t, x.answer, change)
		if sim.spec.check(t, x) == nil {
			t.Errorf("answer with %s passes", name)
		}
	}
	form.body = bytes.Replace(form.body, []byte(`name="to[address_zip]"`), []byte(`name="to[zip]"`), 1)
	if sim.spec.check(t, form) == nil {
		t.Error("a form with a misspelled field passes")
	}
	for _, url := range []string{
		strings.Replace(list.url, "limit=100", "limit=101", 1),
		strings.Replace(list.url, "metadata%5B", "meta%5B", 1),
		strings.Replace(list.url, "/v1/", "/v2/", 1),
	} {
		x := list
		x.url, x.answer = url, nil
		if url == list.url {
			t.Fatal("nothing was changed")
		}
		if sim.spec.check(t, x) == nil {
			t.Errorf("%s passes", url)
		}
	}
	x := good[postproof.KindPostcard]
	x.header = x.header.Clone()
	x.header.Set("Idempotency-Key", strings.Repeat("k", 257))
	if sim.spec.check(t, x) == nil {
		t.Error("an idempotency key of 257 characters passes")
	}
}

func inner(outer, name string, value any) func(map[string]any) {
	return func(o map[string]any) {
		if m, ok := o[outer].(map[string]any); ok {
			m[name] = value
		}
	}
}

func changed(t *testing.T, document []byte, change func(map[string]any)) []byte {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(document, &o); err != nil {
		t.Fatal(err)
	}
	change(o)
	out, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(out, document) {
		t.Fatal("nothing was changed")
	}
	return out
}

var _ vendors.Doer = (*vendortest.Doer)(nil)
