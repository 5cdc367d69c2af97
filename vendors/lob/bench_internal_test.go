package lob

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// answered is an order of the usual length, as the simulator and the peers of
// the benchmarks see one.
const answered = `{"id":"psc_00000000000004d2","object":"postcard","description":null,` +
	`"url":"https://lob-assets.com/postcards/psc_00000000000004d2_signature.pdf?version=v1&expires=1798761600&signature=8zW2lYw1nqQ4o0g5xJbC3kF6dH9sT2vR",` +
	`"to":{"id":"adr_00000000000004d2","object":"address","description":null,"name":"CURRENT RESIDENT","company":null,"phone":null,"email":null,` +
	`"address_line1":"1 MAIN ST","address_line2":null,"address_city":"SPRINGFIELD","address_state":"IL","address_zip":"62701-1234",` +
	`"address_country":"UNITED STATES","metadata":{},"date_created":"2026-03-02T15:00:00.123Z","date_modified":"2026-03-02T15:00:00.123Z","recipient_moved":false},` +
	`"from":{"id":"adr_249af768103d9810","object":"address","description":null,"name":"EXAMPLE PRINTING",` +
	`"company":null,"phone":null,"email":null,"address_line1":"210 KING ST","address_line2":null,"address_city":"SAN FRANCISCO",` +
	`"address_state":"CA","address_zip":"94107-1741","address_country":"UNITED STATES","metadata":{},"date_created":"2026-03-02T15:00:00.123Z","date_modified":"2026-03-02T15:00:00.123Z"},` +
	`"carrier":"USPS","tracking_events":[],"thumbnails":[],"merge_variables":null,"size":"4x6","mail_type":"usps_first_class",` +
	`"use_type":"marketing","fsc":false,"front_template_id":null,"back_template_id":null,"front_template_version_id":null,` +
	`"back_template_version_id":null,"campaign_id":null,"status":"processed","expected_delivery_date":"2030-01-07","send_date":"2026-03-02T15:00:00.123Z",` +
	`"date_created":"2026-03-02T15:00:00.123Z","date_modified":"2026-03-02T15:00:00.123Z","deleted":false,"raw_url":null,` +
	`"metadata":{"postproof_ref":"0123456789ABCDEF","postproof_content":"1aaaaaaaaaaaaaaaaaaaaaaa"}}`

func benchJob() postproof.Job {
	const body = `<p style="margin:0">Spring is here, and so are we: come by before the end of May.</p>`
	return postproof.Job{
		Key: "spring/1234/card", Class: postproof.FirstClass, Campaign: "spring", Contact: "1234",
		To:   postproof.Address{Name: "Current Resident", Line1: "1 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
		From: postproof.Address{Name: "Example Printing", Line1: "210 King Street", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{
			Front: `<html style="font-family:serif">` + strings.Repeat(body, 4) + "</html>", Back: `<html lang="en">` + strings.Repeat(body, 2) + "</html>",
		}},
	}
}

// benchSubmission is one of benchJob, and an adapter for it.
func benchSubmission(tb testing.TB) (*Adapter, *vendors.Submission) {
	tb.Helper()
	a, err := New("test_0123456789")
	if err != nil {
		tb.Fatal(err)
	}
	return a, &vendors.Submission{Job: benchJob(), Ref: "0123456789ABCDEF", VendorKey: "00112233445566778899aabbccddeeff"}
}

// TestAllocations: what a submission may cost in memory. Raise a number only
// with a reason.
//
//nolint:paralleltest // AllocsPerRun counts the allocations of other tests, too
func TestAllocations(t *testing.T) {
	a, s := benchSubmission(t)
	raw := []byte(answered)
	event := calledBack()
	foreign := []byte(strings.Replace(answered, "postproof_content", "somebody_elses", 1))
	for _, step := range []struct {
		name string
		most float64
		do   func() error
	}{
		// The order, and its id, reference, content, URL and status.
		{"parse", 6, func() error { _, err := parseOrder(postcardProduct(), raw, a.caps); return err }},
		// One that is not ours has its postal code in place of the content.
		{"parse another's", 6, func() error { _, err := parseOrder(postcardProduct(), foreign, a.caps); return err }},
		// That, and the event with its id, type and reference.
		{"parse a callback", 15, func() error { _, err := parseEvent(event, a.caps); return err }},
		// The document, the body, its digest and the content's.
		{"encode", 4, func() error { _, err := a.Encode(t.Context(), s); return err }},
		{"check", 0, func() error { return a.check(&s.Job) }},
	} {
		got := testing.AllocsPerRun(100, func() {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
		})
		if got > step.most {
			t.Errorf("%s: %v allocations, want at most %v", step.name, got, step.most)
		}
	}
}

func BenchmarkParseOrder(b *testing.B) {
	raw, caps, p := []byte(answered), capabilities(), postcardProduct()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseOrder(p, raw, caps); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode is the measure: what encoding/json takes for a struct of the
// same fields.
func BenchmarkDecode(b *testing.B) {
	raw := []byte(answered)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var o struct {
			ID       string            `json:"id"`
			Object   string            `json:"object"`
			URL      string            `json:"url"`
			Tracking string            `json:"tracking_number"`
			Expected string            `json:"expected_delivery_date"`
			Created  string            `json:"date_created"`
			Modified string            `json:"date_modified"`
			Size     string            `json:"size"`
			MailType string            `json:"mail_type"`
			Status   string            `json:"status"`
			Metadata map[string]string `json:"metadata"`
		}
		if err := json.Unmarshal(raw, &o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	a, s := benchSubmission(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Encode(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	a, s := benchSubmission(b)
	fields, err := a.fields(b.Context(), s, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		fields.json()
	}
}

func BenchmarkCheck(b *testing.B) {
	a, s := benchSubmission(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.check(&s.Job); err != nil {
			b.Fatal(err)
		}
	}
}

// calledBack is a callback about the piece of answered, with a scan.
func calledBack() []byte {
	scanned := strings.Replace(answered, `"tracking_events":[]`, `"tracking_events":[{"id":"evnt_0123456789abcdef","type":"normal","name":"In Transit",`+
		`"time":"2026-03-05T14:00:00.000Z","location":"94107","date_created":"2026-03-05T14:00:00.000Z","object":"tracking_event"}]`, 1)
	return []byte(`{"id":"evt_0123456789abcdef","object":"event","reference_id":"psc_00000000000004d2","event_type":{"id":"postcard.in_transit",` +
		`"enabled_for_test":false,"resource":"postcards","object":"event_type"},"date_created":"2026-03-05T14:00:00.000Z","body":` + scanned + `}`)
}

// BenchmarkParseCallback is what the intake of a callback pays for knowing whose
// it is.
func BenchmarkParseCallback(b *testing.B) {
	raw, caps := calledBack(), capabilities()
	if _, err := parseEvent(raw, caps); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseEvent(raw, caps); err != nil {
			b.Fatal(err)
		}
	}
}
