package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// What an answer says of the person goes, in memory and in the files, and only
// hers; the answer itself stays.
func TestSpoolRedacts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(dir, "ledger")
	if err != nil {
		t.Fatal(err)
	}
	put := func(key postproof.Key, tracking string) {
		order := &idempotency.Sighting{
			Receipt: postproof.Receipt{VendorID: "id-" + tracking, TrackingID: tracking}, Status: postproof.Status{Stage: postproof.StageAccepted, Raw: "raw " + tracking, Reason: "why " + tracking},
		}
		e := Answer{ID: idempotency.IDOf(key), Ledger: "ledger", At: time.Unix(1, 0), Answer: idempotency.Answer{Vendor: "lob", Ref: postproof.Ref("REF" + tracking), Delivery: postproof.Accepted, Order: order}}
		if err := s.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	put("ada", "9400")
	put("ben", "9401")
	put("ada", "9402")
	waiting, _ := s.Take(time.Unix(2, 0))
	if err := s.Done(1, waiting[:1], time.Unix(2, 0)); err != nil { // the first one is parked
		t.Fatal(err)
	}
	n, err := s.Redact(func(id idempotency.ID) bool { return id == idempotency.IDOf("ada") })
	if n != 2 || err != nil {
		t.Fatalf("%d answers, %v", n, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range files {
		part, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(part)
	}
	for word, want := range map[string]int{
		`"9400"`: 0, `"9402"`: 0, "raw 940": 1, "why 940": 1, `"9401"`: 1, "id-9400": 1, "id-9401": 1, "id-9402": 1, "REF9400": 1,
	} {
		if got := strings.Count(text.String(), word); got != want {
			t.Errorf("%q stands %d times in the files, want %d: %s", word, got, want, text.String())
		}
	}
	for _, e := range s.All() {
		if (e.Answer.Order.Receipt.TrackingID == "") != (e.ID == idempotency.IDOf("ada")) {
			t.Errorf("in memory: %+v", e.Answer.Order.Receipt)
		}
	}
	// Another process finds them all.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, "ledger")
	if err != nil || len(again.All()) != 3 {
		t.Errorf("%d answers, %v, want 3", len(again.All()), err)
	}
}
