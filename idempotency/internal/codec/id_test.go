package codec_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// TestIDBytes: an id is read as itself or not at all, so that no id stands for
// the record of another.
func TestIDBytes(t *testing.T) {
	t.Parallel()
	id := idempotency.IDOf("spring/1234/card")
	if got := codec.IDOf(codec.IDBytes(id)); got != id {
		t.Errorf("%s is read as %s", id, got)
	}
	for _, none := range []idempotency.ID{idempotency.ID(strings.ToUpper(string(id))), "A" + id[1:], id[:63], id[:63] + "g", "card"} {
		if got := codec.IDBytes(none); got != nil {
			t.Errorf("%s is read as %x", none, got)
		}
	}
}
