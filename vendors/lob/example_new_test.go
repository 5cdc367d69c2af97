package lob_test

import (
	"fmt"
	"log"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/lob"
)

// The key says which mode the adapter is of. What Lob can do is data, which the
// ledger reads before it decides.
func ExampleNew() {
	printer, err := lob.New("test_0123456789", lob.WithAccount("main"), lob.WithUseType(lob.Operational))
	if err != nil {
		log.Fatal(err)
	}
	can := printer.Capabilities()
	fmt.Println(can.Vendor, printer.Account().Mode, can.Idempotency.Kind, "for", can.Idempotency.Window)

	job := postproof.Job{
		Key: "invoice-1042", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.SizeUSLetter(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}
	fmt.Println(can.Supports(&job))

	_, err = lob.New("live_0123456789", lob.WithBaseURL("http://api.example.com/v1"))
	fmt.Println(postproof.CodeOf(err))
	// Output:
	// lob test key for 24h0m0s
	// lob: unsupported (not_sent): piece.size: lob has no postcard of size 8.5 × 11 in; it has 4x6, 6x9, 6x11
	// invalid_argument
}
