package postproof_test

import (
	"fmt"

	"github.com/postproof/postproof"
)

// A job is checked as a whole before anything is stored or sent, and prints
// without the recipient.
func ExampleJob_Validate() {
	job := postproof.Job{
		Key:   "invoice-1042",
		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "9410"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}
	fmt.Println(job.Validate())
	job.To.PostalCode, job.Class = "94107", postproof.FirstClass
	fmt.Println(job.Validate())
	// Output:
	// validate: invalid_argument (not_sent): to.postal_code: is not a ZIP code: 12345 or 12345-6789; class: missing or unknown: there is no default, set one such as "first_class"
	// <nil>
}
