package vendorsim

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const lobTo = `"use_type":"marketing","to":{"name":"A & B","address_line1":"1 Main St","address_city":"X","address_state":"IL","address_zip":"62701"}`

// openLob is a vendor with one order for each body, which goes to the path before
// it.
func openLob(t *testing.T, bodies ...string) (*lob, []*order) {
	t.Helper()
	s, err := New(Config{Vendors: []Vendor{{Name: "lob"}}, Lob: LobConfig{RateLimit: -1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	in := s.vendors["lob"]
	for _, b := range bodies {
		path, body, _ := strings.Cut(b, " ")
		r := httptest.NewRequest(http.MethodPost, "/v1/"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth("live_simlob", "")
		w := httptest.NewRecorder()
		if in.ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", b, w.Code, w.Body)
		}
	}
	l, ok := in.wire.(*lob)
	if !ok {
		t.Fatalf("%T", in.wire)
	}
	return l, in.orders
}

// A piece shows the fields of its kind, some of them null, and leaves out what it
// does not have.
func TestLobShowsTheFieldsOfTheKind(t *testing.T) {
	t.Parallel()
	const all = "carrier date_created date_modified description=null expected_delivery_date fsc id mail_type metadata object send_date status thumbnails to tracking_events url use_type"
	const letter = all + " address_placement cards color double_sided return_envelope from"
	const from = `"from":{"name":"S","address_line1":"2 Main St","address_city":"X","address_state":"IL","address_zip":"62701"}`
	for body, want := range map[string]string{
		`postcards {` + lobTo + `,"front":"<b>a</b>","back":"<b>b</b>"}`:                                                                                          all + " size front_template_id=null front_template_version_id=null back_template_id=null back_template_version_id=null",
		`postcards {` + lobTo + `,"front":"tmpl_1234567890abcde","back":"<b>b</b>","merge_variables":{"a":"b"}}`:                                                  all + " size merge_variables front_template_id front_template_version_id back_template_id=null back_template_version_id=null",
		`letters {` + lobTo + `,"file":"<b>a</b>","color":true,` + from + `}`:                                                                                     letter + " perforated_page=null",
		`letters {` + lobTo + `,"file":"tmpl_1234567890abcde","color":false,"extra_service":"certified","perforated_page":1,"return_envelope":true,` + from + `}`: letter + " perforated_page template_id template_version_id extra_service tracking_number",
		`self_mailers {` + lobTo + `,"inside":"<b>a</b>","outside":"tmpl_1234567890abcde"}`:                                                                       all + " size outside_template_id outside_template_version_id",
	} {
		l, orders := openLob(t, body)
		o := orders[0]
		kind, _ := lobKindOf(o.Kind)
		for add, v := range map[string]*void{"": nil, " deleted": {Reason: reasonCanceled, Canceled: true}, " failure_reason": {Reason: reasonLate}} {
			o.void, o.voidedAt = v, o.Created
			text, err := json.Marshal(l.object(o, kind, o.Created.Add(time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(text, &fields); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, name := range slices.Sorted(maps.Keys(fields)) {
				if string(fields[name]) == "null" {
					name += "=null"
				}
				got = append(got, name)
			}
			fieldsOf := strings.Fields(want + add)
			slices.Sort(fieldsOf)
			slices.Sort(got)
			if diff := cmp.Diff(fieldsOf, got); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", body, add, diff)
			}
		}
	}
}

// What is kept decoded is always the order's own.
func TestLobKeepsTheDataOfEachOrder(t *testing.T) {
	t.Parallel()
	l, orders := openLob(t,
		`postcards {`+lobTo+`,"front":"<b>a</b>","back":"<b>b</b>","description":"one"}`,
		`postcards {`+lobTo+`,"front":"<b>a</b>","back":"<b>b</b>","description":"two"}`,
	)
	one, two := *orders[0], *orders[1]
	two.Num = one.Num + lobRecent // at the same place
	first := l.data(&one)
	if l.data(&one) != first {
		t.Error("it was decoded again")
	}
	for range 2 {
		if a, b := *l.data(&one).Description, *l.data(&two).Description; a != "one" || b != "two" {
			t.Errorf("the descriptions are %s and %s", a, b)
		}
	}
}
