package lob

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// eventTime is when the events of these tests were made.
const eventTime = "2026-03-06T12:00:00.000Z"

// eventOf writes an event in the form that Lob documents.
func eventOf(kind, ref, body string) string {
	return fmt.Sprintf(`{"id":"evt_d95ff8ffd2b5cfb4","event_type":{"id":%q,"resource":"postcards","enabled_for_test":true,"object":"event_type"},
		"reference_id":%q,"date_created":%q,"body":%s,"object":"event"}`, kind, ref, eventTime, body)
}

// pieceOf is a piece in the body of an event, with more fields.
func pieceOf(object, id, more string) string {
	return fmt.Sprintf(`{"id":%q,"object":%q,"metadata":{"postproof_ref":"0123456789ABCDEF"},"status":"rendered",
		"date_created":"2026-03-02T15:00:00.000Z"%s}`, id, object, more)
}

func parse(t *testing.T, body string) (*vendors.Notice, error) {
	t.Helper()
	notices, err := (&Adapter{caps: capabilities()}).ParseCallback(nil, []byte(body))
	if err != nil {
		if len(notices) > 0 {
			t.Error("notices beside an error")
		}
		return nil, err
	}
	if len(notices) != 1 {
		t.Fatalf("%d notices, want 1", len(notices))
	}
	return notices[0], nil
}

func mustParse(t *testing.T, body string) *vendors.Notice {
	t.Helper()
	n, err := parse(t, body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return n
}

func TestParseCallback(t *testing.T) {
	t.Parallel()
	body := eventOf("postcard.created", "psc_208e45e48d271294", theirs)
	got := mustParse(t, body)
	order, err := parseOrder(postcardProduct(), []byte(theirs), capabilities())
	if err != nil {
		t.Fatal(err)
	}
	order.Status.Source = postproof.SourceCallback
	want := &vendors.Notice{
		Event: postproof.Event{
			ID: "evt_d95ff8ffd2b5cfb4", Vendor: "lob", VendorID: "psc_208e45e48d271294", Ref: "0123456789ABCDEF",
			Status: postproof.Status{Stage: "accepted", Raw: "postcard.created", Source: "callback", Confidence: "reported", VendorTime: at(6, 12)},
			Raw:    json.RawMessage(body),
		},
		Order: order,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestCallbackIsCopied: the receiver may use its buffer again.
func TestCallbackIsCopied(t *testing.T) {
	t.Parallel()
	body := eventOf("postcard.created", "psc_208e45e48d271294", theirs)
	buffer := []byte(body)
	notices, err := (&Adapter{caps: capabilities()}).ParseCallback(nil, buffer)
	if err != nil {
		t.Fatal(err)
	}
	clear(buffer)
	if string(notices[0].Event.Raw) != body || !json.Valid(notices[0].Order.Raw) {
		t.Error("the notice changed with the receiver's buffer")
	}
}

// pieceStages is every type that moves a piece, by what follows the resource.
func pieceStages() map[string]postproof.Status {
	const scanned, reported, estimated = postproof.Scanned, postproof.Reported, postproof.Estimated
	return map[string]postproof.Status{
		"created":                {Stage: "accepted", Confidence: reported},
		"rejected":               {Stage: "failed", Confidence: reported, Reason: "rejected when it was to be created"},
		"rendered_pdf":           {Stage: "rendered", Confidence: reported},
		"deleted":                {Stage: "canceled", Confidence: reported, Raw: "deleted"},
		"failed":                 {Stage: "failed", Confidence: reported},
		"mailed":                 {Stage: "mailed", Confidence: scanned},
		"in_transit":             {Stage: "in_transit", Confidence: scanned},
		"in_local_area":          {Stage: "in_local_area", Confidence: scanned},
		"processed_for_delivery": {Stage: "out_for_delivery", Confidence: scanned},
		"delivered":              {Stage: "delivered", Confidence: estimated},
		"re-routed":              {Stage: "re_routed", Confidence: scanned},
		"returned_to_sender":     {Stage: "returned", Confidence: scanned},
		"international_exit":     {Stage: "left_country", Confidence: scanned},
	}
}

func certifiedStages() map[string]postproof.Status {
	all := map[string]postproof.Status{}
	for _, name := range []string{"mailed", "in_transit", "in_local_area", "processed_for_delivery", "re-routed", "returned_to_sender", "delivered"} {
		s := pieceStages()[name]
		s.Confidence = postproof.Scanned // at the door
		all["certified."+name] = s
	}
	all["certified.pickup_available"] = postproof.Status{Stage: "pickup_available", Confidence: postproof.Scanned}
	all["certified.issue"] = postproof.Status{Stage: "issue", Confidence: postproof.Scanned}
	return all
}

// TestEveryEventType takes each type that is documented, in the prose or in
// the schema, at its word: the piece in the body shows nothing.
func TestEveryEventType(t *testing.T) {
	t.Parallel()
	for _, p := range products() {
		id := p.prefix + "208e45e48d271294"
		stages := pieceStages()
		aux := []string{
			"rendered_thumbnails", "viewed", "informed_delivery.email_sent", "informed_delivery.email_opened",
			"informed_delivery.email_clicked_through", "beamed_up",
		}
		if p.kind == postproof.KindLetter {
			maps.Copy(stages, certifiedStages())
			for _, name := range []string{
				"created", "delivered", "in_transit", "in_local_area", "international_exit", "processed_for_delivery",
				"re_routed", "re-routed", "returned_to_sender",
			} {
				aux = append(aux, "return_envelope."+name)
			}
		}
		for _, name := range aux {
			stages[name] = postproof.Status{Confidence: postproof.Reported}
		}
		for name, want := range stages {
			kind := p.object + "." + name
			got := mustParse(t, eventOf(kind, id, pieceOf(p.object, id, "")))
			want.Source, want.VendorTime = postproof.SourceCallback, at(6, 12)
			if want.Raw == "" {
				want.Raw = kind
			}
			if diff := cmp.Diff(want, got.Event.Status); diff != "" {
				t.Errorf("%s (-want +got)\n%s", kind, diff)
			}
			if got.Event.VendorID != id || got.Event.Ref != "0123456789ABCDEF" || got.Order == nil || got.Order.Receipt.VendorID != id {
				t.Errorf("%s: the piece is %q, %q, %v", kind, got.Event.VendorID, got.Event.Ref, got.Order)
			}
		}
	}
}

// TestEventsAboutNoPiece are kept and name nothing.
func TestEventsAboutNoPiece(t *testing.T) {
	t.Parallel()
	for kind, id := range map[string]string{
		"address.created": "adr_1", "address.deleted": "adr_1",
		"bank_account.created": "bank_1", "bank_account.deleted": "bank_1", "bank_account.verified": "bank_1",
		"check.created": "chk_1", "check.delivered": "chk_1", "check.returned_to_sender": "chk_1", "snap_pack.created": "ord_1",
	} {
		got := mustParse(t, eventOf(kind, id, `{"id":"`+id+`","metadata":{"postproof_ref":"0123456789ABCDEF"}}`))
		if e := got.Event; e.VendorID != "" || e.Ref != "" || e.Status.Stage != "" || got.Order != nil || e.ID == "" || e.Status.Raw != kind {
			t.Errorf("%s: %+v, %v", kind, e.Status, got.Order)
		}
	}
}

func TestDeletedHasAnIDOnly(t *testing.T) {
	t.Parallel()
	got := mustParse(t, eventOf("letter.deleted", "ltr_1", `{"id":"ltr_1","deleted":true}`))
	if e := got.Event; e.VendorID != "ltr_1" || e.Ref != "" || e.Status.Stage != postproof.StageCanceled || got.Order != nil {
		t.Errorf("%s, %+v, order %v", e.VendorID, e.Status, got.Order)
	}
}

// TestScanTimeRules: the time of a scan is the carrier's, as a look at the
// piece gives it. With the event's own, a re-route that is told late would
// seem to follow a delivery.
func TestScanTimeRules(t *testing.T) {
	t.Parallel()
	events := `,"tracking_events":[
		{"name":"Re-Routed","type":"normal","time":"2026-03-04T10:00:00Z"},
		{"name":"Delivered","type":"normal","time":"2026-03-05T10:00:00Z"},
		{"name":"Re-Routed","type":"normal","time":"2026-03-03T10:00:00Z"}]`
	rerouted := mustParse(t, eventOf("postcard.re-routed", "psc_1", pieceOf("postcard", "psc_1", events))).Event.Status
	if !rerouted.VendorTime.Equal(at(4, 10)) {
		t.Errorf("time of the scan %v", rerouted.VendorTime)
	}
	delivered := mustParse(t, eventOf("postcard.delivered", "psc_1", pieceOf("postcard", "psc_1", events))).Event.Status
	if rerouted.Supersedes(delivered) {
		t.Error("a re-route before the delivery reopens it")
	}
	issue := mustParse(t, eventOf("letter.certified.issue", "ltr_1", pieceOf("letter", "ltr_1",
		`,"tracking_events":[{"name":"Issue","type":"certified","time":"2026-03-04T10:00:00Z","details":{"event":"package_lost"}}]`))).Event.Status
	if issue.Reason != "package_lost" {
		t.Errorf("reason of the issue %q", issue.Reason)
	}
}

// TestFailedIsNoPaperOnlyWhenThePieceSaysSo: "failed" stands for a failed
// rendering and for a failure in the mail, of which the second has paper.
func TestFailedIsNoPaperOnlyWhenThePieceSaysSo(t *testing.T) {
	t.Parallel()
	noPaper := func(body string) bool {
		n := mustParse(t, eventOf("postcard.failed", "psc_1", body))
		if n.Event.Status.Stage != postproof.StageFailed {
			t.Errorf("stage %s", n.Event.Status.Stage)
		}
		return slices.Contains(capabilities().NoPaper, n.Event.Status.Raw)
	}
	if !noPaper(strings.Replace(pieceOf("postcard", "psc_1", ""), `"rendered"`, `"failed"`, 1)) {
		t.Error("a failed rendering may have paper")
	}
	if noPaper(pieceOf("postcard", "psc_1", "")) || noPaper(`{"id":"psc_1"}`) {
		t.Error("a failure in the mail has no paper")
	}
}

// TestNoCallbackOfLob: what is not an event of Lob's is an error that the
// receiver can answer, and that quotes nothing.
func TestNoCallbackOfLob(t *testing.T) {
	t.Parallel()
	good := eventOf("postcard.created", "psc_1", pieceOf("postcard", "psc_1", `,"to":{"name":"Quillon"}`))
	change := func(old, now string) string {
		changed := strings.Replace(good, old, now, 1)
		if changed == good {
			t.Errorf("%q is not in the event", old)
		}
		return changed
	}
	mustParse(t, good)
	for name, body := range map[string]string{
		"nothing": "", "null": "null", "a list": "[" + good + "]", "text": `"evt_1"`, "torn": good[:len(good)-9], "two": good + good,
		"a piece":                   theirs,
		"another object":            change(`"object":"event"}`, `"object":"postcard"}`),
		"no id":                     change(`"id":"evt_d95ff8ffd2b5cfb4"`, `"ID":"evt_d95ff8ffd2b5cfb4"`),
		"another kind of id":        change("evt_d95", "psc_d95"),
		"a wild id":                 change("evt_d95", "evt_d9/5"),
		"no type":                   change(`"event_type":{"id"`, `"event_type":{"ID"`),
		"a type without a resource": change(`"postcard.created"`, `"created"`),
		"a type of nothing":         change(`"postcard.created"`, `"postcard."`),
		"a wild type":               change(`"postcard.created"`, `"postcard.<created>"`),
		"a type of another kind":    change(`"postcard.created"`, `"letter.created"`),
		"a reference of no piece":   change(`"reference_id":"psc_1"`, `"reference_id":"adr_1"`),
		"no reference":              change(`"reference_id"`, `"reference"`),
		"another piece in the body": change(`"body":{"id":"psc_1"`, `"body":{"id":"psc_2"`),
	} {
		_, err := parse(t, body)
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s: %v, want %v", name, err, postproof.CodeInvalidArgument)
			continue
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "Quillon") || strings.Contains(text, "psc_") {
			t.Errorf("%s: the error quotes the body: %s", name, text)
		}
	}
	// What is no news of the piece may show something else: a scan, say.
	n := mustParse(t, eventOf("postcard.viewed", "psc_1", `{"id":"scan_1"}`))
	if n.Event.VendorID != "psc_1" || n.Order != nil {
		t.Errorf("a view: %s, %v", n.Event.VendorID, n.Order)
	}
}

func FuzzParseCallback(f *testing.F) {
	for _, kind := range []string{"postcard.created", "postcard.deleted", "letter.certified.issue", "address.created", "postcard.failed"} {
		f.Add([]byte(eventOf(kind, "psc_1", pieceOf("postcard", "psc_1", `,"tracking_events":[{"name":"Issue","time":"2026-03-04T10:00:00Z"}]`))))
	}
	f.Add([]byte(`{"object":"event","id":"evt_1","event_type":{"id":"postcard.x"},"reference_id":"psc_1","body":[{}]}`))
	a := &Adapter{caps: capabilities()}
	f.Fuzz(func(t *testing.T, body []byte) {
		notices, err := a.ParseCallback(nil, body)
		if err != nil {
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("%v", err)
			}
			return
		}
		for _, n := range notices {
			if n.Event.ID == "" || n.Event.Vendor != Name || !json.Valid(n.Event.Raw) {
				t.Errorf("%+v", n.Event)
			}
			if n.Order != nil && n.Order.Receipt.VendorID != n.Event.VendorID {
				t.Errorf("the event is about %q and shows %q", n.Event.VendorID, n.Order.Receipt.VendorID)
			}
			if n.Event.Status.VendorTime.Location() != time.UTC {
				t.Error("a time that is not in UTC")
			}
		}
	})
}
