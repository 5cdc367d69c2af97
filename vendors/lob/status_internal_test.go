package lob

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
)

const created = `"date_created":"2026-03-02T15:00:00.000Z","date_modified":"2026-03-02T15:00:30.000Z"`

func at(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }

func TestStatus(t *testing.T) {
	t.Parallel()
	modified := time.Date(2026, 3, 2, 15, 0, 30, 0, time.UTC)
	for _, test := range []struct {
		name, body string
		want       postproof.Status
		dead       bool
	}{
		{
			"just created", `{"status":"processed",` + created + `}`,
			postproof.Status{Stage: "accepted", Raw: "processed", Confidence: "reported", VendorTime: at(2, 15)},
			false,
		},
		{
			"no status", `{` + created + `}`,
			postproof.Status{Stage: "accepted", Confidence: "reported", VendorTime: at(2, 15)},
			false,
		},
		{
			"a status of tomorrow", `{"status":"printed",` + created + `}`,
			postproof.Status{Stage: "accepted", Raw: "printed", Confidence: "reported", VendorTime: at(2, 15)},
			false,
		},
		{
			"rendered", `{"status":"rendered","tracking_events":[],` + created + `}`,
			postproof.Status{Stage: "rendered", Raw: "rendered", Confidence: "reported", VendorTime: modified},
			false,
		},
		{
			"failed", `{"status":"failed","failure_reason":{"failure_reason":"no art at https://x/Harry","errors":[{"error_type":"NOT_FOUND"}]},` + created + `}`,
			postproof.Status{Stage: "failed", Raw: "failed", Confidence: "reported", VendorTime: modified, Reason: "rendering failed: NOT_FOUND"},
			true,
		},
		{
			"failed, and scanned: paper exists", `{"status":"failed","tracking_events":[{"type":"normal","name":"In Transit","time":"2026-03-04T10:00:00Z"}],` + created + `}`,
			postproof.Status{Stage: "in_transit", Raw: "In Transit", Confidence: "scanned", VendorTime: at(4, 10)},
			false,
		},
		{
			"deleted", `{"deleted":true,"status":"rendered",` + created + `}`,
			postproof.Status{Stage: "canceled", Raw: "deleted", Confidence: "reported", VendorTime: modified},
			true,
		},
		{
			"the latest scan, not the last in the list",
			`{"status":"rendered","tracking_events":[{"name":"Delivered","type":"normal","time":"2026-03-06T10:00:00Z"},{"name":"Mailed","type":"normal","time":"2026-03-03T10:00:00Z"}]}`,
			postproof.Status{Stage: "delivered", Raw: "Delivered", Confidence: "estimated", VendorTime: at(6, 10)},
			false,
		},
		{
			"returned after delivered",
			`{"tracking_events":[{"name":"Delivered","time":"2026-03-06T10:00:00Z"},{"name":"Returned to Sender","time":"2026-03-08T10:00:00Z"}]}`,
			postproof.Status{Stage: "returned", Raw: "Returned to Sender", Confidence: "scanned", VendorTime: at(8, 10)},
			false,
		},
		{
			"two at the same time: the later in the list",
			`{"tracking_events":[{"name":"In Transit","time":"2026-03-06T10:00:00Z"},{"name":"In Local Area","time":"2026-03-06T10:00:00Z"}]}`,
			postproof.Status{Stage: "in_local_area", Raw: "In Local Area", Confidence: "scanned", VendorTime: at(6, 10)},
			false,
		},
		{
			"certified delivery is proof",
			`{"extra_service":"certified","tracking_events":[{"name":"Delivered","type":"certified","time":"2026-03-06T10:00:00Z","details":{"event":"delivered"}}]}`,
			postproof.Status{Stage: "delivered", Raw: "Delivered", Confidence: "scanned", VendorTime: at(6, 10)},
			false,
		},
		{
			"the scans of a self-mailer are called certified, and it is not",
			`{"object":"self_mailer","tracking_events":[{"name":"Delivered","type":"certified","time":"2026-03-06T10:00:00Z","details":{"event":"delivered"}}]}`,
			postproof.Status{Stage: "delivered", Raw: "Delivered", Confidence: "estimated", VendorTime: at(6, 10)},
			false,
		},
		{
			"in the letters of the table of certified mail",
			`{"tracking_events":[{"name":"Processed For Delivery","time":"2026-03-06T10:00:00Z"}]}`,
			postproof.Status{Stage: "out_for_delivery", Raw: "Processed For Delivery", Confidence: "scanned", VendorTime: at(6, 10)},
			false,
		},
		{
			"certified issue with its detail",
			`{"tracking_events":[{"name":"Issue","type":"certified","time":"2026-03-06T10:00:00Z","details":{"event":"package_lost"}}]}`,
			postproof.Status{Stage: "issue", Raw: "Issue", Confidence: "scanned", VendorTime: at(6, 10), Reason: "package_lost"},
			false,
		},
		{
			"a list that is understood by half says nothing",
			`{"status":"rendered","date_modified":"2026-03-03T10:00:00Z","tracking_events":[{"name":"Delivered","time":"2026-03-06T10:00:00Z"},{"name":5}]}`,
			postproof.Status{Stage: "rendered", Raw: "rendered", Confidence: "reported", VendorTime: at(3, 10)},
			false,
		},
		{
			"details of another form",
			`{"status":"rendered","date_modified":"2026-03-03T10:00:00Z","tracking_events":[{"name":"Delivered","time":"2026-03-06T10:00:00Z","details":[]}]}`,
			postproof.Status{Stage: "rendered", Raw: "rendered", Confidence: "reported", VendorTime: at(3, 10)},
			false,
		},
		{
			"null is no scan, and no harm",
			`{"tracking_events":[null,{"name":"Delivered","type":null,"time":"2026-03-06T10:00:00Z","details":null},{"name":null,"time":"2026-03-07T10:00:00Z"}]}`,
			postproof.Status{Stage: "delivered", Raw: "Delivered", Confidence: "estimated", VendorTime: at(6, 10)},
			false,
		},
		{
			"a scan of tomorrow", `{"tracking_events":[{"name":"Beamed Up","time":"2026-03-06T10:00:00Z"}]}`,
			postproof.Status{Stage: "mailed", Raw: "Beamed Up", Confidence: "reported", VendorTime: at(6, 10)},
			false,
		},
	} {
		o, err := parseObject([]byte(test.body), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, dead := statusOf(o, o.time("date_created"))
		if diff := cmp.Diff(test.want, got); diff != "" || dead != test.dead {
			t.Errorf("%s: dead %v, want %v (-want +got)\n%s", test.name, dead, test.dead, diff)
		}
	}
}

func TestEveryTrackingEvent(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]postproof.Stage{
		"Mailed": "mailed", "In Transit": "in_transit", "In Local Area": "in_local_area",
		"Processed for Delivery": "out_for_delivery", "Delivered": "delivered", "Re-Routed": "re_routed",
		"Returned to Sender": "returned", "International Exit": "left_country",
		"Pickup Available": "pickup_available", "Issue": "issue",
	} {
		if got := statusOfEvent(trackingEvent{name: name}); got.Stage != want || got.Raw != name {
			t.Errorf("%s: %+v, want %s", name, got, want)
		}
	}
}
