package vendortest_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/vendortest"
)

// What a test of an adapter's own does: the vendor says what no simulator would,
// and the test looks at what was asked.
func ExampleAnswers() {
	do := vendortest.Answers(`{"pieces":[],"next":"a"}`, `{"pieces":[],"next":"a"}`)
	for _, after := range []string{"", "a", "a"} { // in place of the adapter's Find
		resp, err := do.Do(context.Background(), &vendors.Request{
			Op: postproof.OpLookUp, Class: postproof.RepeatSafe, Method: http.MethodGet, URL: "https://acme.test/pieces?after=" + after, Route: "/pieces",
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(resp.Body))
	}
	for _, asked := range do.Asked() {
		fmt.Println(asked)
	}
	// Output:
	// {"pieces":[],"next":"a"}
	// {"pieces":[],"next":"a"}
	// {"pieces":[],"next":"a"}
	// GET https://acme.test/pieces?after=
	// GET https://acme.test/pieces?after=a
	// GET https://acme.test/pieces?after=a
}
