package signature_test

import (
	"fmt"
	"time"

	"github.com/postproof/postproof/vendors/signature"
)

// While a secret is rotated, both are active: callbacks that the vendor signed
// with the old one are accepted until it is taken out of the list.
func Example_rotation() {
	scheme := signature.TimestampedHMAC{Header: "Lob-Signature", TimestampHeader: "Lob-Signature-Timestamp"}
	now := time.Unix(1_700_000_000, 0)
	body := []byte(`{"id":"evt_1","event_type":{"id":"postcard.mailed"}}`)
	header, err := scheme.Sign(body, now, "the-old-secret-of-the-webhook") // the vendor does this
	if err != nil {
		fmt.Println(err)
		return
	}

	during, err := scheme.NewVerifier("the-new-secret-of-the-webhook", "the-old-secret-of-the-webhook")
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := scheme.NewVerifier("the-new-secret-of-the-webhook")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("during:", during.Verify(header, body, now))
	fmt.Println("after: ", after.Verify(header, body, now))
	fmt.Println(during)
	// Output:
	// during: <nil>
	// after:  signature: none of the active secrets signed the callback: header Lob-Signature
	// signature.Verifier(HMAC-SHA256 of time and body in Lob-Signature, 2 secrets)
}
