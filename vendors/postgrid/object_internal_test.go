package postgrid

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// theirs is an order in the form of PostGrid's guides.
const theirs = `{
	"id":"postcard_vJ6EVFGkzhTdbDUmBd5jkC","object":"postcard","live":true,"status":"ready","size":"6x4","mailingClass":"usps_first_class",
	"to":{"id":"contact_pxd7wnnD1xY6H6etKNvjb4","object":"contact","companyName":"PostGrid","addressLine1":"90 CANAL ST STE 600",
		"city":"BOSTON","provinceOrState":"MA","postalOrZip":"02114-2022","countryCode":"US","addressStatus":"verified"},
	"description":"0123456789ABCDEF","metadata":{"postproof_ref":"0123456789ABCDEF","nested":{"their":"own"}},
	"trackingNumber":"9407111899223100001","url":"https://pg.example/p.pdf?signature=x",
	"sendDate":"2026-03-02T15:00:00.000Z","createdAt":"2026-03-02T15:00:00.123Z","updatedAt":"2026-03-02T15:00:30.000Z"}`

func TestParseOrder(t *testing.T) {
	t.Parallel()
	got, err := parseOrder([]byte(theirs), capabilities(false))
	if err != nil {
		t.Fatal(err)
	}
	want := &vendors.Order{
		Receipt: postproof.Receipt{
			Vendor: "postgrid", VendorID: "postcard_vJ6EVFGkzhTdbDUmBd5jkC", Ref: "0123456789ABCDEF", TrackingID: "9407111899223100001",
			ProofURL: "https://pg.example/p.pdf?signature=x", AcceptedAt: time.Date(2026, 3, 2, 15, 0, 0, 123e6, time.UTC),
		},
		Mode:   postproof.ModeLive,
		Status: postproof.Status{Stage: "rendered", Raw: "ready", Confidence: "reported", VendorTime: time.Date(2026, 3, 2, 15, 0, 30, 0, time.UTC)},
		Facts:  vendors.Facts{Kind: "postcard", Size: postproof.Size4x6(), Class: postproof.FirstClass, PostalCode: "02114"},
		Raw:    []byte(theirs),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestCorrectedAddress: our digest covers the address as we sent it, so that a
// postal code which PostGrid corrected is no other piece.
func TestCorrectedAddress(t *testing.T) {
	t.Parallel()
	const body = `{"id":"postcard_1","object":"postcard","to":{"postalOrZip":"02115"},"metadata":{"postproof_content":"1804580ab94b348821d807f0"}}`
	o, err := parseOrder([]byte(body), capabilities(false))
	if err != nil {
		t.Fatal(err)
	}
	if o.Facts.PostalCode != "" || o.Facts.Content != "1804580ab94b348821d807f0" {
		t.Errorf("facts %+v, want the digest alone", o.Facts)
	}
}

// TestReferenceAndMode reads what decides whose order it is.
func TestReferenceAndMode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		ref  postproof.Ref
		mode postproof.Mode
	}{
		`"live":true,"metadata":{"postproof_ref":"0123456789ABCDEF"},"description":"OTHER00000000000"`: {"0123456789ABCDEF", postproof.ModeLive},
		`"live":false,"description":"0123456789ABCDEF"`:                                                {"0123456789ABCDEF", postproof.ModeTest},
		`"live":null,"metadata":null,"description":"0123456789ABCDEF"`:                                 {"0123456789ABCDEF", ""},
		`"live":"true","metadata":{"postproof_ref":null},"description":"0123456789ABCDEF"`:             {"", ""},
		`"live":0,"metadata":{"postproof_ref":"0123456789abcdef"},"description":"0123456789ABCDEF"`:    {"", ""},
		`"metadata":{"a":"0123456789ABCDEF"},"description":"for 0123456789ABCDEF"`:                     {"", ""},
		`"metadata":"0123456789ABCDEF"`:                                                                {"", ""},
	} {
		o, err := parseOrder([]byte(`{"id":"postcard_1","object":"postcard",`+body+`}`), capabilities(false))
		if err != nil || o.Receipt.Ref != want.ref || o.Mode != want.mode {
			t.Errorf("%s: %q in mode %q, %v; want %q in %q", body, o.Receipt.Ref, o.Mode, err, want.ref, want.mode)
		}
	}
}

// TestNothingIsAcceptedWithoutAnID: what is not an order of the kind that was
// ordered must stay a doubt.
func TestNothingIsAcceptedWithoutAnID(t *testing.T) {
	t.Parallel()
	postcard := products()[0]
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `"postcard_1"`, `{"object":"postcard"}`, `{"id":"","object":"postcard"}`, `{"id":null,"object":"postcard"}`,
		`{"id":"postcard_","object":"postcard"}`, `{"id":"letter_1","object":"letter"}`, `{"id":"letter_1","object":"postcard"}`,
		`{"id":"postcard_1"}`, `{"id":"postcard_1","object":"letter"}`, `{"id":"postcard_1/../x","object":"postcard"}`,
		`{"id":["postcard_1"],"object":"postcard"}`, `{"id":"postcard_1","object":"postcard"`, `{"id":"postcard_1","object":"postcard"} trailing`,
		`{"ID":"postcard_1","Object":"postcard"}`,
	} {
		if o, err := parseProduct(postcard, []byte(body), capabilities(false)); err == nil {
			t.Errorf("%s is taken for %s", body, o.Receipt.VendorID)
		}
	}
	// Everything else may be missing or of a new form.
	for _, body := range []string{
		`{"id":"postcard_1","object":"postcard"}`,
		`{"id":"postcard_1","object":"postcard","metadata":7,"to":"x","status":{},"imbStatus":[],"cancellation":1,"url":1,"createdAt":"now","live":"no","size":[]}`,
	} {
		o, err := parseProduct(postcard, []byte(body), capabilities(false))
		if err != nil || o.Receipt.VendorID != "postcard_1" || o.Dead || o.Status.Stage != postproof.StageAccepted {
			t.Errorf("%s: %+v, %v", body, o, err)
		}
	}
}

func TestOnlyAProperListIsAList(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"object":"list"}`, `{"data":[],"totalCount":0}`, `{"object":"list","data":null,"totalCount":0}`,
		`{"object":"list","data":[]}`, `{"object":"list","data":[],"totalCount":null}`, `{"object":"list","data":[],"totalCount":"0"}`,
		`{"object":"list","data":[],"totalCount":-1}`, `{"object":"list","data":[{}],"totalCount":0}`, `{"object":"list","data":[{}],"totalCount":1}`,
		`{"object":"list","data":[null],"totalCount":1}`, `{"object":"postcard","data":[],"totalCount":0}`,
		`{"object":"list","data":[{"id":"letter_1","object":"letter"}],"totalCount":1}`,
	} {
		if _, _, err := parseOrders(products()[0], []byte(body), capabilities(false)); err == nil {
			t.Errorf("%s is taken for a list", body)
		}
	}
	got, total, err := parseOrders(products()[0], []byte(`{"object":"list","data":[`+theirs+`],"skip":0,"limit":10,"totalCount":31}`), capabilities(false))
	if err != nil || len(got) != 1 || total != 31 {
		t.Errorf("%d orders of %d, %v", len(got), total, err)
	}
}

func FuzzParseOrder(f *testing.F) {
	for _, seed := range []string{theirs, `{}`, `null`, `{"id":"postcard_1","object":"postcard","status":"cancelled","imbStatus":7}`, `{"id":"letter_1","object":"letter","cancellation":{"reason":"x"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := parseOrder(raw, capabilities(false))
		if err != nil {
			return
		}
		if _, ok := productOf(o.Receipt.VendorID); !ok || o.Status.Stage == "" || o.Status.Confidence == "" {
			t.Errorf("an order without id or status: %+v", o.Receipt)
		}
		if o.Receipt.Ref != "" && !o.Receipt.Ref.Valid() {
			t.Errorf("reference %q", o.Receipt.Ref)
		}
		if o.Dead && !slices.Contains(capabilities(false).NoPaper, o.Status.Raw) {
			t.Errorf("dead with the status %q, which is not listed as no paper", o.Status.Raw)
		}
	})
}

func FuzzParsePage(f *testing.F) {
	for _, seed := range []string{`{"object":"list","data":[` + theirs + `],"totalCount":1}`, `{"object":"list","data":[],"totalCount":0}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, total, err := parseOrders(products()[0], raw, capabilities(false))
		if err != nil {
			return
		}
		var list struct {
			Data []json.RawMessage `json:"data"`
		}
		if json.Unmarshal(raw, &list) == nil && (len(list.Data) != len(got) || total < len(got)) {
			t.Errorf("%d entries, %d orders of %d", len(list.Data), len(got), total)
		}
	})
}
