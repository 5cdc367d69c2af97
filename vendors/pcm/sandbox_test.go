package pcm_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestSandbox asks PCM itself about what its documentation leaves open: what a
// duplicate looks like, and how soon an order can be found. It runs with a
// Sandbox pair in POSTPROOF_TEST_PCM_KEY and POSTPROOF_TEST_PCM_SECRET only.
// A Production pair in their place would print.
func TestSandbox(t *testing.T) {
	t.Parallel()
	key, secret := os.Getenv("POSTPROOF_TEST_PCM_KEY"), os.Getenv("POSTPROOF_TEST_PCM_SECRET")
	if key == "" || secret == "" {
		t.Skip("POSTPROOF_TEST_PCM_KEY and POSTPROOF_TEST_PCM_SECRET are not set")
	}
	a, err := pcm.New(key, secret, postproof.ModeTest)
	if err != nil {
		t.Fatal(err)
	}
	do := &vendortest.Doer{Transport: &http.Transport{}}
	s := submission(job())
	s.Ref = postproof.Ref(rand.Text()[:postproof.RefLength])
	body, err := a.Encode(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.Submit(t.Context(), do, s, body)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Cancel(t.Context(), do, first.Receipt.VendorID); err != nil {
			t.Error(err)
		}
	}()
	started := time.Now()
	again, err := a.Submit(t.Context(), do, s, body)
	if err != nil {
		t.Fatal(err)
	}
	if again.Receipt.VendorID != first.Receipt.VendorID || !again.Replayed || !again.Facts.Equal(vendors.FactsOf(&s.Job, body)) {
		t.Errorf("the repeat: %+v", again)
	}
	t.Logf("found after %v", time.Since(started))
}
