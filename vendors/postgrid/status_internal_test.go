package postgrid

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
)

const times = `"createdAt":"2026-03-02T15:00:00.000Z","updatedAt":"2026-03-04T10:00:00.000Z"`

func day(d, hour int) time.Time { return time.Date(2026, 3, d, hour, 0, 0, 0, time.UTC) }

// TestTwoAxes merges what PostGrid says with what the postal service scanned.
func TestTwoAxes(t *testing.T) {
	t.Parallel()
	scan := func(status, imb string) string {
		return `{"status":"` + status + `","imbStatus":"` + imb + `","imbDate":"2026-03-06T10:00:00.000Z",` + times + `}`
	}
	for _, test := range []struct {
		name, body string
		want       postproof.Status
		dead       bool
	}{
		{"just created", `{"status":"ready",` + times + `}`, postproof.Status{Stage: "accepted", Raw: "ready", Confidence: "reported", VendorTime: day(2, 15)}, false},
		{"no status", `{` + times + `}`, postproof.Status{Stage: "accepted", Confidence: "reported", VendorTime: day(4, 10)}, false},
		{"a status of tomorrow", `{"status":"queued_twice",` + times + `}`, postproof.Status{Stage: "accepted", Raw: "queued_twice", Confidence: "reported", VendorTime: day(4, 10)}, false},
		{"previewed", `{"status":"ready","url":"https://x/y.pdf",` + times + `}`, postproof.Status{Stage: "rendered", Raw: "ready", Confidence: "reported", VendorTime: day(4, 10)}, false},
		{"printing", `{"status":"printing","url":"https://x/y.pdf",` + times + `}`, postproof.Status{Stage: "in_production", Raw: "printing", Confidence: "reported", VendorTime: day(4, 10)}, false},
		{"handed over", `{"status":"processed_for_delivery",` + times + `}`, postproof.Status{Stage: "mailed", Raw: "processed_for_delivery", Confidence: "reported", VendorTime: day(4, 10)}, false},
		{"completed is an estimate", `{"status":"completed",` + times + `}`, postproof.Status{Stage: "delivered", Raw: "completed", Confidence: "estimated", VendorTime: day(4, 10)}, false},
		{"canceled by us", `{"status":"cancelled","cancellation":{"reason":"user_initiated","note":"Harry moved"},` + times + `}`, postproof.Status{Stage: "canceled", Raw: "cancelled", Confidence: "reported", VendorTime: day(4, 10), Reason: "user_initiated"}, true},
		{"canceled, not said why", `{"status":"cancelled",` + times + `}`, postproof.Status{Stage: "canceled", Raw: "cancelled", Confidence: "reported", VendorTime: day(4, 10)}, true},
		{"bad content", `{"status":"cancelled","cancellation":{"reason":"invalid_content"},` + times + `}`, postproof.Status{Stage: "failed", Raw: "cancelled", Confidence: "reported", VendorTime: day(4, 10), Reason: "invalid_content"}, true},
		{"bad class", `{"status":"cancelled","cancellation":{"reason":"invalid_order_mailing_class"},` + times + `}`, postproof.Status{Stage: "failed", Raw: "cancelled", Confidence: "reported", VendorTime: day(4, 10), Reason: "invalid_order_mailing_class"}, true},
		{"a reason of tomorrow", `{"status":"cancelled","cancellation":{"reason":"printer_on_fire"},` + times + `}`, postproof.Status{Stage: "failed", Raw: "cancelled", Confidence: "reported", VendorTime: day(4, 10), Reason: "printer_on_fire"}, true},

		{"scanned before the status moves", scan("printing", "entered_mail_stream"), postproof.Status{Stage: "in_transit", Raw: "printing/entered_mail_stream", Confidence: "scanned", VendorTime: day(6, 10)}, false},
		{"out for delivery", scan("processed_for_delivery", "out_for_delivery"), postproof.Status{Stage: "out_for_delivery", Raw: "processed_for_delivery/out_for_delivery", Confidence: "scanned", VendorTime: day(6, 10)}, false},
		{"completed, and the scans lag", scan("completed", "entered_mail_stream"), postproof.Status{Stage: "delivered", Raw: "completed/entered_mail_stream", Confidence: "estimated", VendorTime: day(4, 10)}, false},
		{"completed, and returned", scan("completed", "returned_to_sender"), postproof.Status{Stage: "returned", Raw: "completed/returned_to_sender", Confidence: "scanned", VendorTime: day(6, 10)}, false},
		{"canceled, and scanned: paper exists", scan("cancelled", "entered_mail_stream"), postproof.Status{Stage: "in_transit", Raw: "cancelled/entered_mail_stream", Confidence: "scanned", VendorTime: day(6, 10)}, false},
		{"a scan of tomorrow", scan("processed_for_delivery", "beamed_up"), postproof.Status{Stage: "mailed", Raw: "processed_for_delivery/beamed_up", Confidence: "reported", VendorTime: day(4, 10)}, false},
		{"a scan of tomorrow, first", scan("printing", "beamed_up"), postproof.Status{Stage: "mailed", Raw: "printing/beamed_up", Confidence: "reported", VendorTime: day(6, 10)}, false},
		{"a date alone", `{"status":"printing","imbStatus":"out_for_delivery","imbDate":"2026-03-07"}`, postproof.Status{Stage: "out_for_delivery", Raw: "printing/out_for_delivery", Confidence: "scanned", VendorTime: day(7, 0)}, false},
		{"what is no word", `{"status":"Harry Zhang","imbStatus":"1 High St"}`, postproof.Status{Stage: "accepted", Confidence: "reported"}, false},
	} {
		o, err := parseObject([]byte(test.body))
		if err != nil {
			t.Fatal(err)
		}
		got, dead := statusOf(o)
		if diff := cmp.Diff(test.want, got); diff != "" || dead != test.dead {
			t.Errorf("%s: dead %v, want %v (-want +got)\n%s", test.name, dead, test.dead, diff)
		}
		if dead && !slices.Contains(capabilities(false).NoPaper, got.Raw) {
			t.Errorf("%s: dead with the status %q, which is not listed as no paper", test.name, got.Raw)
		}
	}
}

// TestCancelEndsAtMidnightEastern also on the days on which the clocks change.
func TestCancelEndsAtMidnightEastern(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ accepted, want time.Time }{
		{day(2, 15), time.Date(2026, 3, 2, 23, 30, 0, 0, zone)},
		{time.Date(2026, 3, 3, 4, 59, 0, 0, time.UTC), time.Date(2026, 3, 2, 23, 30, 0, 0, zone)}, // closed already
		{time.Date(2026, 3, 3, 5, 0, 0, 0, time.UTC), time.Date(2026, 3, 3, 23, 30, 0, 0, zone)},
		{time.Date(2026, 3, 8, 1, 0, 0, 0, zone), time.Date(2026, 3, 8, 23, 30, 0, 0, zone)},    // 23 hours long
		{time.Date(2026, 11, 1, 0, 30, 0, 0, zone), time.Date(2026, 11, 1, 23, 30, 0, 0, zone)}, // 25 hours long
	} {
		if got := capabilities(false).Cancel.Until(test.accepted); !got.Equal(test.want) {
			t.Errorf("accepted %v: until %v, want %v", test.accepted, got, test.want)
		}
	}
}

func TestCapabilityFacts(t *testing.T) {
	t.Parallel()
	for _, keyed := range []bool{false, true} {
		c := capabilities(keyed)
		if got := c.Idempotency.Kind != postproof.IdempotencyNone; got != keyed {
			t.Errorf("keyed %v: idempotency %q", keyed, c.Idempotency.Kind)
		}
		if keyed && (c.Idempotency.Window != 24*time.Hour || c.Idempotency.Margin != time.Hour) {
			t.Errorf("window %v less %v", c.Idempotency.Window, c.Idempotency.Margin)
		}
		if c.Lookup.Settle != postproof.MinSettle {
			t.Errorf("settle time %v: PostGrid documents no lag", c.Lookup.Settle)
		}
		cb := c.Callbacks
		if cb.Auth != postproof.CallbackSigned || !cb.EventIDs || !cb.CarryRef || cb.AnswerStatus != 200 || cb.RetryFor != 7*time.Hour {
			t.Errorf("callbacks %+v", cb)
		}
		for stage, d := range cb.Patience {
			if d <= cb.RetryFor || stage.Terminal() || !stage.Known() {
				t.Errorf("patience of %v at %s: a repeated callback may still come", d, stage)
			}
		}
	}
}

// TestSizesAreWrittenWidthFirst, and every one of them comes back.
func TestSizesAreWrittenWidthFirst(t *testing.T) {
	t.Parallel()
	caps := capabilities(false)
	got := map[string]string{}
	for _, p := range caps.Pieces {
		for _, s := range p.Sizes {
			name := sizeKey(caps, p.Kind, postproof.Size{Name: "another name", Short: s.Short, Long: s.Long})
			got[string(p.Kind)+" "+s.Name] = name
			if back := sizeOf(caps, p.Kind, name); back != s {
				t.Errorf("%s %s comes back as %v", p.Kind, name, back)
			}
		}
	}
	want := map[string]string{
		"postcard 4x6": "6x4", "postcard 6x9": "9x6", "postcard 6x11": "11x6",
		"letter us_letter": "us_letter", "letter a4": "a4",
		"self_mailer 8.5x11_bifold": "8.5x11_bifold", "self_mailer 9.5x16_trifold": "9.5x16_trifold",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sizes (-want +got)\n%s", diff)
	}
	for _, unknown := range []string{"", "4x6", "8.5x11_trifold", "5x7"} {
		for _, p := range caps.Pieces {
			if s := sizeOf(caps, p.Kind, unknown); s != (postproof.Size{}) {
				t.Errorf("%s %q is taken for %v", p.Kind, unknown, s)
			}
		}
	}
}

func TestClassesComeBack(t *testing.T) {
	t.Parallel()
	for _, p := range capabilities(false).Pieces {
		for _, c := range p.Classes {
			if got := classOf(classKey(c)); got != c {
				t.Errorf("%s comes back as %q", c, got)
			}
		}
	}
	if classKey(postproof.Marketing) != "standard_class" {
		t.Errorf("marketing mail is %q", classKey(postproof.Marketing))
	}
	for name, want := range map[string]postproof.MailClass{
		"usps_first_class": postproof.FirstClass, "usps_standard_class": postproof.Marketing,
		"usps_first_class_certified": postproof.Certified, "usps_first_class_registered": postproof.Registered,
		"usps_first_class_certified_return_receipt": postproof.CertifiedReturnReceipt,
		"ups_express_overnight":                     "", "a_class_of_tomorrow": "", "": "",
	} {
		if got := classOf(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
