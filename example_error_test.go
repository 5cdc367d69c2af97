package postproof_test

import (
	"errors"
	"fmt"

	"github.com/postproof/postproof"
)

// What may be done after an error is a matter of its delivery, not of its code.
func Example_errors() {
	for _, err := range []error{
		postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, errors.New("connection refused")),
		postproof.NewError(postproof.CodeDeadlineExceeded, postproof.Unknown, errors.New("no answer within 30s")),
		errors.New("an error of somebody else's"),
	} {
		switch postproof.DeliveryOf(err) {
		case postproof.NotSent, postproof.Refused:
			fmt.Println("no paper:", postproof.CodeOf(err))
		case postproof.Unknown:
			fmt.Println("perhaps in the mail, only the vendor can tell:", postproof.CodeOf(err))
		case postproof.Accepted:
			fmt.Println("in the mail")
		}
	}
	// Output:
	// no paper: unavailable
	// perhaps in the mail, only the vendor can tell: deadline_exceeded
	// perhaps in the mail, only the vendor can tell: unknown
}
