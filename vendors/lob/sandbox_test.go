package lob_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestSandbox asks Lob itself about what its documentation leaves open: what a
// replay looks like, with the same body and with another, and how soon a piece
// can be found. It runs with a test key in POSTPROOF_TEST_LOB_KEY only, and
// prints nothing.
func TestSandbox(t *testing.T) {
	t.Parallel()
	key := os.Getenv("POSTPROOF_TEST_LOB_KEY")
	if key == "" {
		t.Skip("POSTPROOF_TEST_LOB_KEY is not set")
	}
	a, err := lob.New(key, lob.WithUseType(lob.Operational))
	if err != nil {
		t.Fatal(err)
	}
	if a.Account().Mode != postproof.ModeTest {
		t.Fatal("this is not a test key")
	}
	do := &vendortest.Doer{Transport: &http.Transport{}}
	s := submission(job())
	s.Ref = postproof.Ref(rand.Text()[:postproof.RefLength])
	s.VendorKey = strings.ToLower(rand.Text() + rand.Text())[:32]
	send := func() (*vendors.Order, *vendors.Body) {
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		order, err := a.Submit(t.Context(), do, s, body)
		if err != nil {
			t.Fatal(err)
		}
		return order, body
	}
	first, body := send()
	if !first.Facts.Equal(vendors.FactsOf(&s.Job, body)) {
		t.Errorf("facts %+v differ from the job's", first.Facts)
	}
	started := time.Now()
	again, _ := send()
	if again.Receipt.VendorID != first.Receipt.VendorID {
		t.Error("the same key made a second piece")
	}
	s.Job.To.Line2 = "# 6101"
	other, changed := send()
	t.Logf("another body under the same key: same piece %v, equal content %v",
		other.Receipt.VendorID == first.Receipt.VendorID, other.Facts.Equal(vendors.FactsOf(&s.Job, changed)))
	found, err := a.Find(t.Context(), do, s.Ref)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after %v: %d pieces found, complete %v", time.Since(started), len(found.Orders), found.Complete)
	if err := a.Cancel(t.Context(), do, first.Receipt.VendorID); err != nil {
		t.Error(err)
	}
	gone, err := a.Get(t.Context(), do, first.Receipt.VendorID)
	if err == nil && !gone.Dead || err != nil && postproof.CodeOf(err) != postproof.CodeNotFound {
		t.Errorf("a canceled piece: %+v, %v", gone, err)
	}
}
