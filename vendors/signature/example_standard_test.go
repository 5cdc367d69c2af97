package signature_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/postproof/postproof/vendors/signature"
)

// A sender that rotates its secret signs with both; receivers with either
// accept the callback, for five minutes.
func ExampleStandardWebhooks() {
	var scheme signature.StandardWebhooks
	const (
		oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		newSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	)
	now, body := time.Unix(1_700_000_000, 0), []byte(`{"type":"piece.mailed"}`)
	header, err := scheme.Sign("msg_1", body, now, newSecret, oldSecret)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, secret := range []string{oldSecret, newSecret} {
		verifier, err := scheme.NewVerifier(secret)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(verifier.Verify(header, body, now.Add(5*time.Minute)))
		fmt.Println(errors.Is(verifier.Verify(header, body, now.Add(6*time.Minute)), signature.ErrStale))
	}
	// Output:
	// <nil>
	// true
	// <nil>
	// true
}
