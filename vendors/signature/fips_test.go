package signature_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/postproof/postproof/vendors/signature"
)

const fipsChild = "POSTPROOF_TEST_FIPS"

// TestFIPSOnly: where only approved algorithms are allowed, Poplar's is an
// error of the constructor, not a panic at the first callback, and all the
// others work.
func TestFIPSOnly(t *testing.T) {
	t.Parallel()
	if os.Getenv(fipsChild) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPSOnly$") // this test
		cmd.Env = append(os.Environ(), fipsChild+"=1", "GODEBUG=fips140=only")
		if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(string(out), "not supported") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for _, s := range schemes() {
		secret, private := s.keys(1)
		v, err := s.verifier(0, secret)
		if s.name == "HMAC, SHA-1" {
			if err == nil {
				t.Error("HMAC-SHA1 was taken")
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		h, body, err := s.sign(small(), signedAt(), private)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		want(t, s.name, v.Verify(h, body, signedAt()), nil)
	}
	if _, err := (signature.HMAC{Header: "A", Algorithm: signature.SHA1}).Sign(small(), secretText); err == nil {
		t.Error("signed with HMAC-SHA1")
	}
}
