package lob_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestWhatIsWrongWithEveryPiece is the account's, or the adapter's, and no job's: such a
// refusal stops the vendor instead of ending a campaign piece by piece.
func TestWhatIsWrongWithEveryPiece(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]lob.Option{
		"no use type":                  nil,
		"a version that was sunsetted": {lob.WithUseType(lob.Marketing), lob.WithVersion("2019-02-11")},
	} {
		sim := adaptertest.NewSimulator(t, "lob", vendorsim.Config{})
		a, err := lob.New(sim.Credential().Key, opts...)
		if err != nil {
			t.Fatal(err)
		}
		s := submission(job())
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Submit(t.Context(), &vendortest.Doer{Handler: sim}, s, body)
		if postproof.CodeOf(err) != postproof.CodePermissionDenied || postproof.DeliveryOf(err) != postproof.Refused {
			t.Errorf("%s: %v, want permission_denied (refused)", name, err)
		}
		if n := sim.Orders(string(ref)); n != 0 {
			t.Errorf("%s: %d printed", name, n)
		}
	}
}

// TestProofOfDelivery is what certified mail has, and no self-mailer, though Lob calls
// the scans of both by one name.
func TestProofOfDelivery(t *testing.T) {
	t.Parallel()
	html := postproof.HTML{Front: "<p>", Back: "<p>"}
	for _, test := range []struct {
		piece postproof.Piece
		class postproof.MailClass
		want  postproof.Confidence
	}{
		{postproof.SelfMailer{Size: postproof.Size6x18Bifold(), Artwork: html}, postproof.FirstClass, postproof.Estimated},
		{postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: html}, postproof.FirstClass, postproof.Estimated},
		{postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: html}, postproof.Certified, postproof.Scanned},
	} {
		sim := adaptertest.NewSimulator(t, "lob", vendorsim.Config{Lob: vendorsim.LobConfig{TestTracking: true}})
		a, err := lob.New(sim.Credential().Key, lob.WithUseType(lob.Operational))
		if err != nil {
			t.Fatal(err)
		}
		j := job()
		j.Piece, j.Class = test.piece, test.class
		s := submission(j)
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		do := &vendortest.Doer{Handler: sim}
		order, err := a.Submit(t.Context(), do, s, body)
		if err != nil {
			t.Fatal(err)
		}
		sim.Advance(30 * 24 * time.Hour)
		order, err = a.Get(t.Context(), do, order.Receipt.VendorID)
		if err != nil || order.Status.Stage != postproof.StageDelivered || order.Status.Confidence != test.want {
			t.Errorf("%s as %s: %+v, %v, want delivered, %s", test.piece.Kind(), test.class, order.Status, err, test.want)
		}
	}
}
