package postgrid_test

import (
	"crypto/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestSandbox asks PostGrid itself about what its documentation leaves open:
// whether an idempotency key on orders does anything, with the same body and
// with another, how soon an order can be found, what a cancellation that comes
// too late looks like, and whether the log is newest first. It runs with a test
// key in POSTPROOF_TEST_POSTGRID_KEY only, and prints nothing on paper. It fails
// where an answer contradicts what the adapter relies on; what it learns is in
// its log.
func TestSandbox(t *testing.T) {
	t.Parallel()
	key := os.Getenv("POSTPROOF_TEST_POSTGRID_KEY")
	if key == "" {
		t.Skip("POSTPROOF_TEST_POSTGRID_KEY is not set")
	}
	a, err := postgrid.New(key, postgrid.WithIdempotencyKeys())
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
	started := time.Now()
	if first.Receipt.Ref != s.Ref || first.Mode != postproof.ModeTest || !first.Facts.Equal(vendors.FactsOf(&s.Job, body)) {
		t.Errorf("the order comes back as %v in mode %q with %+v", first.Receipt.Ref, first.Mode, first.Facts)
	}
	found, err := a.Find(t.Context(), do, s.Ref)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v after the answer: %d orders found, complete %v", time.Since(started), len(found.Orders), found.Complete)
	again, _ := send()
	t.Logf("the same key and body: the same order %v", again.Receipt.VendorID == first.Receipt.VendorID)
	s.Job.To.Line2 = "# 6101"
	other, _ := send()
	t.Logf("the same key, another body: the same order %v", other.Receipt.VendorID == first.Receipt.VendorID)
	listed := 0
	for _, err := range a.List(t.Context(), do, started.Add(-time.Hour)) {
		if err != nil {
			t.Fatal("a list of pages of 100:", err)
		}
		listed++
	}
	if listed == 0 {
		t.Error("the list has none of the orders")
	}
	var times []time.Time
	for n, err := range a.Events(t.Context(), do, time.Time{}) {
		if err != nil {
			t.Fatal("the log:", err)
		}
		if times = append(times, n.Event.Status.VendorTime); len(times) == 20 {
			break
		}
	}
	t.Logf("the log's first times: %v", times)
	for _, id := range []string{first.Receipt.VendorID, again.Receipt.VendorID, other.Receipt.VendorID} {
		err := a.Cancel(t.Context(), do, id)
		t.Logf("cancel: %v", err)
		if gone, err := a.Get(t.Context(), do, id); err != nil || !gone.Dead || gone.Status.Stage != postproof.StageCanceled {
			t.Errorf("a canceled order: %+v, %v", gone, err)
		}
	}
	if err := a.Cancel(t.Context(), do, first.Receipt.VendorID); postproof.CodeOf(err) != postproof.CodeConflict {
		t.Errorf("canceled twice: %v", err)
	}
}
