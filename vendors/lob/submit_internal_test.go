package lob

import (
	"strings"
	"testing"

	"github.com/postproof/postproof/vendors"
)

// TestOrderReaderKeepsNoOlderAnswer: what one attempt read must not stand in
// for the answer of another.
func TestOrderReaderKeepsNoOlderAnswer(t *testing.T) {
	t.Parallel()
	first := []byte(`{"id":"psc_1","object":"postcard"}`)
	second := []byte(`{"id":"psc_2","object":"postcard"}`)
	r := orderReader{product: postcardProduct(), caps: capabilities()}
	if err := r.check(first); err != nil {
		t.Fatal(err)
	}
	judged := r.read
	if o, err := r.of(&vendors.Response{Body: first}); err != nil || o != judged {
		t.Errorf("the answer that was judged: %v, %v; want the order that was read then", o, err)
	}
	if o, err := r.of(&vendors.Response{Body: second}); err != nil || o.Receipt.VendorID != "psc_2" {
		t.Errorf("an answer that was not judged: %v, %v; want psc_2", o, err)
	}
	if err := r.check([]byte(`{}`)); err == nil || r.read != nil {
		t.Errorf("an answer that is no piece: %v, and %v is kept", err, r.read)
	}
	if o, err := r.of(&vendors.Response{Body: []byte(`null`)}); err == nil {
		t.Errorf("null is taken for %s", o.Receipt.VendorID)
	}
}

func TestOrderReaderWantsTheIDAskedFor(t *testing.T) {
	t.Parallel()
	r := orderReader{product: postcardProduct(), caps: capabilities(), id: "psc_1"}
	other := []byte(strings.ReplaceAll(theirs, "psc_208e45e48d271294", "psc_2"))
	if err := r.check(other); err == nil {
		t.Error("another piece passes the check")
	}
	if o, err := r.of(&vendors.Response{Body: other}); err == nil {
		t.Errorf("another piece is taken: %s", o.Receipt.VendorID)
	}
}
