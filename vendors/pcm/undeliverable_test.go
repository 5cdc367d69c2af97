package pcm_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/pcm"
)

func TestListUndeliverable(t *testing.T) {
	t.Parallel()
	const line = `{"batchID":7,"orderID":222,"extRefNbr":"a1b2","failureReason":"No such address: 2145 Sunnydale Blvd","date":"2026-03-01T05:00:00.000Z"}`
	s := &server{answers: map[string][]answer{"GET /recipient/undeliverable": {
		{http.StatusOK, `[` + line + `,{"batchID":7,"orderID":223,"extRefNbr":null,"failureReason":"x"}]`},
	}}}
	since := time.Date(2026, 2, 20, 12, 0, 0, 0, time.FixedZone("", 3600))
	var got []*vendors.Order
	for o, err := range vendors.ListUndeliverable(t.Context(), newAdapter(t), s.doer(), since) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o)
	}
	status := postproof.Status{
		Stage: postproof.StageFailed, Raw: "Undeliverable", Source: postproof.SourcePoll, Confidence: postproof.Reported,
		VendorTime: time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC), Reason: "the address is undeliverable",
	}
	first := &vendors.Order{Receipt: postproof.Receipt{Vendor: "pcm", VendorID: "222"}, Status: status, Dead: true, Raw: []byte(line)}
	if len(got) != 2 {
		t.Fatalf("%d orders, want 2", len(got))
	}
	if diff := cmp.Diff(first, got[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got[1].Receipt.VendorID != "223" || !got[1].Status.VendorTime.IsZero() {
		t.Errorf("without a date: %+v", got[1])
	}
	asked := s.do.Asked()
	if got, want := asked[len(asked)-1], "GET "+pcm.DefaultBaseURL+"/recipient/undeliverable?startDate=2026-02-20T11%3A00%3A00Z"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

// What is not the documented list is an error: an empty one would let somebody
// wait for a piece that is never printed.
func TestListUndeliverableUnreadable(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `{}`, `{"results":[]}`, `[null]`, `[{}]`, `[{"orderID":"x"}]`, `[{"orderID":0}]`, `[{"orderID":1},{"batchID":2}]`, `[{"orderID":1}`,
	} {
		s := &server{answers: map[string][]answer{"GET /recipient/undeliverable": {{http.StatusOK, body}}}}
		n := 0
		for o, err := range vendors.ListUndeliverable(t.Context(), newAdapter(t), s.doer(), time.Time{}) {
			if n++; err == nil || o != nil {
				t.Errorf("%s: %v, %v", body, o, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: the list yields %d times, want the error alone", body, n)
		}
	}
}
