package pcm

import (
	"slices"
	"testing"

	"github.com/postproof/postproof"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		order, batch string
		want         postproof.Stage
		dead         bool
	}{
		{"Pending", "", "accepted", false},
		{"Pending", "Pending", "accepted", false},
		{"Pending", "Pending Payment", "on_hold", false},
		{"Processing", "Failed Payment", "on_hold", false},
		{"Processing", "", "in_production", false},
		{"Processed", "", "in_production", false},
		{"Processing", "Processing", "in_production", false},
		{"Pending", "Processing", "in_production", false},
		{"Processed", "Mailing", "mailed", false},
		{"Processed", "Complete", "mailed", false},
		{"Processed", "Delivered", "out_for_delivery", false},
		{"Delivered", "", "out_for_delivery", false},
		{"Delivered", "Mailing", "out_for_delivery", false}, // the batch lags
		{"Processing", "Failed", "on_hold", false},
		{"Processing", "Canceled", "on_hold", false},
		{"Processing", "Undeliverable", "on_hold", false},
		{"Canceled", "", "canceled", true},
		{"Canceled", "Mailing", "canceled", true},
		{"Undeliverable", "", "failed", true},
		{"Undeliverable", "Mailing", "failed", true},
		{"Teleported", "", "accepted", false},
		{"Processing", "Teleported", "in_production", false},
	} {
		got, dead := statusOf(test.order, test.batch)
		if got.Stage != test.want || dead != test.dead {
			t.Errorf("%s/%s: %s, dead %v; want %s, %v", test.order, test.batch, got.Stage, dead, test.want, test.dead)
		}
		if dead && !slices.Contains(capabilities().NoPaper, got.Raw) {
			t.Errorf("%s/%s: dead with the status %q, which is not listed as no paper", test.order, test.batch, got.Raw)
		}
	}
	if got, _ := statusOf("Processed", "Complete"); got.Confidence != postproof.Estimated {
		t.Errorf("Complete has no stated meaning and is %s", got.Confidence)
	}
}

func TestNothingIsAcceptedWithoutAnID(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `7`, `{"orderID":null}`, `{"orderID":0}`, `{"orderID":-1}`, `{"orderID":"x"}`, `{"orderID":1.5}`,
		`{"orderID":[1]}`, `{"batchID":1}`, `{"orderID":1`, `{"error":{"code":500}}`,
	} {
		if o, err := parsePlaced([]byte(body)); err == nil {
			t.Errorf("%s is taken for order %s", body, o.Receipt.VendorID)
		}
	}
	o, err := parsePlaced([]byte(`{"orderID":222,"batchID":null,"extRefNbr":7}`))
	if err != nil || o.Receipt.VendorID != "222" || o.Receipt.Ref != "" {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestOnlyAProperListIsAList(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"results":[]}`, `{"results":[],"pagination":{}}`, `{"results":null,"pagination":{"page":1,"totalPages":0,"totalResults":0}}`,
		`{"results":[],"pagination":{"page":1,"totalPages":0}}`, `{"results":[],"pagination":{"page":1,"totalPages":0,"totalResults":5}}`,
		`{"results":[],"pagination":{"page":1,"totalPages":"0","totalResults":0}}`, `{"results":[],"pagination":{"page":1,"totalPages":-1,"totalResults":0}}`,
		`{"results":[{"orderID":1,"status":"Pending"}],"pagination":{"page":1,"totalPages":0,"totalResults":0}}`,
		`{"results":[{"orderID":1}],"pagination":{"page":1,"totalPages":1,"totalResults":1}}`,
		`{"results":[null],"pagination":{"page":1,"totalPages":1,"totalResults":1}}`,
	} {
		if _, _, err := parseOrders([]byte(body)); err == nil {
			t.Errorf("%s is taken for a list", body)
		}
	}
	for _, body := range []string{
		`{"results":[],"pagination":{"page":1,"totalPages":0,"totalResults":0}}`,
		`{"results":[],"pagination":{"page":1,"totalPages":1,"totalResults":0}}`,
		`{"results":[{"orderID":1,"status":"Pending"}],"pagination":{"page":1,"totalPages":1,"totalResults":1}}`,
	} {
		if _, _, err := parseOrders([]byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func FuzzParseOrders(f *testing.F) {
	f.Add([]byte(`{"results":[{"orderID":1,"status":"Pending","extRefNbr":"0123456789ABCDEF"}],"pagination":{"page":1,"totalPages":1,"totalResults":1}}`))
	f.Add([]byte(`{"results":[],"pagination":{"page":1,"totalPages":0,"totalResults":0}}`))
	f.Add([]byte(`{"results":[null]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, all, err := parseOrders(raw)
		if err != nil {
			return
		}
		if len(all) != len(p.results) || p.total < len(all) {
			t.Errorf("%d orders of %d entries, %d in all", len(all), len(p.results), p.total)
		}
		for _, o := range all {
			if o.Receipt.VendorID == "" || o.Status.Stage == "" || (o.Receipt.Ref != "" && !o.Receipt.Ref.Valid()) {
				t.Errorf("order %+v", o.Receipt)
			}
		}
	})
}

func FuzzParseAnswers(f *testing.F) {
	for _, seed := range []string{`{"orderID":1}`, `{"token":"t","expires":"2026-03-02T16:00:00Z"}`, `{"batchID":1,"status":"Mailing"}`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if o, err := parsePlaced(raw); err == nil && o.Receipt.VendorID == "" {
			t.Error("accepted without an id")
		}
		if l, ok := parseLogin(raw); ok && !plain(l.Token) {
			t.Error("a token that breaks out of its header")
		}
		if b, err := parseBatch("1", raw); err == nil && b.status == "" {
			t.Error("a batch without a status")
		}
	})
}
