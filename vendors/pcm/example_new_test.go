package pcm_test

import (
	"fmt"
	"log"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/pcm"
)

// PCM's pairs do not show their mode: it is said, and the ledger holds to it.
func ExampleNew() {
	printer, err := pcm.New("key", "secret", postproof.ModeTest, pcm.WithAccount("main"))
	if err != nil {
		log.Fatal(err)
	}
	can := printer.Capabilities()
	fmt.Println(can.Vendor, printer.Account().Mode, "deduplicates by", can.Idempotency.Kind)
	fmt.Println(printer) // without credentials
	// Output:
	// pcm test deduplicates by unique_reference
	// pcm(test)
}
