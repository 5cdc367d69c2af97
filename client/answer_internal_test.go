package client

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/internal/spool"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// A time that a vendor made up, and that has no text, does not keep its answer from
// the spool.
func TestAStrangeTimeIsNoReasonToLoseAnAnswer(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600)).UTC(), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		dir := t.TempDir()
		s, err := spool.Open(dir, "here")
		if err != nil {
			t.Fatal(err)
		}
		order := vendors.Order{
			Receipt: postproof.Receipt{VendorID: "piece", AcceptedAt: at, ExpectedDelivery: at}, Status: postproof.Status{VendorTime: at},
		}
		seen := see(&order, vendors.Facts{}, "", postproof.ModeTest)
		e := spool.Answer{ID: "1", Ledger: "here", At: time.Now(), Answer: idempotency.Answer{Vendor: "alpha", Delivery: postproof.Accepted, Order: &seen}}
		if err := s.Put(e); err != nil {
			t.Errorf("%v: %v", at, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		next, err := spool.Open(dir, "here")
		if err != nil {
			t.Fatal(err)
		}
		if kept := next.All(); len(kept) != 1 || kept[0].Answer.Order.Receipt.VendorID != "piece" {
			t.Errorf("%v: the next process finds %v", at, kept)
		}
	}
}
