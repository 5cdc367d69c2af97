package signature_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/postproof/postproof/vendors/signature"
)

// A handler reads the raw body, at most so much of it, and answers with the
// status that belongs to the reason of a refusal.
func ExampleVerifier_Verify() {
	verifier, err := signature.HMAC{Header: "X-Stannp-Signature"}.NewVerifier("the-secret-of-the-webhook")
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		switch err := verifier.Verify(r.Header, body, time.Now()); {
		case errors.Is(err, signature.ErrMalformed):
			w.WriteHeader(http.StatusBadRequest)
		case err != nil: // ErrSignature, ErrStale, ErrFuture
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusNoContent) // after it was stored
		}
	})

	const body = `{"webhook_id":7,"event":"mailpiece_status"}`
	signed, err := signature.HMAC{Header: "X-Stannp-Signature"}.Sign([]byte(body), "the-secret-of-the-webhook")
	if err != nil {
		fmt.Println(err)
		return
	}
	send := func(header http.Header, body string) {
		r := httptest.NewRequest(http.MethodPost, "/callbacks/stannp", strings.NewReader(body))
		r.Header = header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	send(signed, body)
	send(signed, body+" ")
	send(http.Header{}, body)
	// Output:
	// 204
	// 401
	// 400
}
