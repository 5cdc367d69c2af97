package lob

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNamesAreExact: encoding/json's structs take any case of a name.
func TestNamesAreExact(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"ID":"psc_1","object":"postcard"}`, `{"id":"psc_1","Object":"postcard"}`,
		`{"id":"psc_1","id":null,"object":"postcard"}`, `{"id":"psc_1","object":"postcard","id":["psc_1"]}`,
		`{"to":{"id":"psc_1"},"object":"postcard"}`,
	} {
		if o, err := parseOrder(postcardProduct(), []byte(body), capabilities()); err == nil {
			t.Errorf("%s is taken for %s", body, o.Receipt.VendorID)
		}
	}
	for _, body := range []string{
		`{"\u0069d":"psc\u005f1","object":"postcard"}`, ` { "id" : "psc_1" , "x" : [ "]}\"" , { } ] , "object" : "postcard" } `,
	} {
		if o, err := parseOrder(postcardProduct(), []byte(body), capabilities()); err != nil || o.Receipt.VendorID != "psc_1" {
			t.Errorf("%s: %v, %v", body, o, err)
		}
	}
}

// TestMetadataIsUnderstoodWholeOrNotAtAll: a reference beside values of a form
// that Lob does not document is no reference.
func TestMetadataIsUnderstoodWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"metadata":{"postproof_ref":"0123456789ABCDEF"}}`:              "0123456789ABCDEF",
		`{"metadata":{"postproof_ref":"0123456789ABCDEF","more":null}}`:  "0123456789ABCDEF",
		`{"metadata":{"postproof_ref":"0123456789ABCDEF","more":7}}`:     "",
		`{"metadata":{"more":["x"],"postproof_ref":"0123456789ABCDEF"}}`: "",
		`{"metadata":["postproof_ref"]}`:                                 "",
	} {
		o, err := parseObject([]byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := refOf(o.texts("metadata", nil)); string(got) != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// FuzzParseObject holds the members against what encoding/json reads.
func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{
		theirs, ``, `null`, ` null `, `[]`, `{}`, ` { } `, `1`, `"x"`, `{"a":1,"a":2}`, `{"a":"\"}","b":[{"c":"]"}],"d":-1.5e3 }`,
		`{"\u0061":"\ud800","` + "\xff" + `":"` + "\xff" + `"}`, `{"a":true,"b":false,"c":null,"d":{"e":{}}} x`, `{"a":"true"}`,
		`{"a":{"b":null,"c":"x"},"d":{"b":7}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want map[string]json.RawMessage
		readable := json.Unmarshal(raw, &want) == nil && want != nil
		o, err := parseObject(raw, nil)
		if (err == nil) != readable {
			t.Fatalf("%q: %v, encoding/json reads it: %t", raw, err, readable)
		}
		got := map[string]json.RawMessage{}
		for _, m := range o {
			got[string(m.name)] = m.value
		}
		if diff := cmp.Diff(want, got); diff != "" && readable {
			t.Fatalf("%q (-want +got)\n%s", raw, diff)
		}
		for name := range want {
			if got, want := o.text(name), value[string](o, name); got != want {
				t.Errorf("text %q: %q, want %q", name, got, want)
			}
			if got, want := o.flag(name), value[bool](o, name); got != want {
				t.Errorf("flag %q: %t, want %t", name, got, want)
			}
			texts := o.texts(name, nil)
			for inner, want := range value[map[string]string](o, name) {
				if got := texts.text(inner); got != want {
					t.Errorf("texts %q: %q is %q, want %q", name, inner, got, want)
				}
			}
			if value[map[string]string](o, name) == nil && texts != nil {
				t.Errorf("texts %q: %d, want none", name, len(texts))
			}
		}
	})
}
