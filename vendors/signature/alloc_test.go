package signature_test

import (
	"strings"
	"testing"
)

// TestVerifyAllocates guards what is allocated for a callback that is
// accepted, however long: at most two pieces of memory, and none with a MAC
// over the body in a header. A token must be decoded to be read.
func TestVerifyAllocates(t *testing.T) { //nolint:paralleltest // it counts allocations
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	for _, s := range schemes() {
		most := 0.0
		switch {
		case s.name == "JWT", s.name == "StandardWebhooks v1a":
			most = 2
		case strings.HasPrefix(s.name, "Token"):
			most = 1
		}
		for _, size := range []int{1 << 10, 16 << 10} {
			v := s.mustVerifier(t, 2, 1)
			h, body := s.mustSign(t, large(size), signedAt(), 1)
			if err := v.Verify(h, body, signedAt()); err != nil {
				t.Fatal(err)
			}
			got := testing.AllocsPerRun(200, func() {
				if err := v.Verify(h, body, signedAt()); err != nil {
					t.Error(err)
				}
			})
			if got > most {
				t.Errorf("%s, %d bytes: %.0f allocations, want at most %.0f", s.name, size, got, most)
			}
		}
	}
}
