package postgrid_test

import (
	"fmt"
	"log"

	"github.com/postproof/postproof/vendors/postgrid"
)

// Nobody has verified what PostGrid does with a repeated Idempotency-Key, so by
// default an unknown outcome is looked up and never sent again. An account whose
// owner has verified it says so.
func ExampleNew() {
	careful, err := postgrid.New("test_sk_0123456789", postgrid.WithAccount("main"))
	if err != nil {
		log.Fatal(err)
	}
	verified, err := postgrid.New("test_sk_0123456789", postgrid.WithAccount("main"), postgrid.WithIdempotencyKeys())
	if err != nil {
		log.Fatal(err)
	}
	for _, printer := range []*postgrid.Adapter{careful, verified} {
		can := printer.Capabilities()
		fmt.Printf("keys: %q, look-up: %t\n", can.Idempotency.Kind, can.Lookup.ByRef)
	}
	// Output:
	// keys: "", look-up: true
	// keys: "key", look-up: true
}
