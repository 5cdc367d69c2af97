package main

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestAcme is all that a test of an adapter needs; what it calls is the same
// suite that the adapters of this module pass.
func TestAcme(t *testing.T) {
	t.Parallel()
	vendortest.Run(t, func(t *testing.T) vendortest.Harness {
		t.Helper()
		adapter, err := NewAcme("https://acme.test/v1", "main", "acme-key-1f0c7d52", postproof.ModeTest)
		if err != nil {
			t.Fatal(err)
		}
		return vendortest.Harness{
			Adapter: adapter, Simulator: NewPress("acme-key-1f0c7d52"), Secrets: []string{"acme-key-1f0c7d52"},
			Refusal: func(int) []byte { return []byte(`{"error":{"code":"invalid"}}`) }, // as Acme says no
		}
	})
}

func Example() {
	main()
	// Output:
	// accepted by acme, sent 2 times, on paper: 1
	// delivered, by 1 of 2 callbacks
}
