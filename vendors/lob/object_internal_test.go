package lob

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func postcardProduct() product { return products()[0] }

// theirs is a postcard as Lob's documentation shows one, with our metadata.
const theirs = `{"id":"psc_208e45e48d271294","description":null,
	"metadata":{"postproof_ref":"0123456789ABCDEF","postproof_content":"1aaaaaaaaaaaaaaaaaaaaaaa"},
	"to":{"id":"adr_210a8d4b0b76d77b","name":null,"address_zip":"94107-1741","recipient_moved":false,"object":"address"},
	"url":"https://lob-assets.com/postcards/psc_208e45e48d271294.pdf?expires=1","carrier":"USPS","tracking_events":[],
	"size":"6x9","mail_type":"usps_standard","expected_delivery_date":"2026-03-09","status":"rendered",
	"date_created":"2026-03-02T15:00:00.000Z","date_modified":"2026-03-02T15:00:30.000Z","object":"postcard"}`

func TestParseOrder(t *testing.T) {
	t.Parallel()
	got, err := parseOrder(postcardProduct(), []byte(theirs), capabilities())
	if err != nil {
		t.Fatal(err)
	}
	want := &vendors.Order{
		Receipt: postproof.Receipt{
			Vendor: "lob", VendorID: "psc_208e45e48d271294", Ref: "0123456789ABCDEF",
			ExpectedDelivery: at(9, 0), AcceptedAt: at(2, 15),
			ProofURL: "https://lob-assets.com/postcards/psc_208e45e48d271294.pdf?expires=1",
		},
		Status: postproof.Status{Stage: "rendered", Raw: "rendered", Confidence: "reported", VendorTime: time.Date(2026, 3, 2, 15, 0, 30, 0, time.UTC)},
		Facts:  vendors.Facts{Kind: "postcard", Size: postproof.Size{Short: 152400, Long: 228600}, Class: "marketing", Content: "1aaaaaaaaaaaaaaaaaaaaaaa"},
		Raw:    []byte(theirs),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPostalCodeCountsOnlyWithoutADigest(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"metadata":{},"to":{"address_zip":"94107-1741"}}`:                                          "94107",
		`{"metadata":{},"to":{"address_zip":"94107-1741","recipient_moved":true}}`:                   "",
		`{"metadata":{"postproof_content":"1aaaaaaaaaaaaaaaaaaaaaaa"},"to":{"address_zip":"94107"}}`: "",
		`{"to":[]}`: "",
	} {
		o, err := parseObject([]byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := factsOf(postcardProduct(), o, o.texts("metadata", nil), capabilities()).PostalCode; got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestExtraServiceIsTheClass(t *testing.T) {
	t.Parallel()
	o, err := parseObject([]byte(`{"mail_type":"usps_first_class","extra_service":"certified"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := factsOf(products()[1], o, nil, capabilities()).Class; got != postproof.Certified {
		t.Errorf("class %q", got)
	}
}

// TestNothingIsAcceptedWithoutAnID: what is no piece of the kind that was
// ordered must stay a doubt.
func TestNothingIsAcceptedWithoutAnID(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `"psc_1"`, `{"object":"postcard"}`, `{"id":"","object":"postcard"}`, `{"id":null,"object":"postcard"}`,
		`{"id":"psc_","object":"postcard"}`, `{"id":"ltr_1","object":"letter"}`, `{"id":"ltr_1","object":"postcard"}`, `{"id":"psc_1"}`, `{"id":"psc_1","object":"letter"}`,
		`{"id":"psc_1/../x","object":"postcard"}`, `{"id":["psc_1"],"object":"postcard"}`, `{"id":"psc_1","object":"postcard"`,
		`{"id":"psc_1","object":"postcard"} trailing`,
	} {
		if o, err := parseOrder(postcardProduct(), []byte(body), capabilities()); err == nil {
			t.Errorf("%s is taken for %s", body, o.Receipt.VendorID)
		}
	}
	// Everything else may be missing or of a new form.
	for _, body := range []string{
		`{"id":"psc_1","object":"postcard"}`,
		`{"id":"psc_1","object":"postcard","metadata":7,"to":"x","status":{},"tracking_events":{},"url":1,"date_created":"now","deleted":"no","size":[]}`,
	} {
		o, err := parseOrder(postcardProduct(), []byte(body), capabilities())
		if err != nil || o.Receipt.VendorID != "psc_1" || o.Dead || o.Status.Stage != postproof.StageAccepted {
			t.Errorf("%s: %+v, %v", body, o, err)
		}
	}
}

func TestOnlyAProperListIsAList(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"object":"list"}`, `{"data":[]}`, `{"object":"list","data":null}`, `{"object":"postcard","data":[]}`,
		`{"object":"list","data":[],"count":1}`, `{"object":"list","data":[],"count":"0x"}`, `{"object":"list","data":[{}],"count":1}`,
		`{"object":"list","data":[null]}`, `{"object":"list","data":[],"next_url":7}`, `{"object":"list","data":[],"next_url":{}}`,
		`{"object":"list","data":[],"next_url":"https://api.lob.com/v1/postcards"}`,
	} {
		if _, err := parsePage(postcardProduct(), []byte(body), capabilities()); err == nil {
			t.Errorf("%s is taken for a list", body)
		}
	}
	for body, next := range map[string]string{
		`{"object":"list","data":[]}`:                                                      "",
		`{"object":"list","data":[],"count":0,"next_url":null}`:                            "",
		`{"object":"list","data":[],"count":0,"next_url":""}`:                              "",
		`{"object":"list","data":[],"next_url":"https://evil.example/x?after=c1&limit=9"}`: "c1",
	} {
		p, err := parsePage(postcardProduct(), []byte(body), capabilities())
		if err != nil || p.next != next {
			t.Errorf("%s: %+v, %v; want the cursor %q", body, p, err, next)
		}
	}
}

func FuzzParseOrder(f *testing.F) {
	for _, seed := range []string{theirs, `{}`, `null`, `{"id":"psc_1","object":"postcard","tracking_events":[null,{"name":7}]}`, `{"id":"psc_1","object":"postcard","failure_reason":{"errors":[null]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := parseOrder(postcardProduct(), raw, capabilities())
		if err != nil {
			return
		}
		if _, ok := productOf(o.Receipt.VendorID); !ok || o.Status.Stage == "" || o.Status.Confidence == "" {
			t.Errorf("an order without id or status: %+v", o.Receipt)
		}
		if o.Receipt.Ref != "" && !o.Receipt.Ref.Valid() {
			t.Errorf("reference %q", o.Receipt.Ref)
		}
		if o.Dead && !slices.Contains(capabilities().NoPaper, o.Status.Raw) {
			t.Errorf("dead with the status %q, which is not listed as no paper", o.Status.Raw)
		}
	})
}

func FuzzParsePage(f *testing.F) {
	for _, seed := range []string{
		`{"object":"list","data":[` + theirs + `],"count":1,"next_url":"https://api.lob.com/v1/postcards?after=x"}`,
		`{"object":"list","data":[]}`, `{"object":"list","data":[],"next_url":"%zz"}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parsePage(postcardProduct(), raw, capabilities())
		if err != nil {
			return
		}
		var list struct {
			Data []json.RawMessage `json:"data"`
		}
		if json.Unmarshal(raw, &list) == nil && len(list.Data) != len(p.orders) {
			t.Errorf("%d entries, %d orders", len(list.Data), len(p.orders))
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add(422, []byte(`{"error":{"message":"x","status_code":422,"code":"invalid"}}`))
	f.Add(500, []byte(`{"error":null}`))
	f.Add(429, []byte(`{"error":{"status_code":1e999}}`))
	f.Fuzz(func(t *testing.T, status int, raw []byte) {
		err := refusal(postproof.OpSubmit, &vendors.Response{Status: status, Body: raw})
		d := postproof.DeliveryOf(err)
		if d == postproof.Accepted || d == postproof.NotSent || (status >= 500 && d != postproof.Unknown) {
			t.Errorf("status %d: %v", status, d)
		}
	})
}
