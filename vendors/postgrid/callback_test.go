package postgrid_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
)

// updated is an event as PostGrid documents it.
const updated = `{"id":"event_9x","object":"event","type":"letter.updated","live":true,"createdAt":"2026-03-05T12:00:00.000Z",
	"updatedFields":{"imbStatus":"out_for_delivery"},"data":{"id":"letter_7b","object":"letter","live":true,
	"status":"processed_for_delivery","imbStatus":"out_for_delivery","imbDate":"2026-03-05","size":"us_letter",
	"mailingClass":"first_class","description":"0123456789ABCDEF","createdAt":"2026-03-01T10:00:00.000Z","updatedAt":"2026-03-04T10:00:00.000Z",
	"metadata":{"postproof_ref":"0123456789ABCDEF","postproof_content":"1804580ab94b348821d807f0"}}}`

// webToken wraps claims as PostGrid's default form of a callback does. Nobody has
// signed it: ParseCallback reads what is not verified, too.
func webToken(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
}

func TestParseCallback(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"JSON":                             updated,
		"a token whose claims are it":      webToken(updated),
		"a token that adds its own claims": webToken(strings.Replace(updated, "{", `{"iat":1772712000,`, 1)),
		"a token that holds it as event":   webToken(`{"iat":1772712000,"event":` + updated + `}`),
		"a token that holds it as data":    webToken(`{"data":` + updated + `,"exp":1772712000}`),
	} {
		buffer := []byte(body)
		notices, err := newAdapter(t).ParseCallback(nil, buffer)
		if err != nil || len(notices) != 1 {
			t.Errorf("%s: %d notices, %v", name, len(notices), err)
			continue
		}
		clear(buffer) // it is the receiver's, who uses it again
		e, o := notices[0].Event, notices[0].Order
		if !strings.Contains(string(e.Raw), `"event_9x"`) || strings.Contains(string(e.Raw), "eyJ") {
			t.Errorf("%s: the event's own bytes are %s", name, e.Raw)
		}
		e.Raw = nil
		want := postproof.Event{
			ID: "event_9x", Vendor: "postgrid", Mode: postproof.ModeLive, VendorID: "letter_7b", Ref: ref,
			Status: postproof.Status{
				Stage: postproof.StageOutForDelivery, Raw: "processed_for_delivery/out_for_delivery", Source: postproof.SourceCallback,
				Confidence: postproof.Scanned, VendorTime: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC),
			},
		}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if o == nil || o.Receipt.VendorID != "letter_7b" || o.Facts.Content != "1804580ab94b348821d807f0" || o.Status != want.Status {
			t.Errorf("%s: order %+v", name, o)
		}
	}
}

// bare is an event in the form of a token that PostGrid's first library holds: neither
// the event nor the order says what it is, and the event has no id.
const bare = `{"type":"postcard.updated","data":{"id":"postcard_iB3LmZx1","live":false,"backHTML":"<b>Hi {{to.firstName}}</b>",
	"pageCount":2,"size":"6x4","status":"cancelled","user":"user_1","description":"0123456789ABCDEF",
	"metadata":{"postproof_ref":"0123456789ABCDEF"},"createdAt":"2026-03-01T10:00:00.000Z","updatedAt":"2026-03-04T10:00:00.000Z"},"iat":1772712000}`

// TestBareEvent: what settles an unknown submission must not be turned away for a
// form that is not documented.
func TestBareEvent(t *testing.T) {
	t.Parallel()
	want := postproof.Event{
		Vendor: "postgrid", Mode: postproof.ModeTest, VendorID: "postcard_iB3LmZx1", Ref: ref,
		Status: postproof.Status{
			Stage: postproof.StageCanceled, Raw: "cancelled", Source: postproof.SourceCallback,
			Confidence: postproof.Reported, VendorTime: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC),
		},
	}
	withID := want
	withID.ID, withID.Mode = "event_9x", postproof.ModeLive
	for body, want := range map[string]postproof.Event{
		webToken(bare): want, bare: want, webToken(`{"event":` + bare + `}`): want,
		strings.Replace(bare, "{", `{"id":"event_9x","live":true,`, 1): withID,
		strings.Replace(bare, "{", `{"id":"event 9 of Harry",`, 1):     want,
	} {
		notices, err := newAdapter(t).ParseCallback(nil, []byte(body))
		if err != nil || len(notices) != 1 {
			t.Errorf("%s: %d notices, %v", body, len(notices), err)
			continue
		}
		e := notices[0].Event
		e.Raw = nil
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("%s (-want +got)\n%s", body, diff)
		}
		if o := notices[0].Order; o == nil || !o.Dead || o.Receipt.Ref != ref {
			t.Errorf("%s: order %+v", body, o)
		}
	}
	// The type says what the order is, unless the order does; then both must agree
	// with its id.
	for claims, piece := range map[string]bool{
		`{"type":"letter.updated","data":{"id":"letter_1"}}`:                         true,
		`{"type":"letter.updated","data":{"id":"letter_1","object":"letter"}}`:       true,
		`{"type":"letter.updated","data":{"id":"postcard_1"}}`:                       false,
		`{"type":"letter.updated","data":{"id":"letter_1","object":"postcard"}}`:     false,
		`{"type":"contact.created","data":{"id":"contact_1","firstName":"Kevin"}}`:   false,
		`{"type":"return_envelope_order.updated","data":{"id":"letter_1"},"iat":10}`: false,
	} {
		notices, err := newAdapter(t).ParseCallback(nil, []byte(webToken(claims)))
		if err != nil || len(notices) != 1 || (notices[0].Order != nil) != piece || (notices[0].Event.VendorID != "") != piece {
			t.Errorf("%s: %+v, %v", claims, notices, err)
		}
	}
}

// TestNoticesAboutNoPiece are kept, and nothing else is done.
func TestNoticesAboutNoPiece(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, data string }{
		{"snap_pack.updated", `{"id":"snap_pack_1","object":"snap_pack","live":true,"status":"printing","metadata":{"postproof_ref":"0123456789ABCDEF"}}`},
		{"campaign.created", `{"id":"campaign_1","object":"campaign"}`},
		{"tracker.visited", `{"tracker":"tracker_1"}`},
		{"letter.updated", `{"object":"letter"}`},
		{"letter.updated", `null`},
		{"a_type_of_tomorrow.opened", `[]`},
	} {
		body := fmt.Sprintf(`{"id":"event_1","object":"event","type":%q,"live":true,"data":%s}`, test.kind, test.data)
		notices, err := newAdapter(t).ParseCallback(nil, []byte(body))
		if err != nil || len(notices) != 1 {
			t.Errorf("%s: %v", test.kind, err)
			continue
		}
		e := notices[0].Event
		if e.ID != "event_1" || e.Mode != postproof.ModeLive || e.VendorID != "" || e.Ref != "" || notices[0].Order != nil || string(e.Raw) != body {
			t.Errorf("%s: %+v", test.kind, notices[0])
		}
	}
}

func TestWhatIsNoCallback(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, ` `, `null`, `{}`, `[]`, `[` + updated + `]`, `"` + webToken(updated) + `"`, `{"id":"event_1"`, updated + updated,
		`{"id":"event_1","object":"event"}`, `{"object":"event","type":"letter.updated"}`, `{"id":"","object":"event","type":"letter.updated"}`,
		`{"id":"event 1 of Harry","object":"event","type":"letter.updated"}`, `{"id":"event_1","object":"letter","type":"letter.updated"}`,
		`{"ID":"event_1","Object":"event","Type":"letter.updated"}`, `{"type":"postcard.delivered","data":"psc_1"}`,
		"..", "ey..", "eyJ.not base64.x", webToken(`{}`), webToken(`null`), webToken(`{"iat":1}`), webToken(`{"event":` + webToken(updated) + `}`),
		webToken(`{"payload":` + updated + `}`), webToken(`{"type":"letter","data":{}}`), webToken(`{"type":"letter.","data":{}}`),
		webToken(`{"type":"letter.updated"}`), webToken(`{"type":"letter.updated","data":[]}`), webToken(`{"type":"letter.updated","object":"letter","data":{}}`), webToken(updated) + "." + "x", "eyJhbGciOiJub25lIn0." + strings.Repeat("=", 9) + ".",
	} {
		notices, err := newAdapter(t).ParseCallback(nil, []byte(body))
		if err == nil {
			t.Errorf("%q is taken for %+v", body, notices)
			continue
		}
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || strings.Contains(err.Error(), "Harry") {
			t.Errorf("%q: %v, want invalid_argument without a quotation", body, err)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	for _, seed := range []string{updated, webToken(updated), webToken(bare), webToken(`{"event":` + updated + `}`), `{}`, "ey..", `{"id":"event_1","object":"event","type":"x","data":{"id":"letter_1","object":"letter","metadata":[]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a := newAdapter(t)
		notices, err := a.ParseCallback(nil, body)
		if err != nil {
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("%v", err)
			}
			return
		}
		for _, n := range notices {
			e := n.Event
			if e.Vendor != "postgrid" || len(e.Raw) == 0 {
				t.Errorf("an event without vendor or bytes: %+v", e)
			}
			if (e.VendorID == "") != (n.Order == nil) || (e.Ref != "" && !e.Ref.Valid()) || (n.Order != nil && e.Status.Stage == "") {
				t.Errorf("%+v", e)
			}
		}
	})
}
