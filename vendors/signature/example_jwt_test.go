package signature_test

import (
	"fmt"
	"time"

	"github.com/postproof/postproof/vendors/signature"
)

// Where the body is a token, it is verified first and its claims are parsed
// then.
func ExampleUnverifiedClaims() {
	const secret = "the-secret-of-the-webhook"
	now := time.Unix(1_700_000_060, 0)
	body, err := signature.JWT{}.Sign([]byte(`{"type":"postcard.updated","iat":1700000000}`), secret) // the vendor does this
	if err != nil {
		fmt.Println(err)
		return
	}

	verifier, err := signature.JWT{}.NewVerifier(secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := verifier.Verify(nil, body, now); err != nil {
		fmt.Println(err)
		return
	}
	claims, err := signature.UnverifiedClaims(body) // verified above
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(claims))
	// Output:
	// {"type":"postcard.updated","iat":1700000000}
}
