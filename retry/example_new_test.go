package retry_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// A vendor answers the first request with 503. One that it deduplicates by a key
// is sent again while the key is good; one that it does not is left alone, with
// an outcome that says so.
func ExampleNew() {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"id":"pc_1"}`))
	}))
	defer server.Close()
	sender, err := retry.New(retry.Config{Base: time.Millisecond}) // each field of the zero value is a default
	if err != nil {
		log.Fatal(err)
	}
	keyed := &retry.Request{
		Op: postproof.OpSubmit, Vendor: "acme", Class: postproof.RepeatKeyed, Method: http.MethodPost, URL: server.URL,
		NotAfter: time.Now().Add(23 * time.Hour), // until when the vendor honors the key
	}
	resp, err := sender.Do(context.Background(), keyed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(resp.Body), "after", len(resp.Attempts), "attempts:", resp.Delivery)

	never := &retry.Request{Op: postproof.OpSubmit, Vendor: "acme", Class: postproof.RepeatNever, Method: http.MethodPost, URL: server.URL}
	_, err = sender.Do(context.Background(), never)
	fmt.Println(postproof.CodeOf(err), postproof.DeliveryOf(err))
	if a, ok := errors.AsType[*retry.AttemptsError](err); ok {
		fmt.Println(a.Sends, "send, stopped by", a.Stop)
	}
	// Output:
	// {"id":"pc_1"} after 2 attempts: accepted
	// unavailable unknown
	// 1 send, stopped by verdict
}
