package signature_test

import (
	"fmt"

	"github.com/postproof/postproof/vendors/signature"
)

// A vendor that signs nothing can at least be given a URL that nobody guesses.
func ExampleTokens() {
	tokens, err := signature.NewTokens("zQ4v7YpT2mKx9cRw")
	if err != nil {
		fmt.Println(err)
		return
	}
	// POST /callbacks/thanksio/zQ4v7YpT2mKx9cRw
	fmt.Println(tokens.Verify("zQ4v7YpT2mKx9cRw"))
	fmt.Println(tokens.Verify("guess"))

	_, err = signature.NewTokens("zQ4v7YpT2mKx9cRw", "changeme")
	fmt.Println(err)
	// Output:
	// <nil>
	// signature: none of the active secrets signed the callback: the token is not one of the active ones
	// signature: secret 2 of 2 is shorter than 16 bytes: have the vendor make a longer one
}
